"""A meter that is down is silent on every protocol, and has forgotten who had joined it when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.wisun.host import Cause, Joined, JoinFailed, Sent
from protocols.wisun.radio import SendResult
from tests.twins.serving.rig import ServedMeter
from tests.twins.wisun.rig import Host, credentials, served
from twins.device.factory import factory

EVERY = ["dlms", "modbus", "echonet", "optical", "modbus-rtu"]


@pytest.fixture
def meter(tmp_path: Path) -> Iterator[ServedMeter]:
    with ServedMeter(tmp_path) as running:
        yield running


def test_while_it_starts_into_another_firmware(meter: ServedMeter) -> None:
    assert meter.answers() == EVERY
    image = factory().image
    meter.call(lambda: meter.device.restart_into("2.0.0"))
    meter.clock.move(image.answer_s + 1)
    assert meter.answers() == []
    meter.clock.move(image.restart_s)
    meter.call(meter.step)
    assert meter.answers() == EVERY


def test_while_its_line_is_dead(meter: ServedMeter) -> None:
    meter.call(meter.device.lose_line)
    assert meter.answers() == []
    meter.call(meter.device.line_returns)
    assert meter.answers() == EVERY


def test_a_stick_finds_nobody_and_has_to_join_again(tmp_path: Path) -> None:
    with served(tmp_path, "BP35A1") as rig:
        running = [True]
        rig.nodes[0].runs = lambda now: running[0]
        with Host(rig, 0, "BP35A1", credentials(0)) as host:
            host.open(Joined)
            host.quiet()
            running[0] = False
            host.send()
            assert host.wait(Sent)[-1].result is SendResult.FAILED
            assert rig.meters[0].joined == []
            running[0] = True
            host.send()
            assert host.wait(Sent)[-1].result is SendResult.OK
            assert host.quiet() == [] and rig.meters[0].dropped.not_joined == 1
        running[0] = False
        with Host(rig, 0, "BP35A1", credentials(0)) as host:
            (failed,) = host.open(JoinFailed)
            assert failed.cause is Cause.NO_BEACON
        running[0] = True
        with Host(rig, 0, "BP35A1", credentials(0)) as host:
            host.open(Joined)
