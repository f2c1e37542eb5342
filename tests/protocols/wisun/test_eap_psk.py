"""EAP-PSK: the published vectors of its parts, the captured messages, and both roles against each other."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import ProtocolError, SecurityError
from protocols.wisun import eap_psk, eax
from protocols.wisun.eap_psk import EapCode, First, Keys, Peer, Progress, Server, Third, Verdict
from protocols.wisun.errors import EncodeError
from protocols.wisun.pana_role import default_random
from protocols.wisun.psk import VERIFIED, BenchDerivation

from .vectors import CREDENTIALS, PANA_EAP_1, PANA_EAP_3, WRONG_PASSWORD

PSK = bytes(range(16))
CAPTURED_1 = PANA_EAP_1[48:104]
CAPTURED_3 = PANA_EAP_3[24:83]


def roles(server_key: bytes = PSK, peer_key: bytes = PSK) -> tuple[Server, Peer]:
    return Server(server_key, b"SM1", b"HEMS1", default_random), Peer(peer_key, b"HEMS1", default_random, b"SM1")


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("key", "nonce", "header", "message", "cipher"),
    [
        (
            "233952DEE4D5ED5F9B9C6D6FF80FF478", "62EC67F9C3A4A407FCB2A8C49031A8B3", "6BFB914FD07EAE6B", "",
            "E037830E8389F27B025A2D6527E79D01",
        ),
        (
            "91945D3F4DCBEE0BF45EF52255F095A4", "BECAF043B0A23D843194BA972C66DEBD", "FA3BFD4806EB53FA", "F7FB",
            "19DD5C4C9331049D0BDAB0277408F67967E5",
        ),
    ],
)  # fmt: skip
def test_eax_gives_the_vectors_of_its_authors(key: str, nonce: str, header: str, message: str, cipher: str) -> None:
    arguments = bytes.fromhex(key), bytes.fromhex(nonce), bytes.fromhex(header)
    ciphertext, tag = eax.encrypt(*arguments, bytes.fromhex(message))
    assert (ciphertext + tag).hex().upper() == cipher
    assert eax.decrypt(*arguments, ciphertext, tag).hex().upper() == message
    with pytest.raises(SecurityError):
        eax.decrypt(*arguments, ciphertext, flip(tag, 0))


def test_cmac_gives_the_vector_of_its_standard() -> None:
    key = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3C")  # NIST SP 800-38B, D.1, examples 1 and 2
    assert eax.cmac(key, b"").hex() == "bb1d6929e95937287fa37d129b756746"
    assert eax.cmac(key, bytes.fromhex("6BC1BEE22E409F96E93D7E117393172A")).hex() == "070a16b46b4d4144f79bdd9dd04a287c"


def test_the_captured_messages_come_back_exactly() -> None:
    first, third = eap_psk.parse(CAPTURED_1), eap_psk.parse(CAPTURED_3)
    assert isinstance(first, First)
    assert isinstance(third, Third)
    assert first.id_s == b"SM0000009902170000000000000019BFAD"
    assert first.rand_s == third.rand_s
    assert (first.identifier, third.identifier) == (0xE3, 0xE4)
    assert third.channel[:4] == bytes(4)
    assert first.to_bytes() == CAPTURED_1
    assert third.to_bytes() == CAPTURED_3


def test_keys_are_blocks_of_the_modified_counter_mode() -> None:
    def block(key: bytes, data: bytes) -> bytes:
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(data)

    def xor(data: bytes, value: int) -> bytes:
        return data[:-1] + bytes([data[-1] ^ value])

    keys, rand_p = Keys.of(PSK), bytes(range(100, 116))
    seed = block(PSK, bytes(16))
    assert keys == Keys(block(PSK, xor(seed, 1)), block(PSK, xor(seed, 2)))
    session, seed = keys.session(rand_p), block(keys.kdk, rand_p)
    blocks = [block(keys.kdk, xor(seed, i)) for i in range(1, 10)]
    assert session.tek == blocks[0]
    assert session.msk == b"".join(blocks[1:5])
    assert session.emsk == b"".join(blocks[5:])
    with pytest.raises(EncodeError):
        Keys.of(b"short")


@given(st.binary(min_size=16, max_size=16))
def test_both_sides_of_one_key_agree(psk: bytes) -> None:
    server, peer = roles(psk, psk)
    success = server.receive(peer.receive(server.receive(peer.receive(server.start()))))
    assert success[0] == EapCode.SUCCESS
    assert peer.receive(success) == b""
    assert server.progress is peer.progress is Progress.DONE
    assert server.msk == peer.msk
    assert len(server.msk) == 64


def test_a_peer_with_another_key_ends_in_failure() -> None:
    server, peer = roles(PSK, bytes(16))
    failure = server.receive(peer.receive(server.start()))
    assert failure[0] == EapCode.FAILURE
    assert server.progress is Progress.FAILED
    assert peer.receive(failure) == b""
    assert peer.progress is Progress.FAILED
    assert server.msk == peer.msk == b""


def test_an_unknown_peer_ends_in_failure() -> None:
    server, _ = roles()
    assert server.receive(Peer(PSK, b"HEMS2", default_random).receive(server.start()))[0] == EapCode.FAILURE


def test_a_server_with_another_key_or_name_is_not_believed() -> None:
    server, peer = roles()
    with pytest.raises(SecurityError, match="server"):
        peer.receive(Server(PSK, b"SM2", b"HEMS1", default_random).start())
    _, impostor = roles()
    third = eap_psk.parse(server.receive(peer.receive(server.start())))
    assert isinstance(third, Third)
    with pytest.raises(SecurityError, match="MAC_S"):
        peer.receive(Third(third.identifier, third.rand_s, bytes(16), third.channel).to_bytes())
    assert peer.progress is Progress.FAILED
    with pytest.raises(ProtocolError):
        impostor.receive(third.to_bytes())


@given(at=st.integers(22, 58))
def test_every_byte_of_the_third_message_counts(at: int) -> None:
    server, peer = roles()
    third = server.receive(peer.receive(server.start()))
    with pytest.raises(SecurityError):
        peer.receive(flip(third, at))


@given(at=st.integers(22, 42))
def test_every_byte_of_the_fourth_message_counts(at: int) -> None:
    server, peer = roles()
    fourth = peer.receive(server.receive(peer.receive(server.start())))
    assert server.receive(flip(fourth, at))[0] == EapCode.FAILURE
    assert server.msk == b""


def test_a_channel_that_declines_is_a_failure() -> None:
    server, peer = roles()
    fourth = peer.receive(server.receive(peer.receive(server.start())))
    declined = eap_psk.seal(server._tek, 1, fourth[:22], Verdict.FAILURE)
    assert server.receive(fourth[:22] + declined)[0] == EapCode.FAILURE


def test_messages_out_of_order_change_nothing() -> None:
    server, peer = roles()
    first = server.start()
    second = peer.receive(first)
    third = server.receive(second)
    for stale in (second, first, third):
        with pytest.raises(ProtocolError):
            server.receive(stale)
    for early in (eap_psk.end(EapCode.SUCCESS, 0), b"\x03\x00\x00\x05\x00"):
        with pytest.raises(ProtocolError):
            peer.receive(early)
    assert server.receive(peer.receive(third))[0] == EapCode.SUCCESS


@pytest.mark.parametrize(
    "raw",
    [b"", CAPTURED_1[:21], CAPTURED_1[:22], *(flip(CAPTURED_1, at) for at in (0, 3, 4, 5)), CAPTURED_3[:-1]],
)
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolError):
        eap_psk.parse(raw)


def test_the_default_derivation_is_marked_as_unverified_and_depends_on_id_and_password() -> None:
    derivation = BenchDerivation()
    assert not VERIFIED
    assert len(derivation.key(CREDENTIALS)) == 16
    assert derivation.key(CREDENTIALS) != derivation.key(WRONG_PASSWORD)
    assert derivation.server_identity(b"0" * 32) == b"SM" + b"0" * 32
