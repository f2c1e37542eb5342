"""The rack: inventory, leases, health, envelopes, safe state, the dead-man process, and the gateway that owns it."""
