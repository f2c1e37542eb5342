"""Drivers of relays and switched outlets; the capability they share is :mod:`hil_drivers.relay`."""
