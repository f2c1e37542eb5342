from collections.abc import Callable

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from protocols.dlms.errors import EncodeError
from protocols.dlms.keys import KeyRing

MASTER = bytes(range(16))
TITLES = np.arange(0x54574E0000000000, 0x54574E0000000000 + 1000, dtype=np.uint64)


def test_a_key_is_one_aes_block_of_title_epoch_and_purpose() -> None:
    title, epoch = bytes.fromhex("54574E0000000007"), 3
    aes = Cipher(algorithms.AES(MASTER), modes.ECB()).encryptor()
    blocks = [title + epoch.to_bytes(4, "big") + bytes([purpose, 0, 0, 0]) for purpose in (1, 2)]
    assert KeyRing(MASTER).for_title(title, epoch) == (aes.update(blocks[0]), aes.update(blocks[1]))


def test_a_fleet_gets_the_keys_that_each_meter_gets_alone() -> None:
    ring = KeyRing(MASTER)
    keys, auth_keys = ring.derive(TITLES, 5)
    assert keys.shape == auth_keys.shape == (1000, 16)
    assert keys.dtype == auth_keys.dtype == np.uint8
    for row in (0, 1, 999):
        assert ring.for_title(int(TITLES[row]).to_bytes(8, "big"), 5) == (keys[row].tobytes(), auth_keys[row].tobytes())


def test_no_two_meters_epochs_or_purposes_share_a_key() -> None:
    ring = KeyRing(MASTER)
    every = np.concatenate([np.concatenate(ring.derive(TITLES, epoch)) for epoch in range(5)])
    assert len({key.tobytes() for key in every}) == len(every) == 10_000


def test_another_master_gives_other_keys() -> None:
    here, there = KeyRing(MASTER).derive(TITLES, 0)[0], KeyRing(bytes(32)).derive(TITLES, 0)[0]
    assert (here != there).any(axis=1).all()


def test_no_meters_have_no_keys() -> None:
    keys, auth_keys = KeyRing(MASTER).derive(TITLES[:0], 0)
    assert keys.shape == auth_keys.shape == (0, 16)


@pytest.mark.parametrize(
    "use",
    [
        lambda: KeyRing(b"short"),
        lambda: KeyRing(MASTER).derive(TITLES, -1),
        lambda: KeyRing(MASTER).derive(TITLES, 2**32),
        lambda: KeyRing(MASTER).for_title(b"TWN", 0),
    ],
)
def test_wrong_input_is_our_own_fault(use: Callable[[], object]) -> None:
    with pytest.raises(EncodeError):
        use()
