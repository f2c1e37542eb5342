"""Brokers: which process to start, if any, and where the bus then is."""
