"""Benchmarks of the bench itself: how many twins, how many readings a second, at what cost."""
