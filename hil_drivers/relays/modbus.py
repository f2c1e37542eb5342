"""Relays at the coils of a Modbus TCP device.

::

    - id: relay-1
      driver: relay-modbus
      address: 192.168.10.31       # port 502, or host:port
      channels: 8
      settings:
        unit: 1
        first_coil: 0              # that of channel 1
        invert: false              # true: a coil that is on opens the relay
        product: Relay Board 8     # optional, by function 43/14: another one is refused; otherwise it is not asked
        settle_s: 0.5              # a relay that has not followed by then is stuck
        timeout_s: 1.0

Functions 1, 5 and 15 through pymodbus, without its repetitions (``rack-instruments`` §4, §6.1). What is read back is
the coil: whether that shows the contact or only the last command, the board decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException

from hil_drivers.addresses import host_and_port
from hil_drivers.errors import AnswerError, InstrumentError, LinkError
from hil_drivers.guard import DeviceIdentity, Guard, all_of, expect
from hil_drivers.relay import RelayCapabilities, check_channel, followed, word

PORT: Final = 502

_BASIC: Final = 1  # device identification: maker, product, version
_EXCEPTIONS: Final = {
    1: "it has no such function",
    2: "it has no such coil",
    3: "illegal value",
    4: "the device failed",
    6: "the device is busy",
    11: "no such unit answers",
}


class ModbusRelay:
    """One device; see the module for its settings."""

    def __init__(
        self,
        address: str,
        *,
        unit: int = 1,
        channels: int = 8,
        first_coil: int = 0,
        invert: bool = False,
        product: str | None = None,
        settle_s: float = 0.5,
        timeout_s: float = 1.0,
    ) -> None:
        host, port = host_and_port(address, PORT)
        self.place = f"{host}:{port} unit {unit}"
        self.capabilities = RelayCapabilities(channels, settle_s)
        self._client = ModbusTcpClient(host, port=port, timeout=timeout_s, retries=0)
        self._unit, self._first, self._invert, self._product = unit, first_coil, invert, product
        self._timeout_s = timeout_s
        self._guard = Guard(self._check, self.close)
        self._guard.meet()

    @property
    def channels(self) -> int:
        """How many channels."""
        return self.capabilities.channels

    def identity(self) -> DeviceIdentity:
        """Ask it by function 43/14; raises :class:`~hil_drivers.errors.InstrumentError` where it has not got that."""
        with self._guard.turn():
            answer = self._ask(
                "identity", lambda: self._client.read_device_information(read_code=_BASIC, device_id=self._unit)
            )
            texts = [bytes(answer.information.get(number, b"")).decode("latin-1") for number in range(3)]
            return expect(self.place, DeviceIdentity(texts[0], texts[1], firmware=texts[2]), self._product)

    def set(self, channel: int, closed: bool) -> None:
        """Switch a channel, and look until it has followed."""
        check_channel(self.place, channel, self.channels)
        with self._guard.turn():
            self._write(channel, closed)
            if not followed(lambda: self.get(channel) is closed, self.capabilities.settle_s):
                raise InstrumentError(
                    f"{self.place} channel {channel}: switched {word(closed)}, and is {word(not closed)} "
                    f"after {self.capabilities.settle_s:g} s: stuck"
                )

    def get(self, channel: int) -> bool:
        """Whether a channel is closed, as its coil says."""
        check_channel(self.place, channel, self.channels)
        return self._states(channel, 1)[0]

    def safe(self) -> None:
        """All channels open, by one command, or one by one on a device that has no such command."""
        all_of([self._open_all])

    def _open_all(self) -> None:
        stays: list[int] = []

        def all_open() -> bool:
            stays[:] = [n for n, closed in enumerate(self._states(1, self.channels), 1) if closed]
            return not stays

        with self._guard.turn():
            self._write_all_open()
            if not followed(all_open, self.capabilities.settle_s):
                raise InstrumentError(f"{self.place}: channels {', '.join(map(str, stays))} stay closed: stuck")

    def _write_all_open(self) -> None:
        states = [self._invert] * self.channels
        try:
            self._ask("all coils", lambda: self._client.write_coils(self._first, states, device_id=self._unit))
        except InstrumentError:
            for channel in range(1, self.channels + 1):
                self._write(channel, closed=False)

    def close(self) -> None:
        """Hang up."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _check(self) -> None:
        if self._product is None:
            self._states(1, self.channels)
        else:
            self.identity()

    def _write(self, channel: int, closed: bool) -> None:
        coil, state = self._first + channel - 1, closed is not self._invert
        self._ask(f"coil {coil}", lambda: self._client.write_coil(coil, state, device_id=self._unit))

    def _states(self, channel: int, count: int) -> list[bool]:
        first = self._first + channel - 1
        with self._guard.turn():
            answer = self._ask(
                f"coil {first}", lambda: self._client.read_coils(first, count=count, device_id=self._unit)
            )
            if len(answer.bits) < count:
                raise AnswerError(f"{self.place}: {len(answer.bits)} coils instead of {count}")
            return [bool(bit) is not self._invert for bit in answer.bits[:count]]

    def _ask(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            if not self._client.connect():  # type: ignore[no-untyped-call]
                raise LinkError(f"{self.place}: no connection")
            answer = call()
        except (ModbusException, OSError) as error:
            raise LinkError(f"{self.place}: {what}: no answer within {self._timeout_s:g} s ({error})") from error
        if answer.isError():
            code = int(answer.exception_code)
            text = _EXCEPTIONS.get(code, "refused")
            raise InstrumentError(f"{self.place}: {what}: {text} (exception {code})", ((code, text),))
        return answer
