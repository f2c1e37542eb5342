"""SCPI and IEEE 488.2, sans-I/O: messages, headers, values, error queue and status, for both ends of the wire.

Sources: SCPI-1999 volumes 1 and 2, IEEE 488.2, as instruments' manuals restate them; what single instruments do
differently belongs to their front ends and drivers.
"""
