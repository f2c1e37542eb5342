"""What the commands of ``bench rack`` share: their options, and how they reach the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from bench.rack.client import RackClient, find_gateway
from bench.rack.messages import Request

AsJson = Annotated[bool, typer.Option("--json", help="Machine form on standard output; times are Unix seconds.")]
Token = Annotated[
    str,
    typer.Option(
        "--token", envvar="BENCH_TOKEN", help="Token of your lease, as acquire prints it.", show_default=False
    ),
]
PlaceName = Annotated[str, typer.Argument(metavar="PLACE", help="Place.", show_default=False)]


class Options(msgspec.Struct):
    """What stands before the subcommand."""

    folder: Path
    name: str

    @contextmanager
    def client(self) -> Iterator[RackClient]:
        """A client of the gateway that serves from the folder."""
        with RackClient(find_gateway(self.folder), self.name) as client:
            yield client

    def ask(self, request: Request) -> Any:
        """One request."""
        with self.client() as client:
            return client.ask(request)


def plain(value: Any) -> str:
    """A value in a table's cell."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            return " ".join(map(plain, value))
        case dict():
            return " ".join(f"{name}={plain(each)}" for name, each in value.items())
        case _:
            return str(value)
