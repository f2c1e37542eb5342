"""Drivers of RF attenuators, one file a maker; the capability they share is :mod:`hil_drivers.attenuator`."""
