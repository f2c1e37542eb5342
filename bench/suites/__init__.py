"""Suites that ship with the bench: pytest tests for the places of a rack and for twins alike (docs/night.md).

``pytest --bench-env TOPOLOGY bench/suites``. Each test bears the rows of the requirements that it holds, leaves a meter
as it found it, and names in ``finders.toml`` the planted defects that it should find.
"""
