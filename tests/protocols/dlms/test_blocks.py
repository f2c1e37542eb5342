import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.blocks import MAX_VALUE, Block, BlockError, Incoming, Outgoing
from protocols.dlms.errors import EncodeError


@given(st.binary(max_size=500), st.lists(st.integers(1, 120), min_size=1))
def test_a_value_cut_into_blocks_comes_together_again(value: bytes, sizes: list[int]) -> None:
    outgoing, incoming = Outgoing(value), Incoming()
    block = outgoing.first(sizes[0])
    while (whole := incoming.take(block)) is None:
        assert len(block.content) == sizes[(block.number - 1) % len(sizes)]
        block = outgoing.after(block.number, sizes[block.number % len(sizes)])
    assert whole == value
    assert outgoing.done


def test_only_the_block_sent_last_can_be_followed() -> None:
    outgoing = Outgoing(b"abcdef")
    outgoing.first(2)
    outgoing.after(1, 2)
    for wrong in (0, 1, 3):
        with pytest.raises(BlockError) as refused:
            outgoing.after(wrong, 2)
        assert refused.value.result is DataAccessResult.DATA_BLOCK_NUMBER_INVALID
    outgoing.after(2, 2)
    with pytest.raises(BlockError):
        outgoing.after(3, 2)


@pytest.mark.parametrize(
    ("block", "result"),
    [
        (Block(False, 3, b"c"), DataAccessResult.DATA_BLOCK_NUMBER_INVALID),
        (Block(False, 1, b"a"), DataAccessResult.DATA_BLOCK_NUMBER_INVALID),
        (Block(True, 2, b"12345"), DataAccessResult.LONG_SET_ABORTED),
        (Block(False, 2, b""), DataAccessResult.DATA_BLOCK_UNAVAILABLE),
    ],
)
def test_a_wrong_block_says_what_is_wrong_with_it(block: Block, result: DataAccessResult) -> None:
    incoming = Incoming(limit=5)
    assert incoming.take(Block(False, 1, b"a")) is None
    with pytest.raises(BlockError) as refused:
        incoming.take(block)
    assert refused.value.result is result


@pytest.mark.parametrize(("value", "size"), [(b"", 0), (bytes(MAX_VALUE + 1), 100)])
def test_a_value_that_cannot_be_cut_is_our_own_fault(value: bytes, size: int) -> None:
    with pytest.raises(EncodeError):
        Outgoing(value).first(size)
