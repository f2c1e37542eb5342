"""The watched process: told to stop at any time, it stops."""

from __future__ import annotations

from pathlib import Path

from bench.serving.watch import ServingProcess
from tests.twins.plans import plan as plan_of
from twins.clock import ClockSpec
from twins.serving.spec import ServeSpec


def spec(folder: Path) -> ServeSpec:
    return ServeSpec(
        plan=plan_of((1, 40)),
        clock=ClockSpec(mode="scaled", start=1_000_000.0, origin=0.0),
        meters=(),
        addresses=(),
        master_key=bytes(16),
        defects=(),
        protocols=(),
        memory=str(folder / "memory"),
        terminals=str(folder),
        echonet_port=1,
        dlms_port=1,
        modbus_port=1,
        dialects=(),
        sticks=0,
    )


def test_a_stop_that_comes_before_there_is_a_process_is_heeded(tmp_path: Path) -> None:
    serving = ServingProcess(spec(tmp_path), tmp_path)
    serving.stop()
    try:
        list(serving.start())
        assert serving.wait() is None
    finally:
        serving.close()
