import pytest

from protocols.dlms.apdu import Attribute, DataAccessResult, Method
from protocols.dlms.axdr import Data, array, octets, structure
from protocols.dlms.ciphering import Form
from protocols.dlms.errors import AccessRefusedError, ExceptionReceivedError, RefusalError
from protocols.dlms.roles import SECURITY_SETUP
from protocols.dlms.security import unprotect_general, unprotect_glo, wrap_key
from protocols.dlms.security_setup import MAX_CLIENTS, KeyId, SecuritySetup, SecurityState
from protocols.dlms.values import enum
from protocols.errors import MeterBenchError, SecurityError
from tests.protocols.dlms.meter import NEW_KEY, WRAPPING_KEY, Meter, associated, manager
from tests.protocols.dlms.vectors import AUTH_KEY, CLIENT_TITLE, KEY, SERVER_TITLE

TRANSFER = Method(64, SECURITY_SETUP, 2)
ACTIVATE = Method(64, SECURITY_SETUP, 1)


def transfer(*keys: tuple[int, bytes], under: bytes = WRAPPING_KEY) -> Data:
    return array(*(structure(enum(which), octets(wrap_key(under, key))) for which, key in keys))


def setup() -> SecuritySetup:
    return SecuritySetup(SERVER_TITLE, SecurityState(KEY, AUTH_KEY, WRAPPING_KEY))


@pytest.mark.parametrize("form", [Form.GLO, Form.GENERAL])
@pytest.mark.parametrize("under_new", [False, True])
def test_a_transferred_key_is_in_force_at_once_and_the_old_one_is_gone(form: Form, under_new: bool) -> None:
    meter = Meter(answers_under_new_key=under_new)
    link = associated(manager(meter, form=form, counter=500))
    protection = link.client.protection
    assert protection is not None
    exchange = link.client.action(TRANSFER, transfer((KeyId.UNICAST, NEW_KEY)))
    answer = link.send(next(exchange))
    key = NEW_KEY if under_new else KEY
    if form is Form.GENERAL:
        _, counter, plain = unprotect_general(answer, lambda title: (key, AUTH_KEY))
    else:
        counter, plain = unprotect_glo(answer, SERVER_TITLE, key, AUTH_KEY)
    assert plain[:2] == b"\xc7\x01"
    assert plain[3] == DataAccessResult.SUCCESS
    assert (counter == 1) == under_new
    with pytest.raises(ExceptionReceivedError):
        associated(manager(meter, counter=600))
    renewed = associated(manager(meter, form=form, key=NEW_KEY, counter=1))  # counters start again
    assert renewed.run(renewed.client.get(Attribute(64, SECURITY_SETUP, 2))) == enum(3)
    assert meter.security.last_counter(CLIENT_TITLE) == 4


def test_nothing_sealed_under_the_old_key_comes_back() -> None:
    meter = Meter()
    link = associated(manager(meter))
    link.run(link.client.action(TRANSFER, transfer((KeyId.UNICAST, NEW_KEY))))
    renewed = associated(manager(meter, key=NEW_KEY))
    for old in link.sent[1:]:
        assert renewed.session.receive(old)[0][:3] == b"\xd8\x01\x05"


def test_several_keys_are_replaced_at_once_and_the_counters_stay_without_a_new_encryption_key() -> None:
    security = setup()
    security.note_counter(CLIENT_TITLE, 9)
    security.next_counter()
    keys = {KeyId.BROADCAST: b"b" * 16, KeyId.AUTHENTICATION: b"a" * 16, KeyId.WRAPPING: b"w" * 16}
    security.transfer(transfer(*keys.items()))
    assert security.keys() == (KEY, b"a" * 16)
    assert (security.state.broadcast_key, security.state.wrapping_key) == (b"b" * 16, b"w" * 16)
    assert (security.last_counter(CLIENT_TITLE), security.next_counter()) == (9, 2)
    security.transfer(transfer((KeyId.UNICAST, NEW_KEY), under=b"w" * 16))
    assert (security.last_counter(CLIENT_TITLE), security.next_counter()) == (None, 1)


def test_the_same_key_again_does_not_start_the_counters_again() -> None:
    security = setup()
    for _ in range(5):
        security.next_counter()
    security.transfer(transfer((KeyId.UNICAST, KEY)))
    assert security.next_counter() == 6


@pytest.mark.parametrize(
    ("parameters", "result"),
    [
        (None, DataAccessResult.TYPE_UNMATCHED),
        (array(), DataAccessResult.OTHER_REASON),
        (transfer((KeyId.UNICAST, NEW_KEY), (KeyId.UNICAST, NEW_KEY)), DataAccessResult.OTHER_REASON),
        (transfer((4, NEW_KEY)), DataAccessResult.OTHER_REASON),
        (transfer((KeyId.UNICAST, NEW_KEY), under=KEY), DataAccessResult.OTHER_REASON),
        (transfer((KeyId.UNICAST, NEW_KEY * 2)), DataAccessResult.OTHER_REASON),
        (transfer((KeyId.WRAPPING, NEW_KEY), (9, NEW_KEY)), DataAccessResult.OTHER_REASON),
        (array(structure(enum(0), octets(b"short"))), DataAccessResult.OTHER_REASON),
        (array(octets(b"")), DataAccessResult.TYPE_UNMATCHED),
    ],
)
def test_a_transfer_that_cannot_be_changes_nothing(parameters: Data | None, result: DataAccessResult) -> None:
    security = setup()
    before = security.state
    with pytest.raises(RefusalError) as refused:
        security.transfer(parameters)
    assert refused.value.result == result
    assert security.state is before


def test_a_policy_only_becomes_stricter() -> None:
    security = SecuritySetup(SERVER_TITLE, SecurityState(KEY, AUTH_KEY, WRAPPING_KEY, policy=0))
    for policy, allowed in ((1, True), (2, False), (0, False), (3, True), (1, False), (4, False), (3, True)):
        if allowed:
            security.activate(enum(policy))
            assert security.policy == policy
        else:
            with pytest.raises(RefusalError):
                security.activate(enum(policy))


def test_a_client_cannot_loosen_the_policy() -> None:
    meter = Meter()
    link = associated(manager(meter))
    link.run(link.client.action(ACTIVATE, enum(3)))
    with pytest.raises(AccessRefusedError, match="READ_WRITE_DENIED"):
        link.run(link.client.action(ACTIVATE, enum(0)))
    assert meter.security.policy == 3


def test_every_change_is_journalled_before_it_counts() -> None:
    journal: list[SecurityState] = []
    security = SecuritySetup(SERVER_TITLE, SecurityState(KEY, AUTH_KEY, WRAPPING_KEY), journal=journal.append)
    counter = security.next_counter()
    assert journal[-1].counter == counter + 1
    reborn = SecuritySetup(SERVER_TITLE, journal[-1])
    assert reborn.next_counter() == counter + 1


def test_a_journal_that_fails_leaves_the_counter_unused() -> None:
    def full(state: SecurityState) -> None:
        raise OSError("no space left")

    security = SecuritySetup(SERVER_TITLE, SecurityState(KEY, AUTH_KEY, WRAPPING_KEY), journal=full)
    with pytest.raises(OSError, match="no space"):
        security.next_counter()
    assert security.state.counter == 1


def test_a_used_up_counter_stops_us() -> None:
    security = SecuritySetup(SERVER_TITLE, SecurityState(KEY, AUTH_KEY, WRAPPING_KEY, counter=2**32 - 1))
    assert security.next_counter() == 2**32 - 1
    with pytest.raises(MeterBenchError, match="used up"):
        security.next_counter()


def test_the_number_of_clients_is_bounded() -> None:
    seen = {number.to_bytes(8, "big"): 1 for number in range(MAX_CLIENTS)}
    security = SecuritySetup(SERVER_TITLE, SecurityState(KEY, AUTH_KEY, WRAPPING_KEY, seen=seen))
    security.note_counter(bytes(8), 2)
    with pytest.raises(SecurityError, match="clients"):
        security.note_counter(CLIENT_TITLE, 1)
