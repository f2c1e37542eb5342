"""The shard: one process that owns a slice of the fleet and its bus connection."""
