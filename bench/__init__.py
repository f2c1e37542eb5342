"""The bench: topologies, campaigns, head-end, judgement, record and report."""

__version__ = "0.1.0"
