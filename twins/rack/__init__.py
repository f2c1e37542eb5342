"""The virtual rack: a world with physics, instruments' front ends on it, and the wires that lead to them."""
