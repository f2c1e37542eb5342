"""Which meter a ``bench meter`` command speaks to, and how it is reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from bench.errors import InputError
from bench.meters.directory import endpoint_of_url, endpoints_of
from bench.meters.readers import DETAILS, chosen, reader_of
from hil_drivers.meter import OFFERS, Can, Meter
from twins.serving.endpoint import Endpoint

_REACHING = ("--via", "--endpoints", "--connect", "--key", "--timeout")


class MeterGroup(TyperGroup):
    """A group whose options say how to reach the meter; they may also stand behind the command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Bring these options to the front, where a group reads its own."""
        front: list[str] = []
        rest: list[str] = []
        left = iter(args)
        for word in left:
            if word in _REACHING:
                front += [word, *([value] if (value := next(left, None)) is not None else [])]
            elif word.partition("=")[0] in _REACHING:
                front.append(word)
            else:
                rest.append(word)
        return super().parse_args(ctx, front + rest)


@dataclass(frozen=True, slots=True)
class Target:
    """One meter, as the command line names it."""

    meter: str
    via: str | None = None
    endpoints: Path | None = None
    connect: str | None = None
    details: dict[str, str] = field(default_factory=dict, repr=False)
    timeout: float | None = None

    def known(self) -> list[Endpoint]:
        """Where the meter answers; raises :class:`InputError`."""
        if self.connect is not None:
            return [endpoint_of_url(self.meter, self.connect)]
        return endpoints_of(self.meter, self.endpoints)

    def endpoint(self, what: Can) -> Endpoint:
        """Where it is asked for something."""
        return chosen(self.known(), self.via, what)

    def open(self, what: Can) -> Meter:
        """The reader that is asked for something."""
        return self.reader(self.endpoint(what))

    def reader(self, endpoint: Endpoint) -> Meter:
        """The reader of an endpoint."""
        return reader_of(endpoint, self.details, self.timeout)


def target_of(
    meter: str,
    via: str | None,
    endpoints: Path | None,
    connect: str | None,
    keys: list[str],
    timeout: float | None,
) -> Target:
    """The target of the command line's options; raises :class:`InputError`."""
    if via is not None and via not in OFFERS:
        raise InputError(f"no protocol {via}; there are {', '.join(OFFERS)}")
    if connect is not None and endpoints is not None:
        raise InputError("give --connect or --endpoints, not both")
    details = {}
    for key in keys:
        name, separator, value = key.partition("=")
        if not separator or name not in DETAILS:
            raise InputError(f"--key {name}: give NAME=VALUE, with a name of {', '.join(DETAILS)}")
        details[name] = value
    return Target(meter, via, endpoints, connect, details, timeout)
