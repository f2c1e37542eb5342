"""The ``bench`` command. Errors that the bench raises on purpose end in one message and a defined exit code."""

from __future__ import annotations

import sys

import typer

from bench.cli import check, meter, perf, runs
from bench.cli.run import run as run_command
from bench.cli.serve import serve
from protocols.errors import MeterBenchError

app = typer.Typer(
    name="bench",
    help="A test bench for smart meters: real meters on a rack and software twins behind one MQTT bus.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(run_command)
app.command("serve")(serve)
app.command("check")(check.check)
app.command("schema")(check.schema)
app.command("runs")(runs.runs)
app.command("show")(runs.show)
app.command("report")(runs.report)
app.add_typer(perf.app, name="perf")
app.add_typer(meter.app, name="meter")


def run() -> None:
    """Entry point of the console script."""
    try:
        app()
    except MeterBenchError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)  # as a shell reports a process that SIGPIPE ended


if __name__ == "__main__":
    run()
