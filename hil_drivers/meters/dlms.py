"""A meter over DLMS/COSEM (``meter-protocols`` §3): here over TCP, on site :mod:`hil_drivers.meters.optical`.

::

    protocol: dlms
    address: 127.0.0.2                             # port 4059
    keys:                                          # with keys we come as management (HLS-GMAC),
      encryption: 000102030405060708090A0B0C0D0E0F
      authentication: D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF
      wrapping: 101112131415161718191A1B1C1D1E1F   # for key transfer alone
    password: "12345678"                           # with a password as reader, with nothing as public
    client_title: 42454E4348484553                 # our own system title; a meter remembers counters by it

Thresholds of the limiter count in units of 1 A. Objects and conventions: :mod:`hil_drivers.meters.dlms_names`.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Final

from hil_drivers.errors import AnswerError, LinkError, RefusedError, UnsupportedError
from hil_drivers.meter import Action, Booking, Can, ImageState, ImageStatus, Limit, SwitchState, require
from hil_drivers.meters import dlms_names as names
from hil_drivers.meters.dlms_reading import DlmsReading
from hil_drivers.meters.dlms_values import (
    schedule_entry,
    take_bits,
    take_int,
    take_members,
    take_octets,
    take_schedule_entry,
)
from protocols.dlms.apdu import Attribute, DataAccessResult, Method
from protocols.dlms.axdr import Data, array, octets, structure
from protocols.dlms.client import Client, Exchange
from protocols.dlms.clock import DateTime
from protocols.dlms.errors import AccessRefusedError
from protocols.dlms.roles import SECURITY_SETUP
from protocols.dlms.security import wrap_key
from protocols.dlms.security_setup import KeyId
from protocols.dlms.values import ZERO, enum, uint16, uint32

_SWITCH_STATES: Final = ("disconnected", "connected", "ready")
_VERIFY, _ACTIVATE = Method(18, names.IMAGE, 3), Method(18, names.IMAGE, 4)


class DlmsMeter(DlmsReading):
    """Reads and controls one meter."""

    def set_clock(self, at: int) -> None:
        """Write the time as Japanese local time."""
        self._set(Can.SET_CLOCK, names.CLOCK, octets(DateTime.from_unix(at).to_bytes()))

    def switch(self) -> SwitchState:
        """Attributes 2 to 4 of the disconnect control."""
        closed, state, mode = map(take_int, self._get_each(Can.SWITCH, 70, names.SWITCH, (2, 3, 4)))
        known = state < len(_SWITCH_STATES)
        return SwitchState(bool(closed), _SWITCH_STATES[state] if known else f"state {state}", mode)

    def open_switch(self) -> None:
        """Remote disconnect."""
        self._call(Can.SWITCH, Method(70, names.SWITCH, 1), ZERO)

    def close_switch(self) -> None:
        """Remote reconnect."""
        self._call(Can.SWITCH, Method(70, names.SWITCH, 2), ZERO)

    def limit(self) -> Limit:
        """Thresholds of the limiter."""
        return Limit(*map(take_int, self._get_each(Can.LIMIT, 71, names.LIMITER, (3, 4, 5))))

    def set_limit(self, ampere: int) -> None:
        """Write the normal threshold, in the data type that it has."""
        normal = Attribute(71, names.LIMITER, 4)
        self._set(Can.LIMIT, normal, Data(self._get(Can.LIMIT, normal).type, ampere))

    def bookings(self) -> list[Booking]:
        """What the two schedules hold, the earliest first."""
        found = []
        for schedule in (names.LIMIT_SCHEDULE, names.SWITCH_SCHEDULE):
            script, times = self._get_each(Can.BOOKING, 22, schedule, (2, 4))
            for entry in take_members(times):
                table, selector = take_members(script, 2)
                found.append(_booking(take_octets(table), take_int(selector), take_schedule_entry(entry)))
        return sorted(found, key=lambda booking: booking.at)

    def book(self, booking: Booking) -> None:
        """Empty the schedule, say what, then when: in between it must not do the new thing at the old time."""
        if booking.action is Action.LIMIT:
            schedule, script = names.LIMIT_SCHEDULE, (names.LIMIT_SCRIPTS, booking.ampere or 0)
        else:
            schedule, script = names.SWITCH_SCHEDULE, (names.SWITCH_SCRIPTS, names.SWITCH_SELECTORS[booking.action])
        times = Attribute(22, schedule, 4)
        if take_members(self._get(Can.BOOKING, times)):
            self._set(Can.BOOKING, times, array())
        self._set(Can.BOOKING, Attribute(22, schedule, 2), structure(octets(script[0]), uint16(script[1])))
        self._set(Can.BOOKING, times, array(schedule_entry(booking.at)))

    def image(self) -> ImageStatus:
        """Attributes 2, 3, 5 and 6 of the image transfer."""
        size, bits, enabled, state = self._get_each(Can.IMAGE, 18, names.IMAGE, (2, 3, 5, 6))
        received, block_size, number = take_bits(bits), take_int(size), take_int(state)
        if number not in range(len(ImageState)) or block_size < 1:
            raise AnswerError(f"the meter's answer: image transfer status {number}, blocks of {block_size} bytes")
        missing = tuple(at for at, bit in enumerate(received) if bit == "0")
        return ImageStatus(ImageState(number), bool(take_int(enabled)), block_size, len(received), missing)

    def image_initiate(self, identifier: bytes, size: int) -> None:
        """Method 1."""
        self._call(Can.IMAGE, Method(18, names.IMAGE, 1), structure(octets(identifier), uint32(size)))

    def image_block(self, number: int, content: bytes) -> None:
        """Method 2."""
        self._call(Can.IMAGE, Method(18, names.IMAGE, 2), structure(uint32(number), octets(content)))

    def image_verify(self) -> bool:
        """Method 3; *temporary-failure* is *still at it*."""
        return self._run(Can.IMAGE, lambda client: _unless_busy(client, _VERIFY))

    def image_activate(self) -> bool:
        """Method 4, likewise."""
        return self._run(Can.IMAGE, lambda client: _unless_busy(client, _ACTIVATE))

    def transfer_key(self, key: bytes) -> None:
        """Wrap the key under the wrapping key, send it, and prove it by a new association.

        The answer to the transfer may come under the old key or the new one (``meter-protocols`` §3.2); what counts is
        that the meter can be spoken to under the new one. Where it cannot, the old key stays with this reader, and
        which of the two the meter has is unknown.
        """
        require(self, Can.KEYS)
        old, keys = self.address, self.address.keys
        if keys is None or keys.wrapping is None:
            raise UnsupportedError("key transfer takes the wrapping key besides the others")
        wrapped = octets(wrap_key(keys.wrapping, key))
        with contextlib.suppress(AnswerError):  # an answer that the old key does not open
            self._call(Can.KEYS, Method(64, SECURITY_SETUP, 2), array(structure(enum(KeyId.UNICAST), wrapped)))
        self._session.drop()
        self._session.address = replace(old, keys=replace(keys, encryption=key))
        try:
            self.clock()
        except (LinkError, AnswerError, RefusedError):
            self._session.address = old
            raise

    def _set(self, what: Can, attribute: Attribute, value: Data) -> None:
        self._run(what, lambda client: client.set(attribute, value))

    def _call(self, what: Can, method: Method, parameters: Data) -> None:
        self._run(what, lambda client: client.action(method, parameters))


def _unless_busy(client: Client, method: Method) -> Exchange[bool]:
    try:
        yield from client.action(method, ZERO)
    except AccessRefusedError as error:
        if error.result == DataAccessResult.TEMPORARY_FAILURE:
            return False
        raise
    return True


def _booking(table: bytes, selector: int, at: int) -> Booking:
    if table == names.LIMIT_SCRIPTS:
        return Booking(Action.LIMIT, at, selector)
    for action, number in names.SWITCH_SELECTORS.items():
        if table == names.SWITCH_SCRIPTS and number == selector:
            return Booking(action, at)
    raise AnswerError(f"the meter's answer: a reserved script {selector} of {table.hex()}")
