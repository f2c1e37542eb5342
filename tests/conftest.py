"""Hypothesis for all tests: no deadline, because machines are shared; the same examples every time where CI judges."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("bench", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("bench")
