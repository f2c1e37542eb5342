"""One twin on all wires, in a time that a test moves, and readers of ours for each of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

from hil_drivers.errors import LinkError
from hil_drivers.meter import Meter
from hil_drivers.meters.dlms import DlmsMeter
from hil_drivers.meters.dlms_tcp import TcpAddress
from hil_drivers.meters.echonet import EchonetAddress, UdpEchonetMeter
from hil_drivers.meters.modbus import ModbusAddress, ModbusMeter, RtuAddress, RtuMeter
from hil_drivers.meters.optical import OpticalAddress, OpticalMeter
from tests.twins.echonet.twin import FLEET, MASTER, NOW, view_of
from tests.twins.wisun.rig import ManualClock
from twins.chosen import ChosenTwins
from twins.dlms.logical_device import TwinDevice
from twins.memory.journal import MemoryJournal
from twins.meter.clock import Clocks
from twins.serving.meters import ServedMeters

T = TypeVar("T")
ADDRESS = f"127.81.{os.getpid() % 256}.1"
WAIT = 0.3
_UDP, _TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM


class ServedMeter:
    """A home of the next generation; ``defects`` are planted in it."""

    def __init__(self, folder: Path, defects: Collection[str] = ()) -> None:
        self.clock = ManualClock(NOW)
        twins = ChosenTwins(FLEET.plan, [view_of("next", True).index])
        self._journal = MemoryJournal(folder)
        clocks = Clocks(FLEET.plan)
        planted = {view.index: defects for view in twins.views}
        self.meters = ServedMeters(twins, twins.views, [], self.clock, clocks, self._journal, MASTER, planted)
        self.echonet, self.dlms, self.modbus = (_free(kind) for kind in (_UDP, _TCP, _TCP))
        self.meters.on_echonet([ADDRESS], self.echonet, six=False)
        self.meters.on_dlms({0: ADDRESS}, self.dlms)
        self.meters.on_modbus({0: ADDRESS}, self.modbus)
        self.optical, self.rtu = folder / "lines" / "optical", folder / "lines" / "modbus-rtu"
        self.meters.on_optical({0: self.optical})
        self.meters.on_modbus_rtu({0: self.rtu})
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> ServedMeter:
        self.meters.open()
        self._thread.start()
        self._task = asyncio.run_coroutine_threadsafe(self.meters.run(), self._loop)
        self.call(lambda: None)
        return self

    def __exit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(BaseException):
            self._task.result()
        self.call(self.meters.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._journal.close()

    @property
    def twin(self) -> TwinDevice:
        return self.meters.devices[0]

    @property
    def device(self) -> Any:
        return self.twin.device

    def call(self, action: Callable[[], T]) -> T:
        async def do() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result()

    def step(self) -> None:
        """What the meter does by itself, done now."""
        self.device.now = self.clock.now()
        self.device.step()

    def readers(self) -> Iterator[Meter]:
        yield DlmsMeter(TcpAddress(ADDRESS, self.dlms, password=self.twin.password, answer_wait_s=WAIT))
        yield ModbusMeter(ModbusAddress(ADDRESS, self.modbus, wait_s=WAIT))
        yield UdpEchonetMeter(EchonetAddress(ADDRESS, self.echonet, wait_s=WAIT))
        yield self.terminal(WAIT)
        yield RtuMeter(RtuAddress(str(self.rtu), wait_s=WAIT))

    def terminal(self, wait_s: float = 20.0) -> OpticalMeter:
        """A hand terminal at the optical port."""
        address = OpticalAddress(str(self.optical), password=self.twin.terminal_password, answer_wait_s=wait_s)
        return OpticalMeter(address)

    def answers(self) -> list[str]:
        """The protocols that it answers by."""
        found = []
        for reader in self.readers():
            with reader, contextlib.suppress(LinkError):
                reader.registers()
                found.append(reader.protocol)
        return found


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
