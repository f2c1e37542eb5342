import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dlms.errors import EncodeError
from protocols.dlms.security import (
    GLO_TAGS,
    check_hls_gmac,
    hls_gmac,
    protect_general,
    protect_glo,
    unprotect_general,
    unprotect_glo,
    unwrap_key,
    wrap_key,
)
from protocols.errors import ProtocolError, SecurityError
from tests.protocols.dlms.vectors import AUTH_KEY, CLIENT_TITLE, COUNTER, GET_CLOCK, INITIATE, KEY, SERVER_TITLE

GENERAL_30 = bytes.fromhex("DB084D4D4D0000BC614E1E3001234567411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B")
GLO_VECTORS = [
    (
        INITIATE,
        0x30,
        "21303001234567801302FF8A7874133D414CED25B42534D28DB0047720606B175BD52211BE6841DB204D39EE6FDB8E356855",
    ),
    (GET_CLOCK, 0x30, "C81E3001234567411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B"),
    (GET_CLOCK, 0x10, "C81E1001234567C0010000080000010000FF020006725D910F9221D263877516"),
    (GET_CLOCK, 0x20, "C8122001234567411312FF935A47566827C467BC"),
]
ANY = (0x10, 0x20, 0x30)


def known(title: bytes) -> tuple[bytes, bytes] | None:
    return (KEY, AUTH_KEY) if title == SERVER_TITLE else None


@pytest.mark.parametrize(("plain", "control", "wire"), GLO_VECTORS)
def test_published_glo_cipherings_hold_in_both_directions(plain: bytes, control: int, wire: str) -> None:
    assert protect_glo(plain, SERVER_TITLE, COUNTER, KEY, AUTH_KEY, control).hex().upper() == wire
    assert unprotect_glo(bytes.fromhex(wire), SERVER_TITLE, KEY, AUTH_KEY, ANY) == (COUNTER, plain)


def test_the_published_general_ciphering_holds_in_both_directions() -> None:
    assert protect_general(GET_CLOCK, SERVER_TITLE, COUNTER, KEY, AUTH_KEY) == GENERAL_30
    assert unprotect_general(GENERAL_30, known) == (SERVER_TITLE, COUNTER, GET_CLOCK)


@pytest.mark.parametrize(
    ("challenge", "title", "counter", "answer"),
    [
        (b"P6wRJ21F", CLIENT_TITLE, 1, "10000000011A52FE7DD3E72748973C1E28"),
        (b"K56iVagY", SERVER_TITLE, COUNTER, "1001234567FE1466AFB3DBCD4F9389E2B7"),
    ],
)
def test_published_hls_answers_hold_in_both_directions(
    challenge: bytes, title: bytes, counter: int, answer: str
) -> None:
    assert hls_gmac(challenge, title, counter, KEY, AUTH_KEY).hex().upper() == answer
    assert check_hls_gmac(bytes.fromhex(answer), challenge, title, KEY, AUTH_KEY) == counter
    with pytest.raises(SecurityError):
        check_hls_gmac(bytes.fromhex(answer), challenge[::-1], title, KEY, AUTH_KEY)
    with pytest.raises(ProtocolError):
        check_hls_gmac(bytes.fromhex(answer)[:-1], challenge, title, KEY, AUTH_KEY)


def test_the_published_key_wrap_holds_in_both_directions() -> None:
    key = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
    wrapped = bytes.fromhex("1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5")
    assert wrap_key(KEY, key) == wrapped
    assert unwrap_key(KEY, wrapped) == key
    for broken in (wrapped[:-1], wrapped[:-8], bytes([wrapped[0] ^ 1]) + wrapped[1:], b""):
        with pytest.raises(SecurityError):
            unwrap_key(KEY, broken)


@pytest.mark.parametrize("size", [1, 110, 111, 127, 128, 238, 239, 500, 65_000])
def test_long_contents_carry_ber_lengths(size: int) -> None:
    plain = b"\xc4" + bytes(size - 1)
    ciphered = protect_general(plain, SERVER_TITLE, 5, KEY, AUTH_KEY)
    secured = size + 17
    expected = bytes([secured]) if secured < 128 else None
    expected = expected or (bytes([0x81, secured]) if secured < 256 else b"\x82" + secured.to_bytes(2, "big"))
    assert ciphered[10:].startswith(expected + b"\x30")
    assert unprotect_general(ciphered, known) == (SERVER_TITLE, 5, plain)
    assert unprotect_glo(protect_glo(plain, SERVER_TITLE, 5, KEY, AUTH_KEY), SERVER_TITLE, KEY, AUTH_KEY) == (5, plain)


@pytest.mark.parametrize("plain_tag", GLO_TAGS)
@pytest.mark.parametrize("control", ANY)
def test_each_service_has_a_ciphered_form_of_its_own(plain_tag: int, control: int) -> None:
    plain = bytes([plain_tag]) + b"some service"
    wire = protect_glo(plain, CLIENT_TITLE, 9, KEY, AUTH_KEY, control)
    assert wire[0] == GLO_TAGS[plain_tag]
    assert unprotect_glo(wire, CLIENT_TITLE, KEY, AUTH_KEY, ANY) == (9, plain)


@given(st.binary(max_size=40), st.integers(0, 2**32 - 1), st.binary(min_size=8, max_size=8), st.sampled_from(ANY))
@settings(max_examples=50)
def test_any_plaintext_comes_back(plain: bytes, counter: int, title: bytes, control: int) -> None:
    wire = protect_general(plain, title, counter, KEY, AUTH_KEY, control)
    assert unprotect_general(wire, lambda _: (KEY, AUTH_KEY), ANY) == (title, counter, plain)


def test_a_change_of_any_byte_is_noticed() -> None:
    for at in range(len(GENERAL_30)):
        for change in (0x01, 0x80, 0xFF):
            altered = bytearray(GENERAL_30)
            altered[at] ^= change
            with pytest.raises(ProtocolError):
                unprotect_general(bytes(altered), lambda _: (KEY, AUTH_KEY))


@given(st.binary(max_size=60))
def test_garbage_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        unprotect_general(b"\xdb\x08" + SERVER_TITLE + raw, known)
    with pytest.raises(ProtocolError):
        unprotect_glo(b"\xc8" + raw, SERVER_TITLE, KEY, AUTH_KEY)


def test_a_wrong_key_of_either_kind_is_noticed() -> None:
    for keys in ((AUTH_KEY, AUTH_KEY), (KEY, KEY)):
        with pytest.raises(SecurityError, match="tag"):
            unprotect_general(GENERAL_30, lambda _, keys=keys: keys)  # type: ignore[misc]


def test_a_stranger_is_refused_by_name() -> None:
    with pytest.raises(SecurityError, match="no key for system title 4d4d4d0000bc614e"):
        unprotect_general(GENERAL_30, lambda _: None)


@pytest.mark.parametrize("control", [0x10, 0x20])
def test_a_message_cannot_choose_weaker_protection_for_itself(control: int) -> None:
    weak = protect_general(GET_CLOCK, SERVER_TITLE, COUNTER, KEY, AUTH_KEY, control)
    with pytest.raises(SecurityError, match="weaker"):
        unprotect_general(weak, known)


@pytest.mark.parametrize("control", [0x00, 0x31, 0x70, 0xB0])
def test_other_suites_broadcast_keys_and_compression_are_not_supported(control: int) -> None:
    with pytest.raises(EncodeError):
        protect_general(GET_CLOCK, SERVER_TITLE, 1, KEY, AUTH_KEY, control)
    with pytest.raises(ProtocolError, match="unsupported security control"):
        unprotect_general(GENERAL_30[:11] + bytes([control]) + GENERAL_30[12:], known)


def test_a_ciphered_form_must_hold_its_own_service() -> None:
    wire = protect_glo(GET_CLOCK, SERVER_TITLE, 1, KEY, AUTH_KEY)
    with pytest.raises(ProtocolError, match="inside a glo-ciphering cc"):
        unprotect_glo(b"\xcc" + wire[1:], SERVER_TITLE, KEY, AUTH_KEY)


@pytest.mark.parametrize(
    ("plain", "title", "counter"),
    [(b"\x0f", SERVER_TITLE, 1), (GET_CLOCK, b"TWN", 1), (GET_CLOCK, SERVER_TITLE, 2**32)],
)
def test_what_cannot_be_ciphered_is_our_own_fault(plain: bytes, title: bytes, counter: int) -> None:
    with pytest.raises(EncodeError):
        protect_glo(plain, title, counter, KEY, AUTH_KEY)
