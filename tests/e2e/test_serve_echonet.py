"""Twins of ``bench serve`` answer pychonet and plain sockets, and what they say is what the twins are."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pychonet import ECHONETAPIClient  # type: ignore[import-untyped]
from pychonet.lib.udpserver import UDPServer  # type: ignore[import-untyped]
from pychonet.LowVoltageSmartElectricEnergyMeter import (  # type: ignore[import-untyped]
    LowVoltageSmartElectricEnergyMeter,
)

from bench.serving.choose import serving_plan
from bench.topology.load import load_topology
from protocols.echonet.frame import NODE_PROFILE, Eoj, Esv, Property
from protocols.echonet.history import Stamped
from protocols.echonet.transport import GROUP_IPV4, PORT
from protocols.echonet.values import Special
from protocols.slots import JST, jst
from tests.e2e.bench_serve import CLIENT, FIRST, NET, BenchServe, Client, decoded, frame, require_port, village
from twins.chosen import ChosenTwins
from twins.clock import ClockSpec, ScaledClock
from twins.meter.view import MeterView
from twins.plan import meter_id

pytestmark = pytest.mark.slow
METERS = range(200)


class Twins:
    """The same twins computed here, and the clock that they are served by."""

    def __init__(self, topology: Path, serve: BenchServe) -> None:
        spec = msgspec.convert(serve.ready["clock"], ClockSpec)
        plan, _ = serving_plan(load_topology(topology).topology, spec.origin)
        self._clock = ScaledClock(spec)
        self.views = ChosenTwins(plan, METERS).views

    def during(self, ask: Callable[[], Any]) -> tuple[Any, range]:
        """What somebody answers, and the seconds of simulated time in which it was asked for."""
        before = int(self._clock.now())
        answer = ask()
        return answer, range(before, int(self._clock.now()) + 1)

    async def meanwhile(self, ask: Awaitable[Any]) -> tuple[Any, range]:
        """The same for what has to be awaited."""
        before = int(self._clock.now())
        answer = await ask
        return answer, range(before, int(self._clock.now()) + 1)


def shown(view: MeterView, at: float) -> tuple[int | Special, int | Special]:
    active = view.active(at)
    reverse = view.counts(active.export_wh) if view.has_generator else Special.NO_DATA
    return view.counts(active.import_wh), reverse


def half_hour(view: MeterView, at: float, direction: int) -> Stamped:
    end = int(at // 1800) * 1800
    return Stamped(jst(end).replace(tzinfo=None), (shown(view, end)[direction],))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BenchServe, Twins]]:
    require_port()
    topology = village(tmp_path_factory.mktemp("village"))
    with BenchServe(topology, "--count", str(len(METERS)), first=f"{NET}.1") as serve:
        yield serve, Twins(topology, serve)


def of_kind(twins: Twins, generation: str, generator: bool) -> MeterView:
    return next(view for view in twins.views if (view.generation, view.has_generator) == (generation, generator))


def address_of(serve: BenchServe, view: MeterView) -> str:
    return str(serve.endpoints[meter_id(view.index)]["address"])


async def with_pychonet(use: Callable[[ECHONETAPIClient], Awaitable[None]]) -> None:
    server = UDPServer(local_ip=CLIENT)
    server.run(CLIENT, PORT, asyncio.get_running_loop())
    try:
        client = ECHONETAPIClient(server)
        client._message_timeout = 100
        await use(client)
    finally:
        server.close()


@pytest.mark.requirement("B1", "M2")
@pytest.mark.parametrize("generation", ["current", "next"])
@pytest.mark.parametrize("generator", [False, True])
def test_pychonet_discovers_a_twin_and_reads_what_the_twin_is(
    served: tuple[BenchServe, Twins], generation: str, generator: bool
) -> None:
    serve, twins = served
    view = of_kind(twins, generation, generator)
    host = address_of(serve, view)

    async def use(client: ECHONETAPIClient) -> None:
        assert await client.discover(host)
        state = client._state[host]
        assert state["discovered"]
        assert list(state["instances"][2][0x88]) == [1]
        assert state["product_code"] == view.identity.product
        assert await client.getAllPropertyMaps(host, 2, 0x88, 1)
        maps = state["instances"][2][0x88][1]
        assert ({0xE3, 0xE4, 0xEB} <= set(maps[0x9F])) is generator
        assert ({0xC0, 0xD0, 0xEE, 0xEF} <= set(maps[0x9F])) is (generation == "next")
        assert set(maps[0x9E]) == {0x81, 0xE5, 0xED} | ({0xEF} if generation == "next" else set())
        meter = LowVoltageSmartElectricEnergyMeter(host, client)
        unit = {100: 0.1, 1: 0.001}[view.model.unit_wh]
        assert [await meter.update(epc) for epc in (0xE1, 0xD7, 0xD3)] == [unit, view.model.digits, 1]
        energy, seconds = await twins.meanwhile(meter.update(0xE0))
        assert energy in {shown(view, at)[0] for at in seconds}
        power, seconds = await twins.meanwhile(meter.update(0xE7))
        assert power in {view.power_w(at) for at in seconds}
        currents, seconds = await twins.meanwhile(meter.update(0xE8))
        assert currents in [amperes(view, at) for at in seconds]
        if generator:
            energy, seconds = await twins.meanwhile(meter.update(0xE3))
            assert energy in {shown(view, at)[1] for at in seconds}

    asyncio.run(with_pychonet(use))


def amperes(view: MeterView, at: float) -> dict[str, float | None]:
    seen = view.electric(at)
    legs = {"r_phase_amperes": seen.current_r_ma, "t_phase_amperes": seen.current_t_ma}
    return {leg: None if ma is None else round(ma / 100) / 10 for leg, ma in legs.items()}


@pytest.mark.requirement("B1", "M1")
def test_half_hours_and_a_day_of_history_are_those_of_the_twin(served: tuple[BenchServe, Twins]) -> None:
    serve, twins = served
    view = of_kind(twins, "current", True)
    host = address_of(serve, view)
    with Client() as client:
        told, seconds = twins.during(lambda: client.read(host, 0xEA, 0xEB))
        assert told in [[half_hour(view, at, 0), half_hour(view, at, 1)] for at in seconds]
        assert client.ask(host, Esv.SET_C, Property(0xE5, b"\x01")).esv is Esv.SET_RES
        (history,), seconds = twins.during(lambda: client.read(host, 0xE2))
        yesterday = datetime.combine(jst(seconds[0]).date(), datetime.min.time(), JST).timestamp() - 86_400
        assert (history.day, len(history.values)) == (1, 48)
        assert list(history.values) == [shown(view, yesterday + 1800 * k)[0] for k in range(48)]


def test_objects_that_are_not_there_and_garbage_meet_silence_and_the_next_request_is_served(
    served: tuple[BenchServe, Twins],
) -> None:
    serve, twins = served
    view = twins.views[0]
    host = address_of(serve, view)
    with Client() as client:
        client.send(frame(Esv.GET, Property(0xE7), tid=1, deoj=Eoj.of(0x028802)), host)
        client.send(frame(Esv.GET, Property(0xE7), tid=2, deoj=Eoj.of(0x013001)), host)
        for garbage in (b"", b"\x10", b"\x10\x81\x00\x03", bytes(1400), frame(Esv.GET, Property(0xE7), tid=4)[:-1]):
            client.send(garbage, host)
        assert client.ask(host, Esv.GET, Property(0xD7), tid=99).properties[0].edt == bytes([view.model.digits])


def test_an_answer_goes_to_port_3610_whatever_port_the_request_came_from(served: tuple[BenchServe, Twins]) -> None:
    serve, twins = served
    host = address_of(serve, twins.views[0])
    with Client() as listening, Client(port=0) as sending:
        sending.send(frame(Esv.GET, Property(0xD7), tid=4660), host)
        sender, answer = listening.receive()
    assert (sender, answer.tid, answer.esv) == (host, 4660, Esv.GET_RES)


def test_twins_and_peers_can_meet_at_another_port(tmp_path: Path) -> None:
    port = 20_000 + os.getpid() % 10_000
    with BenchServe(village(tmp_path), "--count", "1", "--port", str(port)) as serve:
        assert serve.endpoints[meter_id(0)]["port"] == port
        with Client(port=port, peers=port) as client:
            assert client.read(FIRST, 0x8D) == ["000000000000"]


def test_every_one_of_200_twins_answers_with_its_own_values(served: tuple[BenchServe, Twins]) -> None:
    serve, twins = served
    assert [end["address"] for end in serve.endpoints.values()] == [f"{NET}.{k + 1}" for k in METERS]
    identity: set[tuple[str, int]] = set()
    with Client() as client:
        for view in twins.views:
            told, seconds = twins.during(partial(client.read, address_of(serve, view), 0x8D, 0xE0, 0xE7))
            possible = [[view.identity.serial, shown(view, at)[0], view.power_w(at)] for at in seconds]
            assert told in possible
            identity.add((told[0], told[1]))
    assert len(identity) == len(METERS)


def test_a_question_to_the_group_is_answered_by_every_twin(served: tuple[BenchServe, Twins]) -> None:
    serve, _ = served
    with Client() as client:
        client.send(frame(Esv.GET, Property(0xD6), tid=77, deoj=NODE_PROFILE), GROUP_IPV4)
        missing = {end["address"] for end in serve.endpoints.values()}
        while missing:
            host, answer = client.receive()
            if host not in missing:
                continue  # twins of other test processes hear the group too
            assert (answer.tid, answer.properties) == (77, (Property(0xD6, bytes.fromhex("01028801")),))
            missing.discard(host)


@pytest.mark.requirement("B4")
def test_the_first_twin_also_answers_by_ipv6(served: tuple[BenchServe, Twins]) -> None:
    serve, twins = served
    endpoint = serve.endpoints[meter_id(0)]
    if "ipv6" not in endpoint:
        pytest.skip("no IPv6 loopback here, or somebody else has the port there")
    with Client("::1", 0) as client:
        power, seconds = twins.during(lambda: client.read("::1", 0x8D, 0xE7))
    view = twins.views[0]
    assert power in [[view.identity.serial, view.power_w(at)] for at in seconds]


def test_each_endpoint_names_its_route_b_number_as_the_meter_does(served: tuple[BenchServe, Twins]) -> None:
    serve, twins = served
    view = of_kind(twins, "next", False)
    with Client() as client:
        (number,) = client.read(address_of(serve, view), 0xC0)
    assert serve.endpoints[meter_id(view.index)]["ids"]["route_b_id"] == number.hex().upper()


def test_at_start_twins_announce_themselves_and_then_tell_each_half_hour(tmp_path: Path) -> None:
    require_port()
    topology = village(tmp_path, "mode: scaled\n  scale: 1800")  # a half-hour a second
    names = [meter_id(index) for index in (3, 7, 150)]
    with Client.of_group() as group, BenchServe(topology, *(w for n in names for w in ("--meter", n))) as serve:
        hosts = {end["address"]: end["meter"] for end in serve.endpoints.values()}
        twins = Twins(topology, serve)
        announced, told = set(), {}
        while len(told) < len(names):
            host, heard = group.receive()
            if host not in hosts:
                continue
            if heard.seoj == NODE_PROFILE:
                assert heard.properties == (Property(0xD5, bytes.fromhex("01028801")),)
                announced.add(host)
            else:
                assert heard.esv is Esv.INF
                told[host] = heard.properties
        assert announced == set(hosts)
        for host, properties in told.items():
            view = twins.views[int(hosts[host][3:])]
            assert [item.epc for item in properties] == [0xEA, 0xEB][: 1 + view.has_generator]
            for direction, item in enumerate(properties):
                stamped = decoded(item)
                at = stamped.time.replace(tzinfo=JST).timestamp()
                assert stamped == half_hour(view, at, direction)


def test_a_controller_that_asks_for_it_gets_the_half_hour_as_a_confirmed_notification(tmp_path: Path) -> None:
    require_port()
    topology = village(tmp_path, "mode: scaled\n  scale: 1800")
    with Client() as client, BenchServe(topology, "--count", "1", "--notify", CLIENT):
        host, heard = client.receive()
        assert (host, heard.esv, heard.properties[0].epc) == (FIRST, Esv.INFC, 0xEA)


def test_a_twin_with_the_wrong_sign_is_told_from_a_healthy_one(tmp_path: Path) -> None:
    require_port()
    topology = village(tmp_path, extra="defects:\n  - {kind: wrong-sign, meters: [TWN000000000001]}\n")
    with BenchServe(topology, "--count", "2") as serve, Client() as client:
        twins = Twins(topology, serve)
        for view, sign in zip(twins.views[:2], (1, -1), strict=True):
            (power,), seconds = twins.during(partial(client.read, address_of(serve, view), 0xE7))
            assert power in {sign * view.power_w(at) for at in seconds}
            assert power != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_when_told_to(number: signal.Signals, tmp_path: Path) -> None:
    require_port()
    with BenchServe(village(tmp_path), "--count", "2") as serve:
        code, err = serve.stop(number)
    assert (code, "Traceback" in err) == (0, False)


def test_an_address_in_use_is_refused_by_name(served: tuple[BenchServe, Twins], tmp_path: Path) -> None:
    code, err = BenchServe(village(tmp_path), "--count", "1", first=f"{NET}.9").finish()
    assert code == 2
    assert f"{NET}.9 port 3610 (UDP) is in use" in err
    assert "--first-address" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--meter", "TWN000000000200"], "no meter TWN000000000200; this fleet has TWN000000000000 to TWN000000000199"),
        (["--meter", "TWN42"], "no meter TWN42"),
        (["--meter", "TWN000000000001", "--meter", "TWN000000000001"], "named twice"),
        (["--first-address", "127.0.0.1"], "no address for a twin"),
        (["--first-address", "127.255.255.254"], "8 twins need an address each"),
        (["--notify", "192.0.2.1"], "no IPv4 loopback address"),
    ],
)
def test_what_cannot_be_served_is_bad_input(arguments: list[str], message: str, tmp_path: Path) -> None:
    code, err = BenchServe(village(tmp_path), *arguments).finish()
    assert code == 2
    assert message in err
    assert "Traceback" not in err
