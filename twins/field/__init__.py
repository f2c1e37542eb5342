"""The field-area network that the twins stand in: what arrives at the concentrator, and when."""
