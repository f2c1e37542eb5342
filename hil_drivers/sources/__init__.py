"""Drivers of AC sources, one file a dialect."""
