"""Addresses of instruments that no driver could use, or no emulation answer at: told with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.rack.inventory import read_inventory
from bench.topology import TopologyError

SOUND = """\
name: rack
clock: {{ mode: wall, start: 2026-01-15T00:00 }}
areas: [{{ name: lab, utility: tepco, medium: plc, concentrators: 1, meters_per_concentrator: 1 }}]
rack:
{emulation}  instruments:
    - {{ id: one, driver: {driver}, address: "{address}"{channels} }}
  places:
    - id: lv-1
      meter: TWN000000000000
{readers}      wiring: {wiring}
"""
VISA = ["kikusui-pcr", "nf-ec", "chroma-615xx", "keysight-68xx", "yokogawa-wt", "chroma-638xx"]
HOSTS = ["mini-circuits-telnet", "mini-circuits-http", "jfw", "relay-modbus", "outlets-http"]
KINDS = {"kikusui-pcr": "source", "yokogawa-wt": "analyser", "chroma-638xx": "load", "plc-transparent": "bridge"}


def described(folder: Path, driver: str, address: str, *, emulated: bool) -> Path:
    channels = driver in HOSTS
    kind = "attenuator" if driver in HOSTS[:3] else "relay" if channels else KINDS.get(driver, "source")
    tap = "{ instrument: one, channel: 1 }" if channels else "{ instrument: one }"
    text = SOUND.format(
        driver=driver,
        address=address,
        emulation="  emulation: {}\n" if emulated else "",
        channels=", channels: 4" if channels else "",
        wiring=f"{{ {kind}: {tap} }}",
        readers='      readers: ["echonet://127.0.0.61"]\n' if kind == "bridge" else "",
    )
    path = folder / "rack.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    """The fault of the address, as ``bench check`` tells it."""
    with pytest.raises(TopologyError) as refused:
        read_inventory(path)
    (told,) = [str(each) for each in refused.value.problems if each.path == "rack.instruments[0].address"]
    line = 6 + ("emulation" in path.read_text("utf-8"))
    column = path.read_text("utf-8").splitlines()[line - 1].index("address:") + len("address: ") + 1
    assert told.startswith(f"{path}:{line}:{column}: rack.instruments[0].address: ")
    return told


@pytest.mark.parametrize("emulated", [False, True], ids=["real", "emulated"])
@pytest.mark.parametrize("driver", VISA)
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("TCPIP::127.2.0.11::99999::SOCKET", "'99999' is no port; give 1 to 65535"),
        ("TCPIP::127.2.0.11::SOCKET", "a SOCKET has a host and a port; give TCPIP::host::port::SOCKET"),
        ("127.2.0.11:5025", "no VISA resource; give one such as TCPIP::"),
    ],
)
def test_a_visa_address(tmp_path: Path, driver: str, address: str, words: str, emulated: bool) -> None:
    assert words in refusal(described(tmp_path, driver, address, emulated=emulated))


@pytest.mark.parametrize("emulated", [False, True], ids=["real", "emulated"])
@pytest.mark.parametrize("driver", HOSTS)
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.2.0.51:99999", "'99999' is no port; give 1 to 65535"),
        ("127.2.0.51:abc", "'abc' is no port; give 1 to 65535"),
        ("127.2.0.51:", "'' is no port"),
        ("http://127.2.0.51:80", "neither host nor host:port; give it without scheme and path"),
    ],
)
def test_a_host_and_its_port(tmp_path: Path, driver: str, address: str, words: str, emulated: bool) -> None:
    assert words in refusal(described(tmp_path, driver, address, emulated=emulated))


@pytest.mark.parametrize(
    ("driver", "address", "words"),
    [
        ("relay-modbus", "127.2.0.51", "names no port for an emulated instrument to answer at; give one such as 127."),
        ("kikusui-pcr", "TCPIP::127.2.0.11::INSTR", "names no port for an emulated instrument"),
        ("kikusui-pcr", "TCPIP::127.2.0.11::hislip0,4880::INSTR", "give one such as TCPIP::127.0.0.11::5025::SOCKET"),
        ("kikusui-pcr", "ASRL/dev/ttyUSB0::INSTR", "is not on this machine"),
        ("relay-modbus", "localhost:502", "give an IPv4 address of 127.0.0.0/8"),
    ],
)
def test_an_emulation_needs_a_port_of_this_machine(tmp_path: Path, driver: str, address: str, words: str) -> None:
    assert words in refusal(described(tmp_path, driver, address, emulated=True))


@pytest.mark.parametrize(
    ("driver", "address"),
    [
        ("relay-modbus", "192.168.10.51"),
        ("jfw", "attenuator.lab.example:3001"),
        ("kikusui-pcr", "TCPIP::192.168.10.11::INSTR"),
        ("kikusui-pcr", "ASRL/dev/ttyUSB0::INSTR"),
        ("yokogawa-wt", "GPIB0::5::INSTR"),
    ],
)
def test_a_real_one_may_do_without(tmp_path: Path, driver: str, address: str) -> None:
    assert read_inventory(described(tmp_path, driver, address, emulated=False)).instruments["one"].address == address
