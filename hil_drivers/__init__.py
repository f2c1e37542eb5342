"""The rack's drivers. Knows nothing of twins: it meets the virtual rack over wires only."""
