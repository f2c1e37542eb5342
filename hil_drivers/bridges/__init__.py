"""Drivers of PLC bridges; what they have in common is :mod:`hil_drivers.bridge`."""
