"""Drivers of AC loads."""
