"""Software twins of everything that is hardware, and the shard that puts meters on the bus."""
