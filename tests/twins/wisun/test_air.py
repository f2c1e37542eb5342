"""The time that a stick's radio takes, and what it does about meters that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.echonet.frame import HEMS, Esv, Frame, Property
from protocols.echonet.frame import LV_METER as LV
from protocols.wisun.radio import ALL_NODES, link_local, scan_seconds
from twins.serving.terminal import TerminalError
from twins.wisun.parameters import RadioError, radio_parameters
from twins.wisun.service import Seat, StickService

from .rig import Host, ManualClock, Port, Served, credentials, quick, served
from .test_service import greeted, tuned

CURRENT, NEXT = 0, 1
NOBODY = link_local(b"\x02\x01\xff\xff\xff\xff\xff\xff").exploded.upper()


def scanning(port: Port, place: int) -> None:
    port.command(f"SKSETRBID {credentials(place).route_b_id.decode()}")
    port.command("SKSCAN 2 FFFFFFFF 6")


def test_a_scan_takes_its_share_of_a_real_stick_s_time(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1", parameters=quick(scale=0.1)) as rig, Port(rig.path()) as port:
        scanning(port, CURRENT)
        seconds = scan_seconds(28, 6) * 0.1
        rig.move(real=seconds - 0.01)
        assert port.read(0.05) == b""
        rig.move(real=0.01)
        found = port.until(b"EVENT 22")
        assert b"EVENT 20" in found
        assert f"Pan ID:{rig.service.air.stations[CURRENT].pan_id:04X}".encode() in found


def test_a_reset_ends_a_scan(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1", parameters=quick(scale=1.0)) as rig, Port(rig.path()) as port:
        scanning(port, CURRENT)
        port.command("SKRESET")
        rig.move(real=60.0)
        assert port.read(0.05) == b""


def test_a_scan_for_any_meter_finds_all_and_an_energy_scan_measures_each_channel(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig, Port(rig.path()) as port:
        port.write(b"SKSCAN 3 FFFFFFFF 6\r\n")
        assert port.until(b"EVENT 22").count(b"EPANDESC") == len(rig.nodes)
        port.write(b"SKSCAN 0 00000007 6\r\n")
        noise = f"{radio_parameters().link.noise_lqi:02X}"
        assert f"21 {noise} 22 {noise} 23 {noise}".encode() in port.until(b"EEDSCAN\r\n") + port.read(0.05)


def join(port: Port, place: int, address: str) -> None:
    who = credentials(place)
    port.command(f"SKSETRBID {who.route_b_id.decode()}")
    port.command(f"SKSETPWD C {who.password.decode()}")
    port.command(f"SKJOIN {address}")


@pytest.mark.parametrize("reason", ["no such meter", "tuned elsewhere"])
def test_joining_a_meter_that_does_not_answer_fails_when_the_stick_s_patience_is_over(
    reason: str, tmp_path: Path
) -> None:
    with served(tmp_path, "BP35A1", parameters=quick(scale=0.5)) as rig, Port(rig.path()) as port:
        address = tuned(port, rig, CURRENT).decode()
        if reason == "tuned elsewhere":
            port.command("SKSREG S3 FFFD")
        else:
            address = NOBODY
        join(port, CURRENT, address)
        rig.move(real=18.9)
        assert b"EVENT 24" not in port.read(0.05)
        rig.move(real=0.1)
        port.until(b"EVENT 24")


def test_the_events_of_joining_come_in_a_real_stick_s_order(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig, Port(rig.path()) as port:
        address = tuned(port, rig, CURRENT).decode()
        join(port, CURRENT, address)
        lines = port.until(b"D50401028801\r\n").decode().split("\r\n")
        seen = [line.split(" ")[:2] for line in lines if line.startswith(("EVENT", "ERXUDP"))]
        kinds = [number if kind == "EVENT" else kind for kind, number in seen]
        assert kinds == ["21", "02", *["ERXUDP", "21"] * 4, "25", "ERXUDP"]
        lengths = [line.split(" ")[7] for line in lines if line.startswith("ERXUDP")]
        assert lengths == ["0028", "0068", "0054", "0058", "0012"]


def test_a_stick_can_authenticate_again_and_leave(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig, Port(rig.path()) as port:
        address = tuned(port, rig, CURRENT).decode()
        join(port, CURRENT, address)
        port.until(b"D50401028801\r\n")
        port.command("SKREJOIN", b"EVENT 25")
        assert b"D504" not in port.read(0.05)  # joining again is no joining
        port.command("SKTERM", b"EVENT 27")
        assert rig.call(lambda: rig.meters[CURRENT].joined) == []


def test_the_end_of_a_session_that_the_meter_does_not_answer_times_out(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1", parameters=quick(scale=0.5)) as rig, Port(rig.path()) as port:
        address = tuned(port, rig, CURRENT).decode()
        join(port, CURRENT, address)
        port.until(b"D50401028801\r\n")
        port.command("SKSREG S3 FFFD")
        port.command("SKTERM")
        rig.move(real=19.0)
        port.until(b"EVENT 28")


def test_a_meter_in_reach_answers_a_ping_and_no_other(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig, Port(rig.path()) as port:
        address = tuned(port, rig, CURRENT).decode()
        port.command(f"SKPING {NOBODY}")
        port.write(f"SKPING {address}\r\n".encode())
        assert b"EPONG" not in port.until(b"OK\r\n")
        port.until(f"EPONG {address}".encode())


def test_what_a_controller_asks_everybody_is_answered_by_its_meter(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig, Host(rig, 0, "BP35A1", credentials(NEXT)) as host:
        host.open()
        greeted(host)
        frame = Frame(9, HEMS, LV, Esv.INF_REQ, (Property(0xEA),)).to_bytes()
        header = f"SKSENDTO 1 {ALL_NODES.exploded.upper()} 0E1A 1 {len(frame):04X} "
        host.port.write(header.encode() + frame)
        assert host.received().properties[0].edt == rig.value(NEXT, 0xEA)


def test_a_dialect_that_there_is_not_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RadioError, match="no stick BP35X; take one of BP35A1"):
        StickService([], ManualClock(), 1, [Seat(0, 0, "BP35X", tmp_path)])


def test_a_path_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    rig = Served(tmp_path, ["BP35A1"])
    path = Path(rig.path())
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(TerminalError, match="no terminal can be put there"):
        rig.service.open()
    assert path.read_text(encoding="utf-8") == "mine"
