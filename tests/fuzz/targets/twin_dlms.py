"""A whole twin behind DLMS, in the hands of a client that has the keys."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from protocols.dlms.action import ActionRequestNormal
from protocols.dlms.apdu import Attribute, GetRequestNormal, Method
from protocols.dlms.axdr import Data, DataType, array, octets, structure
from protocols.dlms.clock import DateTime
from protocols.dlms.get import GetRequestList
from protocols.dlms.limiter import LIMITER
from protocols.dlms.security import protect_general
from protocols.dlms.set import SetRequestNormal
from protocols.dlms.values import enum, uint16, uint32
from tests.fuzz.target import Target, joined, pieces
from tests.twins.dlms.rig import CLIENT_TITLE, Rig, manager, public
from twins.device.device import LIMIT_SCRIPTS, SWITCH_SCRIPTS
from twins.dlms import names

_LONGEST_ANSWER = 65_535
_MOST_TIME = 4096.0  # s that one step lets pass


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with the process."""
    return tempfile.TemporaryDirectory(prefix="fuzz-")


def _twin(data: bytes) -> None:
    """Sealed requests while time goes on; afterwards the twin starts again and answers as before."""
    home = Path(_folder().name) / "twin"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    rig = Rig(home)
    try:
        _use(rig, data)
        rig.restart()
        _use(rig, b"")
    finally:
        rig.journal.close()


def _use(rig: Rig, data: bytes) -> None:
    session = manager(rig).associated().session
    for what, apdu in pieces(data):
        rig.at(rig.now + (what / 255) ** 4 * _MOST_TIME)
        counter = rig.twin.security.highest_counter() + 1
        for answer in session.receive(protect_general(apdu, CLIENT_TITLE, counter, *rig.twin.security.keys())):
            assert 0 < len(answer) <= _LONGEST_ANSWER
        rig.twin.pusher.outbox.clear()
    rig.at(rig.now + 1)
    link = public(rig).associated()
    time = link.run(link.client.get(Attribute(8, names.CLOCK, 2)))
    assert time == octets(DateTime.from_unix(rig.device.time).to_bytes())


def _get(class_id: int, name: bytes, numbers: range) -> bytes:
    return GetRequestList(0xC1, tuple((Attribute(class_id, name, number), None) for number in numbers)).to_bytes()


def _set(class_id: int, name: bytes, number: int, value: Data) -> bytes:
    return SetRequestNormal(0xC1, Attribute(class_id, name, number), value).to_bytes()


def _seeds() -> Iterator[bytes]:
    yield joined((0, _get(3, names.IMPORT_WH, range(1, 4))), (40, _get(4, names.MAX_DEMAND, range(1, 6))))
    yield joined((0, _get(71, LIMITER, range(1, 12))), (0, _get(40, names.PUSH_SETUP, range(1, 8))))
    noon = DateTime.from_unix(1_779_246_000).to_bytes()
    yield joined((0, _set(8, names.CLOCK, 2, octets(noon))), (200, _get(8, names.CLOCK, range(1, 10))))
    shift = ActionRequestNormal(0xC1, Method(8, names.CLOCK, 6), Data(DataType.INT16, 600)).to_bytes()
    yield joined((0, shift), (0, _get(7, names.EVENT_LOG, range(2, 3))))
    for table, name, script in ((LIMIT_SCRIPTS, names.LIMIT_BOOKING, 20), (SWITCH_SCRIPTS, names.SWITCH_BOOKING, 1)):
        times = array(structure(octets(b"\x0d\xff\x00\x00"), octets(b"\xff\xff\xff\xff\xff")))
        booked = (_set(22, name, 2, structure(octets(table), uint16(script))), _set(22, name, 4, times))
        yield joined(*((0, apdu) for apdu in booked), (255, _get(22, name, range(1, 5))), (255, b""))
    push = structure(enum(0), octets(b"127.0.0.1:4059"), enum(0))
    send = ActionRequestNormal(0xC1, Method(40, names.PUSH_SETUP, 1), Data(DataType.INT8, 0)).to_bytes()
    window = array(structure(octets(noon), octets(noon)))
    yield joined((0, _set(40, names.PUSH_SETUP, 3, push)), (0, send), (0, _set(40, names.PUSH_SETUP, 4, window)))
    emergency = structure(uint16(3), octets(noon), uint32(60))
    yield joined((0, _set(71, LIMITER, 8, emergency)), (0, _set(71, LIMITER, 9, array(uint16(3)))), (255, b""))
    yield joined((0, GetRequestNormal(0xC1, Attribute(7, names.EVENT_LOG, 2)).to_bytes()))


TARGETS = (Target("twin-dlms", _twin, _seeds, 1, 300),)
