"""Campaign ``outage``: a feeder goes dark, its meters join again, and what was missed is recovered (A16)."""
