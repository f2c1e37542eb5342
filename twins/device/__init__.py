"""What one twin does: moves its switch, minds its limit, keeps its bookings, takes a firmware, writes its log.

``device`` ties a meter's view, clock and memory together; ``schedule`` says when a booking is due, ``image`` what a
firmware image is worth, ``factory`` how a meter leaves the factory. No protocol's bytes but COSEM's own values.
"""
