"""Front ends: one file an instrument, sans-I/O, with the instrument's own manners."""
