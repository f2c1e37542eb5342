"""Readers of meters, one protocol a file; the docstring of each shows the address that configures it."""
