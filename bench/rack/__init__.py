"""The rack: inventory, leases, health, envelopes, safe state, the dead-man process, and the gateway that owns it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path("results/.rack")
"""Where a gateway keeps its journal and audit log and tells where it is, from the working directory."""
