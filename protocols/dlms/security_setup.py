"""Security setup (IC64): the keys, counters and policy of a device, key transfer and activation.

A transferred key arrives wrapped under the key-encrypting key (RFC 3394) and is in force at once. With a new
encryption key all counters start again; with one that was in force before they go on where they were then.
:class:`SecurityState` is all there is to persist; ``journal`` is called *before* a change counts, so that a provider
can write it down first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.axdr import Data, DataType, octets
from protocols.dlms.errors import RefusalError
from protocols.dlms.objects import Attr, Call, CosemObject
from protocols.dlms.roles import EVERYBODY, MANAGERS, NOBODY, POLICY_CONTROLS, SECURITY_SETUP
from protocols.dlms.security import KEY_BYTES, unwrap_key
from protocols.dlms.values import enum, take_array, take_integer, take_octets, take_structure, uint32
from protocols.errors import MeterBenchError, SecurityError

MAX_CLIENTS: Final = 4096
"""Client titles whose counters are kept under one key. None is ever dropped: its old messages would become fresh."""

MAX_PAST_KEYS: Final = 256
"""Encryption keys whose counters are kept after they went; a renewal a month fills it in 21 years. Our own limit."""

_FIRST_COUNTER: Final = 1  # not 0: dlms-cosem 21.3.2 believes to have seen 0 already
_LAST_COUNTER: Final = 2**32 - 1


class KeyId(IntEnum):
    """Which key a transfer replaces."""

    UNICAST = 0
    BROADCAST = 1
    AUTHENTICATION = 2
    WRAPPING = 3


@dataclass(frozen=True, slots=True)
class SecurityState:
    """Keys (16 bytes each), policy 0…3, the next counter of our own, and the last one seen of each client title.

    ``past`` are counter and seen ones of the encryption keys that were in force before, by the digest of the key.
    """

    encryption_key: bytes
    authentication_key: bytes
    wrapping_key: bytes
    broadcast_key: bytes = bytes(KEY_BYTES)
    policy: int = 3
    counter: int = _FIRST_COUNTER
    seen: dict[bytes, int] = field(default_factory=dict)
    past: dict[bytes, tuple[int, dict[bytes, int]]] = field(default_factory=dict)


class SecuritySetup:
    """Security of one device in memory, a :class:`~protocols.dlms.device.Security`."""

    def __init__(
        self,
        title: bytes,
        state: SecurityState,
        *,
        answers_under_new_key: bool = False,
        journal: Callable[[SecurityState], None] = lambda state: None,
    ) -> None:
        self.title = title
        self.answers_under_new_key = answers_under_new_key
        self._state = state
        self._journal = journal

    @property
    def state(self) -> SecurityState:
        """What to persist."""
        return self._state

    @property
    def policy(self) -> int:
        """Security policy in force."""
        return self._state.policy

    def keys(self) -> tuple[bytes, bytes]:
        """Encryption key and authentication key."""
        return self._state.encryption_key, self._state.authentication_key

    def next_counter(self) -> int:
        """A counter of our own that is used from now on; raises when a key has none left."""
        counter = self._state.counter
        if counter > _LAST_COUNTER:
            raise MeterBenchError("the invocation counter is used up: the device needs a new encryption key")
        self._change(counter=counter + 1)
        return counter

    def last_counter(self, title: bytes) -> int | None:
        """Highest counter accepted from a client, None when there was none."""
        return self._state.seen.get(title)

    def highest_counter(self) -> int:
        """Highest counter accepted from any client, 0 when there was none: object 0.0.43.1.x, read before HLS."""
        return max(self._state.seen.values(), default=0)

    def note_counter(self, title: bytes, counter: int) -> None:
        """Remember the counter of a client."""
        if title not in self._state.seen and len(self._state.seen) >= MAX_CLIENTS:
            raise SecurityError(f"counters of {MAX_CLIENTS} clients are kept already")
        self._change(seen={**self._state.seen, title: counter})

    def activate(self, parameters: Data | None) -> None:
        """Method 1: set the policy, which can only become stricter."""
        policy = take_integer(parameters, DataType.ENUM)
        allowed = POLICY_CONTROLS.get(policy)
        if allowed is None or not allowed <= POLICY_CONTROLS[self._state.policy]:
            raise RefusalError(DataAccessResult.READ_WRITE_DENIED, f"policy {policy} after {self._state.policy}")
        self._change(policy=policy)

    def transfer(self, parameters: Data | None) -> None:
        """Method 2: replace keys, all of them or none."""
        keys: dict[KeyId, bytes] = {}
        for entry in take_array(parameters):
            which, wrapped = take_structure(entry, 2)
            key_id = _key_id(take_integer(which, DataType.ENUM))
            if key_id in keys:
                raise RefusalError(DataAccessResult.OTHER_REASON, f"key {key_id} twice")
            keys[key_id] = self._unwrapped(take_octets(wrapped))
        if not keys:
            raise RefusalError(DataAccessResult.OTHER_REASON, "no key to transfer")
        self._replace(keys)

    def _unwrapped(self, wrapped: bytes) -> bytes:
        try:
            key = unwrap_key(self._state.wrapping_key, wrapped)
        except SecurityError as error:
            raise RefusalError(DataAccessResult.OTHER_REASON, str(error)) from None
        if len(key) != KEY_BYTES:
            raise RefusalError(DataAccessResult.OTHER_REASON, f"a key of {len(key)} bytes")
        return key

    def _replace(self, keys: dict[KeyId, bytes]) -> None:
        fields: dict[str, object] = {_FIELDS[key_id]: key for key_id, key in keys.items()}
        state, new = self._state, keys.get(KeyId.UNICAST, self._state.encryption_key)
        if new != state.encryption_key:
            past = {**state.past, _digest(state.encryption_key): (state.counter, state.seen)}
            # Counters start again only under a key that was never in force: an old one again would repeat its nonces.
            counter, seen = past.pop(_digest(new), (_FIRST_COUNTER, {}))
            if len(past) > MAX_PAST_KEYS:
                raise RefusalError(DataAccessResult.OTHER_REASON, f"{MAX_PAST_KEYS} keys are remembered already")
            fields |= {"counter": counter, "seen": seen, "past": past}
        self._change(**fields)

    def _change(self, **fields: object) -> None:
        changed = replace(self._state, **fields)  # type: ignore[arg-type]
        self._journal(changed)
        self._state = changed


_FIELDS: Final = {
    KeyId.UNICAST: "encryption_key",
    KeyId.BROADCAST: "broadcast_key",
    KeyId.AUTHENTICATION: "authentication_key",
    KeyId.WRAPPING: "wrapping_key",
}


def _digest(key: bytes) -> bytes:
    """What a key that is gone is remembered by."""
    return hashlib.sha256(key).digest()[:KEY_BYTES]


def _key_id(value: int) -> KeyId:
    try:
        return KeyId(value)
    except ValueError:
        raise RefusalError(DataAccessResult.OTHER_REASON, f"no key {value}") from None


def security_setup_object(setup: SecuritySetup, client_title: Callable[[], bytes] = lambda: b"") -> CosemObject:
    """The object 0.0.43.0.0.255; ``client_title`` is that of the client last associated."""
    return CosemObject(
        64,
        SECURITY_SETUP,
        {
            "security_policy": Attr(lambda: enum(setup.policy), read=MANAGERS),
            "security_suite": Attr(enum(0), read=MANAGERS),
            "client_system_title": Attr(lambda: octets(client_title()), read=MANAGERS),
            "server_system_title": Attr(lambda: octets(setup.title), read=EVERYBODY, write=NOBODY),
        },
        {"security_activate": Call(setup.activate), "key_transfer": Call(setup.transfer)},
    )


def receive_counter_object(setup: SecuritySetup, channel: int = 0) -> CosemObject:
    """The object 0.0.43.1.x: what a client reads in public before HLS, to start above it."""
    return CosemObject(
        1,
        bytes([0, 0, 43, 1, channel, 255]),
        {"value": Attr(lambda: uint32(setup.highest_counter()), write=NOBODY)},
    )
