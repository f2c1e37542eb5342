# The two commands of the README are `make demo` and `make test`. Every target makes .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Twice the cores of a small machine: many tests wait for other processes.
WORKERS ?= 4

.PHONY: demo test check fuzz lock clean

demo: $(VENV)/engine.stamp
	$(BIN)/bench run topologies/mixed.yaml

test: $(VENV)/dev.stamp $(VENV)/engine.stamp
	sh tests/setup-debian.sh
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Mutated and random input for every parser and server, guided by coverage (docs/fuzzing.md). FUZZ="--runs 100000" …
fuzz: $(VENV)/fuzz.stamp
	$(BIN)/python -m tests.fuzz $(FUZZ)

# Locked versions, with hashes. The package itself is installed in place, so that edits count at once.
$(VENV)/run.stamp: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=…")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# The event engine as machine code, kept beside its sources: once, and not by many processes at the same time.
$(VENV)/engine.stamp: $(VENV)/run.stamp $(wildcard twins/field/mesh/*.py)
	@echo "compiling the event engine of the field, once: about a minute"
	$(BIN)/python -m twins.field.mesh
	touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

$(VENV)/fuzz.stamp: requirements-fuzz.lock $(VENV)/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.lock
	touch $@

# After a change of the dependencies in pyproject.toml.
lock: $(VENV)/dev.stamp
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--extra build --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--extra build --extra dev --output-file requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--group fuzz --output-file requirements-fuzz.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
