"""What homes and shops draw from the net in half an hour, and what their roofs give back.

``parameters`` reads the data file, ``model`` makes arrays of it, ``homes`` draws the fixed columns of each twin,
``moment`` works out what is common to all twins in a slot, and ``energy`` brings both together. The model is described
in ``docs/load-model.md``.
"""
