"""What a meter remembers: all that was done to it from outside, kept over a restart.

A twin is a pure function of (seed, index, time) and of this. ``parts`` says what there is to remember, ``journal``
keeps it on disk, ``memory`` is one meter's. Meters to which nothing was ever done have no memory and cost nothing.
"""
