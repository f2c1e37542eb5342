"""No test of bytes is timed: a busy machine must not make a property fail."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
