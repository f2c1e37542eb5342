"""The child of one target: ``python -m tests.fuzz.child GROUP NAME [libFuzzer options] CORPUS …``, under atheris.

The code under test is instrumented as it is imported, so nothing of it may be imported before. libFuzzer's own options
and reports are used as they are; :mod:`tests.fuzz.campaign` reads them.
"""

from __future__ import annotations

import sys

import atheris


def main(group: str, name: str, options: list[str]) -> None:
    """Run until the options' limits; ends the process."""
    with atheris.instrument_imports(include=["protocols", "twins", "bench"]):
        from tests.fuzz.targets import targets_of

        target = targets_of(group)[name]
    atheris.Setup([name, *options], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
