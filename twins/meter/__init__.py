"""What one twin is when somebody talks to it, at any instant, out of the fleet's columns.

Everything here is a pure function of (seed, index, time) and the fleet's state; no protocol's bytes. ``meters`` answers
for many twins at once, ``view`` for one. Below them: ``minutes`` (a half-hour cut into minutes), ``reactive``,
``supply`` (voltage, legs, seconds), ``traits`` (fixed draws), ``profiles`` (what is kept how long), ``display`` (units
and digits), ``clock``, ``identity``; ``parameters`` reads the data files. Described in ``docs/meter-model.md``.
"""
