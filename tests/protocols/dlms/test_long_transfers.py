import pytest

from protocols.dlms.action import ActionRequestBlock, ActionRequestFirstBlock, ActionRequestNext
from protocols.dlms.apdu import Attribute, DataAccessResult, GetRequestNormal, Method
from protocols.dlms.axdr import Data, DataType, array, octets, structure
from protocols.dlms.blocks import Block
from protocols.dlms.ciphering import Form
from protocols.dlms.conformance import SERVED, Conformance
from protocols.dlms.errors import AccessRefusedError, ExceptionReceivedError
from protocols.dlms.get import GetRequestNext, GetResponseBlock
from protocols.dlms.profile_generic import (
    BY_ENTRY,
    BY_RANGE,
    CLOCK_COLUMN,
    Column,
    Row,
    encode_rows,
    profile_object,
)
from protocols.dlms.service import LONGEST_LIST
from protocols.dlms.set import (
    SetRequestBlock,
    SetRequestFirstBlock,
    SetRequestList,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseList,
)
from tests.protocols.dlms.meter import (
    CLOCK,
    HALF_HOUR,
    IMPORT,
    NOON,
    NOTE,
    PROFILE,
    ROWS,
    SERIAL,
    UINT32,
    HalfHours,
    Link,
    Meter,
    associated,
    manager,
    register,
)

BUFFER = Attribute(7, PROFILE, 2)
NOTES = Attribute(1, NOTE, 2)
ECHO = Method(8, CLOCK, 6)
LONG = octets(bytes(range(256)) * 12)
ENERGY = Column(3, IMPORT, 2)


@pytest.fixture
def meter() -> Meter:
    return Meter(max_pdu=300)


@pytest.fixture(params=[Form.GLO, Form.GENERAL])
def link(request: pytest.FixtureRequest, meter: Meter) -> Link:
    return associated(manager(meter, form=request.param, max_pdu=200))


def registers(rows: object) -> list[object]:
    assert isinstance(rows, tuple)
    return [(row.value if isinstance(row, Data) else row)[-1].value for row in rows]


class CountingHalfHours(HalfHours):
    """Counts how often it is read whole."""

    reads = 0

    def between(self, first: int | None, last: int | None) -> list[Row]:
        self.reads += 1
        return super().between(first, last)


def test_a_profile_of_45_days_comes_whole_in_blocks_that_the_client_can_receive(link: Link) -> None:
    whole = link.run(link.client.get(BUFFER)).value
    assert registers(whole) == [register(time) for time in HalfHours().times]
    assert max(map(len, link.received)) <= 200
    assert len(link.received) > ROWS * 20 // 200


@pytest.mark.parametrize("allowed", [0, 301, 65_535])
def test_a_client_that_takes_longer_apdus_gets_none_longer_than_the_meter_itself_takes(allowed: int) -> None:
    link = associated(manager(Meter(max_pdu=300), max_pdu=allowed))
    assert len(registers(link.run(link.client.get(BUFFER)).value)) == ROWS
    assert max(map(len, link.received)) <= 300


def test_a_client_without_blocks_gets_what_it_says_that_it_takes(meter: Meter) -> None:
    link = associated(manager(meter, max_pdu=65_535, conformance=SERVED - {Conformance.BLOCK_TRANSFER_WITH_GET}))
    assert len(registers(link.run(link.client.get(BUFFER)).value)) == ROWS


def test_a_value_longer_than_any_apdu_comes_whole(link: Link) -> None:
    link.meter.note = bytes(100_000)
    assert link.run(link.client.get(Attribute(1, NOTE, 2))) == octets(link.meter.note)
    assert link.run(link.client.get_list(Attribute(1, NOTE, 2))) == (octets(link.meter.note),)


def test_a_list_of_many_long_members_is_not_read_to_its_end(meter: Meter) -> None:
    profile = CountingHalfHours()
    meter.device.objects.add(profile_object(PROFILE, profile))
    link = associated(manager(meter))
    with pytest.raises(ExceptionReceivedError, match="1/4"):
        link.run(link.client.get_list(*[BUFFER] * 12))
    whole = encode_rows(profile, profile.between(None, None), range(3))
    assert profile.reads - 1 == 1 + LONGEST_LIST // len(whole) < 12


def test_a_list_with_a_long_member_comes_in_blocks(link: Link) -> None:
    first, second = link.run(link.client.get_list(BUFFER, Attribute(8, CLOCK, 2)))
    assert isinstance(first, Data)
    assert len(registers(first.value)) == ROWS
    assert second == octets(link.meter.time)


def test_a_long_value_is_set_in_blocks(link: Link) -> None:
    link.run(link.client.set(NOTES, LONG))
    assert link.meter.note == LONG.value
    assert max(map(len, link.sent)) <= 300


def test_a_long_call_and_its_long_answer_go_in_blocks(link: Link) -> None:
    assert link.run(link.client.action(ECHO, LONG)) == LONG
    assert max(map(len, link.sent)) <= 300
    assert max(map(len, link.received)) <= 200


def test_a_refused_long_set_and_call_say_why(link: Link) -> None:
    with pytest.raises(AccessRefusedError, match="OBJECT_UNDEFINED"):
        link.run(link.client.set(Attribute(1, bytes(6), 2), LONG))
    with pytest.raises(AccessRefusedError, match="OBJECT_UNAVAILABLE"):
        link.run(link.client.action(Method(8, CLOCK, 2), LONG))


def test_without_block_transfer_a_long_answer_is_too_long(meter: Meter) -> None:
    few = SERVED - {Conformance.BLOCK_TRANSFER_WITH_GET, Conformance.BLOCK_TRANSFER_WITH_ACTION}
    link = associated(manager(meter, max_pdu=200, conformance=few))
    for exchange in (link.client.get(BUFFER), link.client.action(ECHO, octets(bytes(200)))):
        with pytest.raises(ExceptionReceivedError) as refused:
            link.run(exchange)  # type: ignore[arg-type]
        assert refused.value.service == 4


def test_a_long_get_may_change_its_protection_on_the_way(meter: Meter) -> None:
    link = associated(manager(meter, form=Form.GLO, max_pdu=200))
    protection = link.client.protection
    assert protection is not None
    exchange = link.client.get(BUFFER)
    request = next(exchange)
    protection.form = Form.GENERAL
    request = exchange.send(link.send(request))
    assert request[0] == 0xDB
    assert len(link.send(request)) <= 200


# Breaks, seen on the wire of a client without ciphering


class Plain:
    """Plain APDUs in and out of a management session, by way of its own protection."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def __call__(self, apdu: bytes) -> bytes:
        protection = self._link.client.protection
        assert protection is not None
        return protection.open(self._link.send(protection.seal(apdu)))


@pytest.fixture
def plain(meter: Meter) -> Plain:
    return Plain(associated(manager(meter, max_pdu=200)))


def test_a_wrong_block_number_ends_a_long_get(plain: Plain) -> None:
    assert isinstance(GetResponseBlock.from_bytes(plain(GetRequestNormal(0xC1, BUFFER).to_bytes())).content, bytes)
    for number, result in (
        (2, DataAccessResult.DATA_BLOCK_NUMBER_INVALID),
        (1, DataAccessResult.NO_LONG_GET_IN_PROGRESS),
    ):
        answer = GetResponseBlock.from_bytes(plain(GetRequestNext(0xC1, number).to_bytes()))
        assert (answer.last, answer.content) == (True, result)


def test_another_request_ends_a_long_get(plain: Plain) -> None:
    plain(GetRequestNormal(0xC1, BUFFER).to_bytes())
    plain(GetRequestNormal(0xC1, Attribute(8, CLOCK, 2)).to_bytes())
    answer = GetResponseBlock.from_bytes(plain(GetRequestNext(0xC1, 1).to_bytes()))
    assert answer.content is DataAccessResult.NO_LONG_GET_IN_PROGRESS


def test_the_blocks_of_a_set_must_come_in_order(plain: Plain, meter: Meter) -> None:
    first = SetRequestFirstBlock(0xC1, NOTES, Block(False, 1, b"\x09")).to_bytes()
    assert SetResponseBlock.from_bytes(plain(first)).number == 1
    for number, result in (
        (3, DataAccessResult.DATA_BLOCK_NUMBER_INVALID),
        (2, DataAccessResult.NO_LONG_SET_IN_PROGRESS),
    ):
        answer = plain(SetRequestBlock(0xC1, Block(True, number, b"\x01a")).to_bytes())
        assert SetResponseLastBlock.from_bytes(answer).result is result
    assert meter.note == b"-"


def test_blocks_that_join_to_no_data_are_of_no_type(plain: Plain) -> None:
    answer = plain(SetRequestFirstBlock(0xC1, NOTES, Block(True, 1, b"\x09\x05ab")).to_bytes())
    assert SetResponseLastBlock.from_bytes(answer).result is DataAccessResult.TYPE_UNMATCHED
    answer = plain(ActionRequestFirstBlock(0xC1, ECHO, Block(True, 1, b"\x09\x05ab")).to_bytes())
    assert answer == bytes.fromhex("C701C10C00")


def test_a_list_of_values_is_set_in_its_order(plain: Plain, meter: Meter) -> None:
    references = ((NOTES, None), (Attribute(1, bytes(6), 2), None), (Attribute(8, CLOCK, 2), None))
    values = (octets(b"by list"), octets(b""), Data(DataType.UINT8, 0))
    answer = SetResponseList.from_bytes(plain(SetRequestList(0xC1, references, values).to_bytes()))
    assert answer.results == (
        DataAccessResult.SUCCESS,
        DataAccessResult.OBJECT_UNDEFINED,
        DataAccessResult.TYPE_UNMATCHED,
    )
    assert meter.note == b"by list"


def test_a_broken_long_call_says_so(plain: Plain) -> None:
    aborted, none_such = bytes.fromhex("C701C10F00"), bytes.fromhex("C701C11000")
    assert plain(ActionRequestBlock(0xC1, Block(True, 2, b"")).to_bytes()) == none_such
    assert plain(ActionRequestNext(0xC1, 1).to_bytes()) == none_such
    plain(ActionRequestFirstBlock(0xC1, ECHO, Block(False, 1, b"\x09")).to_bytes())
    assert plain(ActionRequestBlock(0xC1, Block(True, 3, b"")).to_bytes()) == aborted


# Selective access


def test_a_range_holds_both_its_ends(link: Link) -> None:
    first, last = NOON - 5 * HALF_HOUR, NOON - 2 * HALF_HOUR
    rows = link.run(link.client.get_range(PROFILE, first, last))
    assert registers(rows) == [register(time) for time in range(first, last + 1, HALF_HOUR)]
    assert link.run(link.client.get_range(PROFILE, NOON + 1, NOON + 1000)) == ()


def test_any_columns_of_a_range_come_in_the_order_of_the_profile(link: Link) -> None:
    status = Column(1, SERIAL, 2)
    (row,) = link.run(link.client.get_range(PROFILE, NOON, NOON, (ENERGY, status)))
    assert row == (Data(DataType.UINT8, 0), Data(UINT32, register(NOON)))
    (row,) = link.run(link.client.get_range(PROFILE, NOON, NOON, (ENERGY,)))
    assert row == (Data(UINT32, register(NOON)),)


@pytest.mark.parametrize("unspecified", [Data(DataType.NULL, None), octets(bytes.fromhex("FFFFFFFFFFFFFFFFFF8000FF"))])
def test_an_end_that_is_left_open_is_no_end(link: Link, unspecified: Data) -> None:
    start = Data(DataType.DATE_TIME, bytes.fromhex("07EA0514030B1E0000FDE400"))  # 2026-05-20 11:30 JST
    access = (BY_RANGE, structure(CLOCK_COLUMN.to_data(), start, unspecified, array()))
    assert registers(link.run(link.client.get(BUFFER, access)).value) == [register(NOON - HALF_HOUR), register(NOON)]


def entries(first: int, last: int, left: int, right: int) -> tuple[int, Data]:
    uint16 = DataType.UINT16
    return BY_ENTRY, structure(Data(UINT32, first), Data(UINT32, last), Data(uint16, left), Data(uint16, right))


def test_entries_and_columns_are_counted_from_one_and_zero_is_the_last(link: Link) -> None:
    time = HalfHours().times
    assert registers(link.run(link.client.get(BUFFER, entries(1, 2, 3, 3))).value) == [
        register(time[0]),
        register(time[1]),
    ]
    last = link.run(link.client.get(BUFFER, entries(ROWS, 0, 1, 0))).value
    assert isinstance(last, tuple)
    assert registers(last) == [register(NOON)]
    assert len(last[0].value) == 3  # type: ignore[arg-type]
    assert link.run(link.client.get(BUFFER, entries(ROWS + 1, ROWS + 9, 1, 0))) == array()


@pytest.mark.parametrize(
    ("access", "result"),
    [
        ((3, array()), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (entries(0, 1, 1, 1), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (entries(1, 1, 4, 4), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (entries(1, 1, 3, 2), DataAccessResult.SCOPE_OF_ACCESS_VIOLATED),
        ((BY_RANGE, array()), DataAccessResult.TYPE_UNMATCHED),
        ((BY_RANGE, structure(array())), DataAccessResult.TYPE_UNMATCHED),
        (
            (BY_RANGE, structure(ENERGY.to_data(), octets(bytes(12)), octets(bytes(12)), array())),
            DataAccessResult.SCOPE_OF_ACCESS_VIOLATED,
        ),
        (
            (BY_RANGE, structure(CLOCK_COLUMN.to_data(), octets(bytes(12)), octets(bytes(12)), array())),
            DataAccessResult.TYPE_UNMATCHED,
        ),
        (
            (BY_RANGE, structure(CLOCK_COLUMN.to_data(), octets(bytes(11)), octets(bytes(12)), array())),
            DataAccessResult.TYPE_UNMATCHED,
        ),
        (
            (
                BY_RANGE,
                structure(
                    CLOCK_COLUMN.to_data(),
                    Data(DataType.NULL, None),
                    Data(DataType.NULL, None),
                    array(Column(3, bytes(6), 2).to_data()),
                ),
            ),
            DataAccessResult.SCOPE_OF_ACCESS_VIOLATED,
        ),
    ],
)
def test_a_selection_that_cannot_be_made_says_why(
    link: Link, access: tuple[int, Data], result: DataAccessResult
) -> None:
    with pytest.raises(AccessRefusedError) as refused:
        link.run(link.client.get(BUFFER, access))
    assert refused.value.result == result


def test_a_selection_where_there_is_nothing_to_select_is_refused(link: Link) -> None:
    with pytest.raises(AccessRefusedError, match="SCOPE"):
        link.run(link.client.get(Attribute(8, CLOCK, 2), entries(1, 1, 1, 1)))
