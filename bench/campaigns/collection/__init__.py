"""Campaign ``collection``: periodic 30-minute values, re-collected until nothing is missing (A3, A4, A5)."""

from bench.campaigns.collection.measure import ON_TIME_SECONDS, measure, unrecovered

__all__ = ["ON_TIME_SECONDS", "measure", "unrecovered"]
