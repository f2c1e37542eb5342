"""``bench serve``: which twins are served, and the process that serves them, watched and started again."""
