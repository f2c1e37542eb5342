"""Campaign ``metrology``: errors of the meters on a rack against their analyser, and how they bear their supply (M11).

Limits and parameters: ``bench/limits/metrology.toml``; test points: ``data/points.toml``; docs/metrology.md.
"""

from bench.campaigns.metrology.plan import MetrologyPlan
from bench.campaigns.metrology.record import FILE, Findings, Row, read_rows
from bench.campaigns.metrology.results import measurements
from bench.campaigns.metrology.run import measure, run

__all__ = ["FILE", "Findings", "MetrologyPlan", "Row", "measure", "measurements", "read_rows", "run"]
