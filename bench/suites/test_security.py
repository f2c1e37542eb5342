"""Ciphering and access over DLMS: who is let in, and what comes of a message that was recorded or altered."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from bench.suites.support import Tape, restored, taped
from hil_drivers.errors import AnswerError, LinkError, RefusedError
from hil_drivers.meters.dlms import DlmsMeter
from hil_drivers.meters.dlms_names import ENERGIES
from hil_drivers.meters.dlms_reading import DlmsReading
from hil_drivers.meters.dlms_session import WPORTS, DlmsSession
from protocols.dlms.apdu import EXCEPTION_RESPONSE, Attribute
from protocols.dlms.ciphering import Form, form_of

if TYPE_CHECKING:
    from bench.pytest_plugin.specimen import Specimen


_REFUSED = (RefusedError, AnswerError)
_ENERGY = Attribute(3, ENERGIES["import_wh"], 2)
_ASSOCIATING = (0x60, 0x61, 0x62, 0x63)  # AARQ, AARE, RLRQ, RLRE
_NOBODYS_KEY = "5A" * 16


@pytest.mark.requirement("X2")
@pytest.mark.needs("dlms")
def test_a_wrong_password_is_refused(meter: Specimen) -> None:
    """The reader comes with a password that nobody has."""
    with pytest.raises(_REFUSED):
        meter.another("dlms", 10.0, client="reader", password="WRONGPWD").registers()


@pytest.mark.requirement("X2")
@pytest.mark.needs("dlms")
def test_who_says_nothing_reads_nothing_of_the_home(meter: Specimen) -> None:
    """The public client has the clock, and no energy; it is asked past our own reader, which would not even ask."""
    public = meter.another("dlms", 10.0, client="public")
    assert isinstance(public, DlmsReading)
    public.clock()
    public.close()
    session = DlmsSession(public.address)
    with contextlib.closing(session), pytest.raises(_REFUSED):
        session.run(lambda client: client.get(_ENERGY))


@pytest.mark.requirement("X5")
@pytest.mark.needs("dlms")
@pytest.mark.parametrize("key", ["encryption", "authentication"])
def test_a_key_that_is_not_its_own_opens_no_meter(meter: Specimen, key: str) -> None:
    """Neither of the two keys may be another one."""
    with pytest.raises(_REFUSED):
        meter.another("dlms", 10.0, **{key: _NOBODYS_KEY}).registers()


@pytest.mark.requirement("X1")
@pytest.mark.needs("dlms")
def test_nothing_of_the_home_is_said_in_the_clear(meter: Specimen) -> None:
    """All that the management client asks and hears once it is let in is ciphered; no name of a register is seen."""
    own, tape = taped(meter)
    with contextlib.closing(own):
        assert own.registers().import_wh is not None
    said = [apdu for pair in tape.exchanged(WPORTS["management"]) for apdu in pair if apdu[0] not in _ASSOCIATING]
    plain = [apdu.hex() for apdu in said if form_of(apdu) is Form.PLAIN or _ENERGY.obis in apdu]
    assert said and not plain, f"said in the clear: {plain}"


@pytest.mark.requirement("X1", "X5")
@pytest.mark.needs("LV", "dlms", "emulated")
def test_a_key_is_renewed_and_the_one_before_it_opens_nothing(meter: Specimen) -> None:
    """The meter takes another encryption key, is spoken to under it alone, and gets the first one back."""
    reader = meter.another("dlms", 10.0)
    assert isinstance(reader, DlmsMeter) and reader.address.keys is not None
    first = reader.address.keys.encryption
    reader.transfer_key(bytes.fromhex(_NOBODYS_KEY))
    try:
        assert reader.registers().import_wh is not None
        with pytest.raises(_REFUSED):
            meter.another("dlms", 10.0).registers()
    finally:
        reader.transfer_key(first)
    assert meter.another("dlms", 10.0).registers().import_wh is not None


@pytest.mark.requirement("X2")
@pytest.mark.needs("LV", "dlms")
def test_a_recorded_command_is_not_carried_out_again(meter: Specimen) -> None:
    """A limit is set, set back, and the message that set it comes once more, byte by byte."""
    with restored(meter) as reader:
        normal = reader.limit().normal_a
        own, tape = taped(meter)
        with contextlib.closing(own):
            own.set_limit(normal + 10)
            recorded = tape.sent[-1]
            own.set_limit(normal)
            _put_again(tape, recorded)
        assert reader.limit().normal_a == normal, "the meter has carried out what was sent before"


@pytest.mark.requirement("X3")
@pytest.mark.needs("LV", "dlms")
def test_an_altered_command_is_refused(meter: Specimen) -> None:
    """One bit of a ciphered command is turned on its way."""
    with restored(meter) as reader:
        normal = reader.limit().normal_a
        own, tape = taped(meter)
        with contextlib.closing(own):
            own.set_limit(normal)
            client, apdu = tape.sent[-1]
            answer = _put_again(tape, (client, _with_next_counter(apdu)))
        refused = answer is None or answer.startswith(EXCEPTION_RESPONSE)
        assert refused, f"an altered command was answered with {answer.hex() if answer else 'nothing'}"
        assert reader.limit().normal_a == normal


def _put_again(tape: Tape, request: tuple[int, bytes]) -> bytes | None:
    """The answer, or None where the meter gives none or hangs up."""
    try:
        return tape.again(request)
    except (OSError, LinkError):
        return None


def _with_next_counter(apdu: bytes) -> bytes:
    """A ciphered APDU under a fresh counter (bytes 3 to 6 behind tag, length, control), its tag not made anew."""
    counter = int.from_bytes(apdu[3:7], "big") + 1
    return apdu[:3] + counter.to_bytes(4, "big") + apdu[7:]
