"""The physics that the instruments agree on; pure, time is handed in."""
