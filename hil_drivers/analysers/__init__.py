"""Drivers of reference analysers."""
