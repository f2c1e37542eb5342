"""Readings that are asked for: now, days later, over any medium, past a register's digits, on a shared line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import serial

from bench.suites.support import limit
from hil_drivers.meters.modbus import BAUD, SUNSPEC
from protocols.modbus.rtu import EVERYBODY, MAX_FRAME, RtuFrame
from protocols.modbus.sunspec import BASE

if TYPE_CHECKING:
    from bench.pytest_plugin.measuring import Measure
    from bench.pytest_plugin.specimen import Specimen


_HOUR = 3600
_DAY = 86_400
_NO_END = 1 << 63
_FIVE_MINUTES = 300
_COLLECTED_DAYS = 3
_READ_MARKER = b"\x03" + BASE.to_bytes(2, "big") + b"\x00\x02"
_MARKER = b"\x03\x04SunS"
_TURNAROUND_S = 0.2  # for how long a line is silent after a request to everybody (Modbus over serial line, by memory)
_ANSWER_S = 10.0


@pytest.mark.requirement("M8")
@pytest.mark.needs("LV|HV", "echonet")
def test_a_register_begins_again_behind_its_digits(meter: Specimen) -> None:
    """What the home is told has no more digits than the meter says (D7): those of twins are chosen past that."""
    registers = meter.via("echonet").registers()
    assert registers.import_wh is not None and registers.wraps_at_wh is not None
    for name in ("import_wh", "export_wh"):
        told = getattr(registers, name) or 0
        assert told < registers.wraps_at_wh, f"{name} is {told} Wh, its digits end at {registers.wraps_at_wh} Wh"


@pytest.mark.requirement("M2")
@pytest.mark.needs("modbus-rtu")
def test_a_request_to_everybody_is_answered_by_nobody(meter: Specimen) -> None:
    """On a serial line: several meters would speak at once. A request to the meter itself follows, and is answered."""
    endpoint = meter.endpoint("modbus-rtu")
    unit = int(endpoint.ids.get(SUNSPEC, "1"))
    answer = RtuFrame(unit, _MARKER).to_bytes()
    with serial.Serial(endpoint.path, int(endpoint.about.get("baud", BAUD)), timeout=_TURNAROUND_S) as line:
        line.write(RtuFrame(EVERYBODY, _READ_MARKER).to_bytes())
        heard = line.read(MAX_FRAME)
        line.write(RtuFrame(unit, _READ_MARKER).to_bytes())
        until = time.monotonic() + _ANSWER_S
        while not heard.endswith(answer) and time.monotonic() < until:
            heard += line.read(1)
    assert heard == answer, f"asked as unit 0 and then as unit {unit}, the meter has said {heard.hex() or 'nothing'}"


@pytest.mark.requirement("M4", "A6")
@pytest.mark.needs("LV", "next", "dlms", "emulated")
def test_five_minute_rows_wait_until_they_are_collected(meter: Specimen) -> None:
    """A head-end that collects a tenth of all meters within days asks for hours that are days ago: none is missing."""
    first = int(meter.now()) - _COLLECTED_DAYS * _DAY
    rows = meter.via("dlms").profile(_FIVE_MINUTES, first, first + _HOUR)
    assert len(rows) >= 12, f"{len(rows)} rows of an hour {_COLLECTED_DAYS} days ago"


@pytest.mark.requirement("A7")
@pytest.mark.needs("LV|HV", "dlms")
def test_present_values_come_when_they_are_asked_for(meter: Specimen, measure: Measure) -> None:
    """Polling: registers and power of this moment. What it takes is told, and not judged: it is this machine's, too."""
    reader = meter.via("dlms")
    reader.clock()  # associated: a poll is a question and its answer
    before, began = meter.now(), time.monotonic()
    registers, power = reader.registers(), reader.instant().power_w
    taken, after = time.monotonic() - began, meter.now()
    assert registers.import_wh is not None and power is not None
    measure.attach("polling time", f"{taken:.3f} s")
    if registers.time is not None:
        slack = limit("clock_offset").high or 0
        assert before - slack <= registers.time <= after + slack, f"asked at {before:.0f}, values of {registers.time}"


@pytest.mark.requirement("A1")
@pytest.mark.needs("LV", "dlms", "echonet", "optical")
def test_one_register_over_any_medium_and_in_any_format(meter: Specimen) -> None:
    """DLMS over IP and over the optical port, ECHONET Lite over IP: each leads to the same register.

    Of a high-voltage meter ECHONET Lite tells the customer's energy, the others what stands behind its transformers.
    """
    readers = [meter.via("dlms"), meter.another("optical"), meter.via("echonet"), meter.via("dlms")]
    found = [reader.registers() for reader in readers]
    first, last = found[0].import_wh, found[-1].import_wh
    assert first is not None and last is not None
    for each in found[1:-1]:
        assert each.import_wh is not None
        step, span = each.resolution_wh or 1, each.wraps_at_wh or _NO_END
        assert (each.import_wh - first) % span <= last - first or (first - each.import_wh) % span < step, f"{found}"
