"""Registers and periodic rows: nothing falls, nothing is missing, and every protocol tells the same."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bench.suites.support import HALF_HOUR, home, newest_half_hours, shown
from hil_drivers.times import unix_of
from protocols.echonet.history import Stamped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.pytest_plugin.specimen import Specimen
    from hil_drivers.meter import ProfileRow


_HOUR = 3600
_DAY = 86_400
_LONG = 2 * _DAY
"""Back to before any night began: a meter in a place has few rows since, for it is without supply between the tests."""

_KEPT_DAYS = 45
_DIGITS = 8
_HALF_HOUR_IMPORT = 0xEA


@pytest.mark.requirement("M1")
@pytest.mark.needs("LV|HV")
def test_registers_do_not_fall(meter: Specimen) -> None:
    """Read twice, a register is not lower the second time."""
    first, second = meter.reader.registers(), meter.reader.registers()
    for name in ("import_wh", "export_wh", "plus_varh", "minus_varh"):
        before, after = getattr(first, name), getattr(second, name)
        assert before is None or after >= before, f"{name} fell from {before} to {after}"
    assert first.import_wh is not None, "a meter without an import register"


@pytest.mark.requirement("M8")
@pytest.mark.needs("dlms")
def test_energy_has_no_more_than_eight_digits(meter: Specimen) -> None:
    """What a meter shows goes into the 8 digits that data management carries."""
    registers = meter.via("dlms").registers()
    assert registers.import_wh is not None
    assert registers.import_wh // (registers.resolution_wh or 1) < 10**_DIGITS


@pytest.mark.requirement("M1", "M10")
@pytest.mark.needs("LV", "echonet")
def test_the_newest_half_hour_bears_its_own_time(meter: Specimen) -> None:
    """The half-hour that the B-route tells is the one that ended last."""
    before = meter.now()
    with closing(home(meter)) as node:
        told = node.read((_HALF_HOUR_IMPORT,))[_HALF_HOUR_IMPORT].value
    newest = newest_half_hours(before, meter.now())
    assert isinstance(told, Stamped)
    assert unix_of(told.time) in newest, f"the half-hour bears {told.time}, which is not when the newest one ended"


@pytest.mark.requirement("M1", "B1")
@pytest.mark.needs("LV", "dlms", "echonet")
def test_half_hours_are_the_same_by_every_protocol(meter: Specimen) -> None:
    """Rows of the last days: what the home is told is what the head-end is told, in the counts of each."""
    last = int(meter.now())
    home, counts = meter.via("echonet").profile(HALF_HOUR, last - _LONG, last), meter.via("echonet").registers()
    rows = {row.end: row for row in meter.via("dlms").profile(HALF_HOUR, last - _LONG, last)}
    both = [row for row in home if row.end in rows]
    assert len(both) >= 2, f"{len(home)} rows by ECHONET Lite, {len(rows)} by DLMS, {len(both)} of the same time"
    for row in both:
        told = shown(rows[row.end].import_wh, counts)
        assert row.import_wh == told, f"row {row.end}: {row.import_wh} Wh by ECHONET Lite, {told} Wh by DLMS"


@pytest.mark.requirement("M1")
@pytest.mark.needs("LV|HV", "dlms")
def test_rows_follow_each_other_and_lead_to_the_register(meter: Specimen) -> None:
    """No half-hour is lower than the one before it, none is above the register, and none of a twin's is missing.

    A meter in a place was without supply between the tests, and has no rows of then.
    """
    reader, last = meter.via("dlms"), int(meter.now())
    rows = reader.profile(HALF_HOUR, last - _LONG, last)
    register = reader.registers().import_wh
    values = [row.import_wh or 0 for row in rows] + [register or 0]
    ends = [row.end for row in rows]
    assert len(ends) >= 2 and ends == sorted(set(ends)) and not any(end % HALF_HOUR for end in ends), f"rows at {ends}"
    if meter.has("twin"):
        assert ends == list(range(ends[0], ends[-1] + 1, HALF_HOUR)), f"half-hours are missing between {ends}"
    assert values == sorted(values), f"registers at the ends of half-hours, then now: {values}"


@pytest.mark.requirement("M6")
@pytest.mark.needs("LV|HV", "dlms", "emulated")
def test_half_hours_are_kept_for_45_days(meter: Specimen) -> None:
    """A row nearly 45 days old is still there. A real meter may be younger than that."""
    old = int(meter.now()) - _KEPT_DAYS * _DAY + 2 * HALF_HOUR
    rows = meter.via("dlms").profile(HALF_HOUR, old, old + 4 * HALF_HOUR)
    assert len(rows) >= 4, f"{len(rows)} rows of the two hours {_KEPT_DAYS} days ago"


@pytest.mark.requirement("M3")
@pytest.mark.needs("LV", "next", "dlms", "emulated")
def test_minutes_of_the_last_hour_are_there(meter: Specimen) -> None:
    """The next generation keeps a row a minute for an hour."""
    values = [row.import_wh or 0 for row in _rows_of_the_last_hour(meter, 60, 3)]
    assert values == sorted(values), f"a register falls from minute to minute: {values}"


@pytest.mark.requirement("M4")
@pytest.mark.needs("LV", "next", "dlms", "emulated")
def test_five_minute_rows_have_energies_and_voltages(meter: Specimen) -> None:
    """The next generation captures active and reactive energy and voltage every 5 minutes."""
    for row in _rows_of_the_last_hour(meter, 300, 1):
        assert None not in (row.import_wh, row.plus_varh, row.voltage_r_mv), f"a column is missing: {row}"


def _rows_of_the_last_hour(meter: Specimen, period: int, least: int) -> Sequence[ProfileRow]:
    """Rows of which none may be missing, ``least`` of them or more.

    A meter in a place was without supply before this test, and has no rows of then: it is given time for new ones.
    """
    reader = meter.via("dlms")
    began = reader.clock().time if meter.has("rack") else 0
    if began:
        meter.wait((least + 1) * period)
    last = reader.clock().time
    rows = reader.profile(period, last - _HOUR, last)
    since = max(began, reader.clock().time - _HOUR)  # what is older may have been given up meanwhile
    due = range(since // period * period + period, last + 1, period)
    missing = sorted(set(due) - {row.end for row in rows})
    assert len(due) >= least and not missing, f"of the rows at {list(due)}, these are missing: {missing}"
    return rows


@pytest.mark.requirement("M7")
@pytest.mark.needs("HV", "dlms")
def test_a_high_voltage_meter_has_active_and_reactive_energy_and_power(meter: Specimen) -> None:
    """Both energies as registers, and the power by polling."""
    reader = meter.via("dlms")
    registers = reader.registers()
    assert None not in (registers.import_wh, registers.plus_varh), f"{registers}"
    assert reader.instant().power_w is not None


@pytest.mark.requirement("M2")
@pytest.mark.needs("LV", "dlms", "modbus", "emulated")
@pytest.mark.parametrize(("table", "unit"), [("sunspec", "1"), ("kw8m", "2")], ids=["sunspec", "kw8m"])
def test_modbus_tells_the_register_that_dlms_tells(meter: Specimen, table: str, unit: str) -> None:
    """Each map of registers, its words in the right order: between what DLMS says before and after."""
    before = meter.via("dlms").registers().import_wh
    modbus = meter.via("modbus", map=table, unit=unit).registers()
    after = meter.via("dlms").registers().import_wh
    assert modbus.import_wh is not None and before is not None and after is not None
    step = modbus.resolution_wh or 1
    since = (modbus.import_wh - before + step) % 10**_DIGITS  # DLMS carries 8 digits, a register of Modbus more
    assert since <= (after - before) % 10**_DIGITS + 2 * step, f"{modbus.import_wh} Wh, by DLMS {before} to {after} Wh"
