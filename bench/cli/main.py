"""The ``bench`` command. Errors that the bench raises on purpose end in one message and a defined exit code.

Commands are imported when they are wanted: what a report needs takes longer to load than a meter to answer.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Sequence

import typer

from bench.cli.streams import watched_streams
from protocols.errors import MeterBenchError

COMMANDS = {
    "run": "bench.cli.run:run",
    "serve": "bench.cli.serve:serve",
    "check": "bench.cli.check:check",
    "schema": "bench.cli.check:schema",
    "runs": "bench.cli.runs:runs",
    "show": "bench.cli.runs:show",
    "report": "bench.cli.runs:report",
    "perf": "bench.cli.perf:app",
    "meter": "bench.cli.meter:app",
    "rack": "bench.cli.rack:app",
    "field": "bench.cli.field:app",
    "nightly": "bench.cli.nightly:nightly",
    "nights": "bench.cli.nights:app",
    "allure": "bench.cli.allure:allure",
    "score": "bench.cli.score:score",
    "compare": "bench.cli.compare:compare",
    "quarantine": "bench.cli.quarantine:app",
    "gate": "bench.cli.gate:gate",
    "requirements": "bench.cli.requirements:requirements",
}
"""Commands, and groups of commands, by the name that the user gives."""


def application(arguments: Sequence[str]) -> typer.Typer:
    """The command line for these arguments: with the command they name alone, or whole where they name none."""
    named = next((argument for argument in arguments if not argument.startswith("-")), "")
    app = typer.Typer(
        name="bench",
        help="A test bench for smart meters: real meters on a rack and software twins behind one MQTT bus.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        callback=lambda: None,  # without one, a single command would take the place of the group
    )
    for name in [named] if named in COMMANDS else COMMANDS:
        module, attribute = COMMANDS[name].split(":")
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def run() -> None:
    """Entry point of the console script."""
    with watched_streams():
        try:
            _run_flushed()
        except MeterBenchError as error:
            if str(error):
                with contextlib.suppress(MeterBenchError):  # where nothing can be told, the code tells
                    typer.echo(str(error), err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            sys.exit(130)


def _run_flushed() -> None:
    """The command, with all that it prints written before it ends, so that it is told when that cannot be done."""
    try:
        application(sys.argv[1:])()
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


if __name__ == "__main__":
    run()
