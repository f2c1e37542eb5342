"""Campaign ``capacity``: how many meters a concentrator bears until A5 breaks, by class of area, mode and load."""
