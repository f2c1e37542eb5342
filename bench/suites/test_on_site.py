"""The hand terminal at the meter's optical port."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bench.suites.lossy_terminal import lossy_terminal
from hil_drivers.errors import AnswerError, RefusedError
from hil_drivers.meters.dlms_names import CLOCK
from protocols.dlms.apdu import Method
from protocols.dlms.axdr import Data, DataType
from protocols.dlms.roles import HAND_TERMINAL

if TYPE_CHECKING:
    from bench.pytest_plugin.specimen import Specimen

_SHIFT_TIME = Method(CLOCK.class_id, CLOCK.obis, 6)
_MOST = 900  # s: by so much the method shifts at once


@pytest.mark.requirement("A12")
@pytest.mark.needs("optical")
def test_a_hand_terminal_reads_on_site(meter: Specimen) -> None:
    """Registers and rows, where no network reaches."""
    terminal, last = meter.another("optical"), int(meter.now())
    assert terminal.registers().import_wh is not None
    assert terminal.profile(1800, last - 7200, last)


@pytest.mark.requirement("A12", "X2")
@pytest.mark.needs("optical", "LV", "dlms")
def test_a_hand_terminal_with_a_wrong_password_changes_nothing(meter: Specimen) -> None:
    """It comes with a password of nobody's and sets the limit."""
    normal = meter.via("dlms").limit().normal_a
    stranger = meter.another("optical", None, client="terminal", password="WRONGPWD")
    with pytest.raises((RefusedError, AnswerError)):
        stranger.set_limit(normal + 10)
    stranger.close()
    assert meter.via("dlms").limit().normal_a == normal


@pytest.mark.requirement("A12", "X2")
@pytest.mark.needs("optical", "LV")
def test_a_hand_terminal_without_a_password_is_not_let_in(meter: Specimen) -> None:
    """At the terminal's own address, with no authentication at all."""
    with pytest.raises((RefusedError, AnswerError)):
        meter.another("optical", None, client="public", client_public=str(HAND_TERMINAL)).clock()


@pytest.mark.requirement("A12")
@pytest.mark.needs("optical")
def test_a_request_whose_answer_was_lost_is_carried_out_once(meter: Specimen) -> None:
    """The clock is shifted, the answer is lost, the same frame comes once more; then the clock is set right."""
    reader = meter.another("optical")
    offset = reader.clock().time - meter.now()
    reader.close()
    address, session = lossy_terminal(meter)
    try:
        with closing(session):
            session.run(lambda client: client.get(CLOCK))  # associated: what is lost is the answer to what follows
            address.lose()
            session.run(lambda client: client.action(_SHIFT_TIME, Data(DataType.INT16, _MOST)))
            assert not address.loses, "no answer was lost"
        moved = reader.clock().time - meter.now() - offset
        assert abs(moved - _MOST) < _MOST / 2, f"shifted by {_MOST} s once, the clock has moved by {moved:.0f} s"
    finally:
        reader.set_clock(round(meter.now()))
