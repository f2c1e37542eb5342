"""The twins' keys: all come from one master key, and that from the topology's seed."""

from __future__ import annotations

import hashlib


def master_key(seed: int) -> bytes:
    """The twins' master key (16 bytes), so that a run can be repeated: twins have nothing to hide."""
    return hashlib.sha256(f"meter-bench twins' master key {seed}".encode()).digest()[:16]
