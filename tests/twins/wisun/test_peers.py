"""Clients that others wrote at our terminals: momonga 0.7.0 on text dialects, broute-j11 0.1.0 on the binary one."""

from __future__ import annotations

import asyncio
import datetime
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import momonga
import pytest
from broute_j11.session import AuthenticationError, J11Session, SessionConfig
from broute_j11.transport import SerialTransport

from protocols.echonet.frame import Esv
from protocols.echonet.values import Special
from protocols.slots import JST
from tests.twins.echonet.twin import NOW, decoded
from twins.wisun.service import J11

from .rig import VIEWS, Served, credentials, served
from .test_service import tell

CURRENT, NEXT, NO_EXPORT = range(3)
NO_SUCH_PASSWORD = "A" * 12


def client(path: str, place: int, password: str | None = None) -> momonga.Momonga:
    """A momonga client without its pauses between requests."""
    who = credentials(place)
    chosen = password or who.password.decode()
    one = momonga.Momonga(who.route_b_id.decode(), chosen, path, join_retries=1)
    one.internal_xmit_interval = 0
    return one


def kwh(place: int, wh: int) -> float:
    """As a client makes it of the counts that it reads."""
    unit = VIEWS[place].model.unit_wh
    return VIEWS[place].counts(wh) * unit / 1000


def read_all(rig: Served, number: int, place: int) -> None:
    """Everything that momonga reads of a twin, and the notification of a half-hour."""
    view = VIEWS[place]
    with client(rig.path(number), place) as meter:
        assert meter.get_instantaneous_power() == view.power_w(NOW)
        assert meter.get_serial_number() == view.identity.serial
        assert meter.get_measured_cumulative_energy() == pytest.approx(kwh(place, view.active(NOW).import_wh))
        end, active = view.half_hour(NOW)
        fixed = meter.get_cumulative_energy_measured_at_fixed_time()
        stamp = fixed["timestamp"]
        assert isinstance(stamp, datetime.datetime)
        assert stamp.replace(tzinfo=JST).timestamp() == end
        assert fixed["cumulative energy"] == pytest.approx(kwh(place, active.import_wh))
        meter.set_day_for_historical_data_1(0)
        day = meter.get_historical_cumulative_energy_1()
        counts = decoded(0xE2, rig.value(place, 0xE2)).values
        assert [row["cumulative energy"] for row in day] == [
            None if count is Special.NO_DATA else pytest.approx(count * view.model.unit_wh / 1000) for count in counts
        ]
        tell(rig, place)
        told = meter.get_notification(timeout=10)
        assert told is not None
        assert told["esv"].value == Esv.INF.value
        assert told["properties"][0xEA] == fixed


@pytest.mark.slow
def test_momonga_reads_what_the_twin_has_on_every_text_dialect(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1", "RL7023", "BP35C2") as rig, ThreadPoolExecutor() as pool:
        reading = [pool.submit(read_all, rig, number, place) for number, place in enumerate((CURRENT, NO_EXPORT, NEXT))]
        for each in reading:
            each.result()


@pytest.mark.slow
def test_momonga_is_refused_with_a_wrong_password(tmp_path: Path) -> None:
    with served(tmp_path, "BP35C2") as rig, pytest.raises(momonga.MomongaSkJoinFailure):
        client(rig.path(), CURRENT, NO_SUCH_PASSWORD).open()


def j11(path: str, password: str) -> J11Session:
    return J11Session(SerialTransport(path), SessionConfig(credentials(CURRENT).route_b_id.decode(), password))


def test_broute_j11_reads_what_the_twin_has(tmp_path: Path) -> None:
    async def read(path: str) -> None:
        async with j11(path, credentials(CURRENT).password.decode()) as session:
            reading = await session.async_read_meter()
            assert reading.instantaneous_power == VIEWS[CURRENT].power_w(NOW)
            assert float(reading.cumulative_forward_energy or 0) == kwh(CURRENT, VIEWS[CURRENT].active(NOW).import_wh)

    with served(tmp_path, J11) as rig:
        asyncio.run(read(rig.path()))


def test_broute_j11_is_refused_with_a_wrong_password(tmp_path: Path) -> None:
    async def fail(path: str) -> None:
        with pytest.raises(AuthenticationError):
            await j11(path, NO_SUCH_PASSWORD).async_connect()

    with served(tmp_path, J11) as rig:
        asyncio.run(fail(rig.path()))
