"""The hand terminal at the meter's optical port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hil_drivers.errors import AnswerError, RefusedError
from protocols.dlms.roles import HAND_TERMINAL

if TYPE_CHECKING:
    from bench.pytest_plugin.specimen import Specimen


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
