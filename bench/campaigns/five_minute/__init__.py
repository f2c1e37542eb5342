"""Campaign ``five-minute``: 5-minute values beside readings, in time and complete (A6)."""
