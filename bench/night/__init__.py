"""The night: what was run while nobody watched, how it compares with the nights before, and whether that will do.

:mod:`model` is one night, :mod:`history` keeps them; :mod:`compare` says what became of each test, :mod:`drift` and
:mod:`series` which measurements moved; :mod:`quarantine` is whom the gate looks away from, :mod:`gate` whether the
night passes, :mod:`summary` the same for chat and mail. :mod:`requirements` tells which row of the requirements is
served, verified and proved by what.
"""
