"""Keys and counters of one twin, kept in its memory.

Counters of the meter's own are covered by a ceiling that is written down before any counter reaches it; a restarted
meter starts above it, so no nonce is ever used twice (``meter-protocols`` §8 trap 16). The counters of clients are
written down one by one: a request that was heard before a restart is stale after it.
"""

from __future__ import annotations

import hmac

import msgspec

from protocols.dlms.keys import KeyRing
from protocols.dlms.security_setup import SecuritySetup, SecurityState
from twins.device.device import Device
from twins.memory.memory import MeterMemory
from twins.memory.parts import PastKey, Secrets

_RESERVED = 256  # counters covered at a time: a restart skips at most so many of 2^32
_FIRST_COUNTER = 1
_PASSWORD_LENGTH = 16  # hex digits


def factory_secrets(ring: KeyRing, title: bytes) -> Secrets:
    """The secrets that a meter is provisioned with: of its own, out of the fleet's master (requirement X5)."""
    encryption, authentication = ring.for_title(title, 0)
    return Secrets(encryption, authentication, ring.wrapping(title), bytes(16), 3, _FIRST_COUNTER)


def reader_password(master: bytes, title: bytes) -> bytes:
    """Password of the LLS client *reader* of one meter, ASCII."""
    return _password(master, b"reader password", title)


def terminal_password(master: bytes, title: bytes) -> bytes:
    """Password of the hand terminal at the optical port of one meter, ASCII."""
    return _password(master, b"hand terminal password", title)


def _password(master: bytes, purpose: bytes, title: bytes) -> bytes:
    return hmac.digest(master, purpose + b"\0" + title, "sha256").hex()[:_PASSWORD_LENGTH].upper().encode()


class TwinSecurity(SecuritySetup):
    """The security setup of a device whose memory it is; ``forgets`` plants the defect that no counter is kept."""

    def __init__(self, device: Device, title: bytes, *, forgets: bool = False) -> None:
        memory = device.memory
        self._device, self._forgets = device, forgets
        super().__init__(title, _state(memory), journal=self._note)

    def last_counter(self, title: bytes) -> int | None:
        """Highest counter accepted from a client."""
        return None if self._forgets else super().last_counter(title)

    def _note(self, after: SecurityState) -> None:
        """Write down what is about to change, no more than that."""
        before, memory = self.state, self._device.memory
        keys_before, keys_after, seen_before = _keys(before), _keys(after), before.seen
        if keys_after != keys_before or after.policy != before.policy:
            memory.secrets = Secrets(*keys_after, after.policy, after.counter, _past(after))
            if after.encryption_key != before.encryption_key:
                memory.note("heard", None)
                seen_before = {}
            self._device.log("keys_changed" if keys_after != keys_before else "policy_changed")
        elif after.counter > memory.secrets.counter:
            memory.secrets = msgspec.structs.replace(memory.secrets, counter=after.counter - 1 + _RESERVED)
        for title, counter in after.seen.items():
            if seen_before.get(title) != counter:
                memory.hear(title, counter)


def _state(memory: MeterMemory) -> SecurityState:
    kept = memory.secrets
    return SecurityState(
        kept.encryption,
        kept.authentication,
        kept.wrapping,
        kept.broadcast,
        kept.policy,
        kept.counter,
        {bytes.fromhex(title): counter for title, counter in memory.heard.items()},
        {past.digest: (past.counter, dict(past.heard)) for past in kept.past},
    )


def _past(state: SecurityState) -> tuple[PastKey, ...]:
    return tuple(PastKey(digest, counter, tuple(seen.items())) for digest, (counter, seen) in state.past.items())


def _keys(state: SecurityState) -> tuple[bytes, bytes, bytes, bytes]:
    return state.encryption_key, state.authentication_key, state.wrapping_key, state.broadcast_key
