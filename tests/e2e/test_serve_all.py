"""``bench serve`` with all protocols at once: each tells the same twin, all come back after a kill -9, and what must be
right on the wire itself (``traps.toml``).
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from dlms_cosem.time import datetime_from_bytes
from pymodbus.client import ModbusTcpClient

from hil_drivers.errors import RefusedError
from hil_drivers.meters.dlms_session import CHALLENGE_BYTES, RECEIVE_COUNTER
from hil_drivers.meters.route_b import RouteBMeter, StickAddress
from protocols.dlms.acse import Mechanism
from protocols.dlms.apdu import Attribute
from protocols.dlms.axdr import octets, structure
from protocols.dlms.ciphering import Form
from protocols.dlms.client import Client, run
from protocols.dlms.client_protection import Protection
from protocols.dlms.image import IMAGE_TRANSFER
from protocols.dlms.roles import CURRENT_ASSOCIATION
from protocols.dlms.values import uint32
from protocols.dlms.wrapper import Frame, WrapperReader
from protocols.echonet.frame import Esv, Property
from protocols.modbus.maps import KW8M, register_map
from protocols.slots import SLOT_SECONDS
from tests.e2e.bench_serve import PATIENCE, BenchServe, require_port, village
from tests.e2e.bench_serve import Client as Controller
from tests.e2e.test_serve_dlms import Meter as DlmsPeer
from tests.e2e.test_serve_dlms import attribute, call, read
from tests.e2e.test_serve_echonet import Twins, half_hour
from tests.twins.modbus.served import free_port
from tests.twins.modbus.test_pymodbus import METER_AT, expected_meter, expected_panel, raw
from twins.dlms import names
from twins.meter.view import MeterView
from twins.modbus.units import KW8M_UNIT, SUNSPEC_UNIT
from twins.plan import meter_id
from twins.serving.spec import Protocols
from twins.wisun.service import DIALECTS

pytestmark = pytest.mark.slow

FIRST = f"127.83.{os.getpid() % 256}.1"
ELSEWHERE = f"127.84.{os.getpid() % 256}.1"
SERVED = (9, 0)  # the first of them is of the next generation, and so has room for a controller in each dialect
PROTOCOLS = set(get_args(Protocols))
CONTROLLERS = {dialect: f"{FIRST[:-1]}{number}" for number, dialect in enumerate(DIALECTS, 200)}
"""Addresses of controllers on UDP, one beside each stick."""
TITLE = b"PEER0002"


class Everything:
    """A serving of two twins on all protocols, and the same twins computed here."""

    def __init__(self, topology: Path, serve: BenchServe) -> None:
        self.serve, self.twins = serve, Twins(topology, serve)
        self.file = topology.with_suffix(".jsonl")

    def view(self, index: int = SERVED[0]) -> MeterView:
        return self.twins.views[index]

    def lines(self, protocol: str, index: int = SERVED[0]) -> list[dict[str, Any]]:
        """The endpoints of one twin on one protocol."""
        return [line for line in self.serve.lines if (line["meter"], line["protocol"]) == (meter_id(index), protocol)]

    def line(self, protocol: str, index: int = SERVED[0]) -> dict[str, Any]:
        (only,) = self.lines(protocol, index)
        return only

    def host(self, index: int = SERVED[0]) -> str:
        return str(self.line("echonet-lite", index)["address"])

    def modbus(self) -> ModbusTcpClient:
        line = self.line("modbus-tcp")
        return ModbusTcpClient(line["address"], port=line["port"], timeout=PATIENCE)

    def dlms(self, index: int = SERVED[1]) -> DlmsPeer:
        return DlmsPeer(self.line("dlms", index), index)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everything]:
    require_port()
    topology = village(tmp_path_factory.mktemp("all"))
    with BenchServe(
        topology, *words("--meter", map(meter_id, SERVED)), *ports(FIRST), first=FIRST, protocol=None
    ) as it:
        yield Everything(topology, it)


def words(option: str, values: Any) -> list[str]:
    return [word for value in values for word in (option, value)]


def ports(address: str) -> list[str]:
    """A port for Modbus that is free, and every dialect."""
    return ["--modbus-port", str(free_port(address)), *words("--dialect", DIALECTS)]


def stick(line: dict[str, Any], password: str | None = None) -> RouteBMeter:
    """A host at a served stick, with the credentials that were printed for it."""
    return RouteBMeter(
        StickAddress(line["path"], line["ids"]["route_b_id"], password or line["ids"]["password"], line["dialect"])
    )


def test_every_twin_is_served_on_every_protocol(everything: Everything) -> None:
    for index in SERVED:
        assert {line["protocol"] for line in everything.serve.lines if line["meter"] == meter_id(index)} == PROTOCOLS
        assert [line["dialect"] for line in everything.lines("wi-sun", index)] == list(DIALECTS)


@pytest.mark.requirement("M2")
def test_pymodbus_reads_both_units_as_the_twin_is(everything: Everything) -> None:
    view, twins = everything.view(), everything.twins
    meter, panel = register_map("sunspec_202" if view.three_wire else "sunspec_201"), register_map(KW8M)
    with everything.modbus() as client:
        for point in meter.points:
            found, seconds = twins.during(partial(raw, client, point, METER_AT, SUNSPEC_UNIT))
            assert found in [expected_meter(view, second)[point.name] for second in seconds], point.name
        for point in panel.points:
            found, seconds = twins.during(partial(raw, client, point, unit=KW8M_UNIT))
            assert found in [expected_panel(view, second)[point.name] for second in seconds], point.name


@pytest.mark.requirement("B2")
def test_sticks_of_all_dialects_join_and_tell_the_power_that_udp_tells(everything: Everything) -> None:
    host = everything.host()

    def powers(line: dict[str, Any]) -> tuple[int | None, ...]:
        """What UDP, the radio and UDP again tell within one second."""
        with stick(line) as meter, Controller(CONTROLLERS[line["dialect"]]) as controller:
            meter.clock()  # joins
            while True:
                (before,), (first, *_) = everything.twins.during(lambda: controller.read(host, 0xE7))
                by_radio = meter.instant().power_w
                (after,), (*_, last) = everything.twins.during(lambda: controller.read(host, 0xE7))
                if first == last:
                    return before, by_radio, after

    with ThreadPoolExecutor() as pool:
        for told in pool.map(powers, everything.lines("wi-sun")):
            assert len(set(told)) == 1


@pytest.mark.requirement("B3", "B9")
def test_a_wrong_password_does_not_join_by_any_dialect(everything: Everything) -> None:
    def refused(line: dict[str, Any]) -> bool:
        with stick(line, "A" * 12) as meter, pytest.raises(RefusedError, match="refused id or password"):
            meter.clock()
        return True

    with ThreadPoolExecutor() as pool:
        assert all(pool.map(refused, everything.lines("wi-sun", SERVED[1])))


def test_after_a_kill_the_same_endpoints_work_again(everything: Everything) -> None:
    serial = everything.view().identity.serial
    paths = [line["path"] for line in everything.serve.lines if "path" in line]
    everything.serve.kill_shard()
    assert all(Path(path).exists() for path in paths)
    with everything.modbus() as client:
        assert not client.read_holding_registers(40_000, count=2, device_id=SUNSPEC_UNIT).isError()
    with Controller() as controller:
        assert controller.read(everything.host(), 0x8D) == [serial]
    with stick(everything.lines("wi-sun")[0]) as meter:
        assert meter.identity().serial == serial
    with everything.dlms().reader().session() as session:
        assert read(session, 1, names.SERIAL)


def without_ipv6(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """There is one ``[::1]`` for all test processes: after a restart, another may have it."""
    return [{name: value for name, value in line.items() if name != "ipv6"} for line in lines]


def test_the_file_of_endpoints_lists_what_was_printed(everything: Everything) -> None:
    *lines, ready = map(json.loads, everything.file.read_bytes().splitlines())
    assert without_ipv6(lines) == without_ipv6(everything.serve.lines)
    assert ready["pid"] == everything.serve.ready["pid"]
    assert everything.file.stat().st_mode & 0o077 == 0, "it names keys"


def test_the_file_and_the_terminals_are_gone_at_the_end(tmp_path: Path) -> None:
    topology = village(tmp_path)
    with BenchServe(topology, "--count", "1", *ports(ELSEWHERE), first=ELSEWHERE, protocol=None) as serve:
        paths = [Path(line["path"]) for line in serve.lines if "path" in line]
        assert topology.with_suffix(".jsonl").exists() and all(path.exists() for path in paths) and len(paths) == 6
        code, _ = serve.stop(signal.SIGTERM)
    assert code == 0
    assert not topology.with_suffix(".jsonl").exists() and not any(path.parent.exists() for path in paths)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["--protocol", "smoke"],
            2,
            "--protocol smoke: there is none; take echonet-lite, wi-sun, dlms, modbus-tcp, optical, modbus-rtu",
        ),
        (["--dialect", "X"], 2, "--dialect X: there is none; take BP35A1, RL7023, BP35C2, J11"),
        (["--memory", "{file}"], 3, "{file}: cannot keep the meters' memory there: File exists"),
    ],
)
def test_a_bad_option_ends_in_one_clear_line(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    topology = village(tmp_path)
    given = [word.format(file=topology) for word in arguments]
    serve = BenchServe(topology, "--count", "1", *given, first=ELSEWHERE, protocol="dlms")
    assert serve.finish() == (code, message.format(file=topology) + "\n")


def test_a_serving_whose_endpoints_cannot_be_listed_ends_in_order(tmp_path: Path) -> None:
    topology, sticks = village(tmp_path), tmp_path / "sticks"
    file = topology / "x"
    options = ["--count", "1", "--terminals", str(sticks), "--endpoints", str(file)]
    code, err = BenchServe(topology, *options, first=ELSEWHERE, protocol="wi-sun").finish()
    assert code == 2
    assert err.splitlines()[-1] == f"{file}: cannot list the endpoints there: File exists; see --endpoints"
    assert list(sticks.iterdir()) == []


# On the wire


def test_one_property_that_is_not_there_refuses_the_read_and_shows_the_others(everything: Everything) -> None:
    with Controller() as controller:
        answer = controller.ask(everything.host(), Esv.GET, *map(Property, (0xD7, 0xC9, 0x80)))
    digits = bytes([everything.view().model.digits])
    assert (answer.esv, answer.properties) == (
        Esv.GET_SNA,
        (Property(0xD7, digits), Property(0xC9), Property(0x80, b"\x30")),
    )


def test_a_half_hour_bears_the_time_of_its_end_as_its_slot_in_the_history_does(everything: Everything) -> None:
    host, view = everything.host(), everything.view()
    with Controller() as controller:
        assert controller.ask(host, Esv.SET_C, Property(0xE5, b"\x00")).esv is Esv.SET_RES
        (told, day), seconds = everything.twins.during(lambda: controller.read(host, 0xEA, 0xE2))
    assert told in [half_hour(view, second, 0) for second in seconds]
    slot = (told.time.hour * 60 + told.time.minute) * 60 // SLOT_SECONDS
    assert day.values[slot] == told.values[0]


class Wire:
    """The management client on TCP, with the APDUs that came and went."""

    def __init__(self, line: dict[str, Any], form: Form = Form.GENERAL) -> None:
        self._line = line
        self._socket = socket.create_connection((line["address"], line["port"]), PATIENCE)
        self._reader = WrapperReader()
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        counter = int(self._public().value) + 1
        key, auth_key = (bytes.fromhex(line["keys"][name]) for name in ("encryption", "authentication"))
        protection = Protection(TITLE, key, auth_key, counter, form)
        self._client = Client(Mechanism.HLS_GMAC, os.urandom(CHALLENGE_BYTES), protection)
        run(self._client.associate(), self._as("client_management"))

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def get(self, class_id: int, obis: bytes, number: int = 2) -> Any:
        return run(self._client.get(Attribute(class_id, obis, number)), self._as("client_management")).value

    def counter(self) -> int:
        """The invocation counter of the last answer, which came as general-glo."""
        answer = self.received[-1]
        assert answer[0] == 0xDB and answer[10] < 0x80
        return int.from_bytes(answer[12:16], "big")

    def _public(self) -> Any:
        client = Client()
        run(client.associate(), self._as("client_public"))
        return run(client.get(RECEIVE_COUNTER), self._as("client_public"))

    def _as(self, client: str) -> Any:
        wport = int(self._line["ids"][client])

        def send(apdu: bytes) -> bytes:
            self.sent.append(apdu)
            self._socket.sendall(Frame(wport, 1, apdu).to_bytes())
            while not (frames := self._reader.feed(heard := self._socket.recv(65_536))):
                assert heard, "the meter hung up"
            self.received.append(frames[0].apdu)
            return frames[0].apdu

        return send


@pytest.mark.parametrize(("form", "tags"), [(Form.GLO, (0xC8, 0xCC)), (Form.GENERAL, (0xDB, 0xDB))])
def test_a_ciphered_request_is_answered_in_its_own_form(
    everything: Everything, form: Form, tags: tuple[int, int]
) -> None:
    with Wire(everything.line("dlms"), form) as wire:
        assert wire.get(1, names.SERIAL) == everything.view().identity.serial.encode()
        assert (wire.sent[-1][0], wire.received[-1][0]) == tags


def test_an_answer_above_127_bytes_has_a_length_of_several(everything: Everything) -> None:
    with Wire(everything.line("dlms")) as wire:
        assert len(wire.get(15, CURRENT_ASSOCIATION)) > 20  # its list of objects
    longest = max(wire.received, key=len)
    assert longest[0] == 0xDB and len(longest) > 0x100
    assert longest[10:13] == b"\x82" + (len(longest) - 13).to_bytes(2, "big")


def test_no_counter_of_a_meter_is_used_twice_over_a_kill(everything: Everything) -> None:
    def counters() -> list[int]:
        with Wire(everything.line("dlms")) as wire:
            return [wire.counter() for _ in range(5) if wire.get(1, names.SERIAL)]

    used = counters()
    everything.serve.kill_shard()
    used += counters()
    assert used == sorted(set(used)) and len(used) == 10


def test_the_clock_is_japans_with_a_negative_deviation(everything: Everything) -> None:
    with Wire(everything.line("dlms")) as wire:
        told, seconds = everything.twins.during(lambda: wire.get(8, names.CLOCK))
    assert told[9:11] == bytes.fromhex("FDE4")
    instant, _ = datetime_from_bytes(told)
    assert seconds[0] - 5 <= instant.timestamp() <= seconds[-1] + 5, "clocks are off by seconds, not by 18 hours"


def test_the_first_image_block_is_the_leftmost_bit(everything: Everything) -> None:
    with everything.dlms().manager().session() as session:
        call(session, 18, IMAGE_TRANSFER, 1, structure(octets(b"BITS"), uint32(11 * block_size(session))))
        for number in (0, 2, 9):
            block = octets(bytes(block_size(session)))
            call(session, 18, IMAGE_TRANSFER, 2, structure(uint32(number), block))
        assert session.get(attribute(18, IMAGE_TRANSFER, 3)) == bytes([0x04, 11, 0b10100000, 0b01000000])


def block_size(session: Any) -> int:
    return int.from_bytes(session.get(attribute(18, IMAGE_TRANSFER, 2))[1:], "big")
