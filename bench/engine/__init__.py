"""Engines: what starts, watches and restarts the processes of a run."""
