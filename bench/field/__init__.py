"""The field from the bench's side: statistics made and judged, link tables, maps, and what a topology may expect."""
