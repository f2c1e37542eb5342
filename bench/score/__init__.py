"""Does the bench catch what is wrong? Planted defects, one at a time, and clean nights in between."""
