"""The edges to the bus: a bulk link for readings, a paho-mqtt link for control."""
