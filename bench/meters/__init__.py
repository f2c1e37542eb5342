"""Meters as the command line knows them: where they are, and the reader that speaks to each."""
