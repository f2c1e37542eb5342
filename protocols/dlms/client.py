"""A DLMS client without I/O: for the rack's reader, the hand terminal and tests.

Each operation is an :data:`Exchange`: a generator that yields the APDU to send, is sent the one that came back, and
returns the result. :func:`run` drives one over any function from request to answer; an asynchronous edge drives it
itself. Whatever the server does wrong is a :class:`~protocols.errors.ProtocolError`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, TypeAlias, TypeVar

from protocols.dlms.acse import (
    AARE_TAG,
    AssociationRequest,
    AssociationResponse,
    Context,
    Diagnostic,
    Mechanism,
    ReleaseRequest,
    ReleaseResponse,
    Result,
)
from protocols.dlms.action import (
    ActionRequestBlock,
    ActionRequestFirstBlock,
    ActionRequestNext,
    ActionRequestNormal,
    ActionResponseBlock,
    ActionResponseNext,
    ActionResponseNormal,
    read_outcome,
)
from protocols.dlms.apdu import (
    CONFIRMED_HIGH,
    Access,
    Attribute,
    DataAccessResult,
    ExceptionResponse,
    GetRequestNormal,
    GetResponseNormal,
    Method,
)
from protocols.dlms.axdr import Data, DataType, Reader, array, decode, encode, octets, structure
from protocols.dlms.blocks import MAX_VALUE, Block, Incoming, Outgoing
from protocols.dlms.blocks import OVERHEAD as BLOCK_OVERHEAD
from protocols.dlms.ciphering import OVERHEAD, Form
from protocols.dlms.client_protection import Protection
from protocols.dlms.clock import DateTime
from protocols.dlms.conformance import SERVED, Conformance
from protocols.dlms.device import MIN_PDU
from protocols.dlms.errors import AccessRefusedError, AssociationRefusedError, ExceptionReceivedError
from protocols.dlms.get import GetRequestList, GetRequestNext, GetResponseBlock, GetResponseList, read_results
from protocols.dlms.initiate import CONFIRMED_SERVICE_ERROR, ConfirmedServiceError, InitiateRequest, InitiateResponse
from protocols.dlms.profile_generic import BY_RANGE, CLOCK_COLUMN, Column
from protocols.dlms.roles import CURRENT_ASSOCIATION
from protocols.dlms.services import Request, Response, parse
from protocols.dlms.set import (
    SetRequestBlock,
    SetRequestFirstBlock,
    SetRequestNormal,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseNormal,
)
from protocols.errors import ProtocolError

_T = TypeVar("_T")

Exchange: TypeAlias = Generator[bytes, bytes, _T]
"""Yields APDUs to send, takes the answers, returns the result."""

_OFFERED_PDU: Final = 65_535
_NAME_BYTES: Final = 10  # a descriptor and the absence of selective access


class Client:
    """One client of one server: its identity, and the association while it lasts.

    ``secret`` is the password of LLS or the challenge of HLS (8…64 bytes that nobody can foresee). ``protection`` is
    needed for HLS-GMAC and for ciphering; ``ciphered`` says whether the association's APDUs are.
    """

    def __init__(
        self,
        mechanism: Mechanism = Mechanism.NONE,
        secret: bytes = b"",
        protection: Protection | None = None,
        *,
        ciphered: bool | None = None,
        max_pdu: int = _OFFERED_PDU,
        conformance: frozenset[Conformance] = SERVED,
    ) -> None:
        self.protection = protection
        self._mechanism = mechanism
        self._secret = secret
        self._ciphered = protection is not None if ciphered is None else ciphered
        self._offer = InitiateRequest(conformance, max_pdu)
        self._agreed: InitiateResponse | None = None
        self._invoke_id = 0

    @property
    def agreed(self) -> InitiateResponse:
        """What the server granted; raises :class:`~protocols.errors.ProtocolError` without an association."""
        if self._agreed is None:
            raise ProtocolError("no association")
        return self._agreed

    # Opening and closing

    def associate(self) -> Exchange[InitiateResponse]:
        """Associate, with both passes of HLS where they are needed.

        Raises :class:`AssociationRefusedError`, or :class:`~protocols.errors.SecurityError` for a server that cannot
        prove that it has the keys.
        """
        self._agreed = None
        offer = self._offer.to_bytes()
        answer = yield AssociationRequest(
            Context.CIPHERED if self._ciphered else Context.PLAIN,
            self._protected().seal(offer, Form.GLO) if self._ciphered else offer,
            self._mechanism,
            self.protection.title if self.protection else b"",
            self._secret,
        ).to_bytes()
        if answer[:1] != bytes([AARE_TAG]):
            raise _unexpected(answer)
        response = AssociationResponse.from_bytes(answer)
        _check_accepted(response)
        if self.protection is not None:
            self.protection.meet(response.title)
        granted = response.user_information
        granted = self._protected().open(granted) if self._ciphered else granted
        self._agreed = _with_room(InitiateResponse.from_bytes(granted))
        if self._mechanism is Mechanism.HLS_GMAC:
            yield from self._prove(response.secret)
        return self._agreed

    def _prove(self, challenge: bytes) -> Exchange[None]:
        agreed, protection = self.agreed, self._protected()
        self._agreed = None  # until the server has proven itself
        if challenge in (b"", self._secret):  # our own challenge would make the server's proof out of ours
            raise AssociationRefusedError(Diagnostic.AUTHENTICATION_FAILURE, "no challenge of the server's own")
        method = Method(15, CURRENT_ASSOCIATION, 1)
        request = ActionRequestNormal(self._next_id(), method, octets(protection.prove(challenge)))
        answer: ActionResponseNormal = yield from self._ask(request, ActionResponseNormal)
        if answer.result is not DataAccessResult.SUCCESS:
            raise AssociationRefusedError(Diagnostic.AUTHENTICATION_FAILURE, f"HLS: {answer.result.name}")
        if not isinstance(answer.value, Data) or not isinstance(answer.value.value, bytes):
            raise ProtocolError("no f(challenge) of the server")
        protection.check_proof(answer.value.value, self._secret)
        self._agreed = agreed

    def release(self) -> Exchange[None]:
        """End the association."""
        offer = self._offer.to_bytes()
        carried = self._protected().seal(offer, Form.GLO) if self._ciphered else b""
        answer = yield ReleaseRequest(user_information=carried).to_bytes()
        self._agreed = None
        ReleaseResponse.from_bytes(answer)

    # Services

    def get(self, attribute: Attribute, access: Access | None = None) -> Exchange[Data]:
        """Value of an attribute; raises :class:`AccessRefusedError` when the server refuses."""
        request = GetRequestNormal(self._next_id(), attribute, access)
        answer: GetResponseNormal | GetResponseBlock
        answer = yield from self._ask(request, GetResponseNormal, GetResponseBlock)
        if isinstance(answer, GetResponseBlock):
            return decode((yield from self._join(answer)), MAX_VALUE)
        return _success(answer.result)

    def get_list(self, *attributes: Attribute) -> Exchange[tuple[Data | DataAccessResult, ...]]:
        """Values of several attributes, each of them data or the reason why not."""
        request = GetRequestList(self._next_id(), tuple((attribute, None) for attribute in attributes))
        answer: GetResponseList | GetResponseBlock
        answer = yield from self._ask(request, GetResponseList, GetResponseBlock)
        if isinstance(answer, GetResponseList):
            results = answer.results
        else:
            reader = Reader((yield from self._join(answer)), MAX_VALUE)
            results = read_results(reader)
            reader.end()
        if len(results) != len(attributes):
            raise ProtocolError(f"{len(results)} results for {len(attributes)} attributes")
        return results

    def get_range(
        self, profile: bytes, first: int, last: int, columns: tuple[Column, ...] = ()
    ) -> Exchange[tuple[tuple[Data, ...], ...]]:
        """Rows of a profile stamped from ``first`` to ``last`` (Unix seconds, both included), all columns or some."""
        ends = (octets(DateTime.from_unix(instant).to_bytes()) for instant in (first, last))
        selected = array(*(column.to_data() for column in columns))
        buffer = yield from self.get(
            Attribute(7, profile, 2), (BY_RANGE, structure(CLOCK_COLUMN.to_data(), *ends, selected))
        )
        if buffer.type is not DataType.ARRAY or not isinstance(buffer.value, tuple):
            raise ProtocolError("a buffer that is no array")
        return tuple([row.value for row in buffer.value if isinstance(row.value, tuple)])

    def set(self, attribute: Attribute, value: Data) -> Exchange[None]:
        """Write an attribute, in blocks where it is long; raises :class:`AccessRefusedError`."""
        request = SetRequestNormal(self._next_id(), attribute, value)
        if len(request.to_bytes()) <= self._room():
            answer: SetResponseNormal = yield from self._ask(request, SetResponseNormal)
            return _check(answer.result)
        blocks = Outgoing(encode(value))
        first = SetRequestFirstBlock(request.invoke_id, attribute, blocks.first(self._block_size()))
        ack: SetResponseBlock | SetResponseLastBlock
        ack = yield from self._ask(first, SetResponseBlock, SetResponseLastBlock)
        while isinstance(ack, SetResponseBlock):
            further = SetRequestBlock(request.invoke_id, blocks.after(ack.number, self._block_size()))
            ack = yield from self._ask(further, SetResponseBlock, SetResponseLastBlock)
        return _check(ack.result)

    def action(self, method: Method, parameters: Data | None = None) -> Exchange[Data | None]:
        """Call a method; what it returned. Raises :class:`AccessRefusedError`."""
        request = ActionRequestNormal(self._next_id(), method, parameters)
        answer: ActionResponseNormal | ActionResponseBlock
        if parameters is None or len(request.to_bytes()) <= self._room():
            answer = yield from self._ask(request, ActionResponseNormal, ActionResponseBlock)
        else:
            answer = yield from self._long_action(request.invoke_id, method, encode(parameters))
        if isinstance(answer, ActionResponseBlock):
            result, value = yield from self._join_action(answer)
        else:
            result, value = answer.result, answer.value
        _check(result)
        return None if value is None else _success(value)

    def _long_action(
        self, invoke_id: int, method: Method, parameters: bytes
    ) -> Exchange[ActionResponseNormal | ActionResponseBlock]:
        blocks = Outgoing(parameters)
        kinds = (ActionResponseNext, ActionResponseNormal, ActionResponseBlock)
        ack: ActionResponseNormal | ActionResponseBlock | ActionResponseNext
        ack = yield from self._ask(ActionRequestFirstBlock(invoke_id, method, blocks.first(self._block_size())), *kinds)
        while isinstance(ack, ActionResponseNext):
            ack = yield from self._ask(
                ActionRequestBlock(invoke_id, blocks.after(ack.number, self._block_size())), *kinds
            )
        return ack

    def _join(self, answer: GetResponseBlock) -> Exchange[bytes]:
        """The whole value of a long get."""
        incoming = Incoming()
        while True:
            if isinstance(answer.content, DataAccessResult):
                raise AccessRefusedError(answer.content, answer.content.name)
            whole = incoming.take(Block(answer.last, answer.number, answer.content))
            if whole is not None:
                return whole
            answer = yield from self._ask(GetRequestNext(answer.invoke_id, answer.number), GetResponseBlock)

    def _join_action(
        self, answer: ActionResponseBlock
    ) -> Exchange[tuple[DataAccessResult, Data | DataAccessResult | None]]:
        incoming = Incoming()
        while (whole := incoming.take(answer.block)) is None:
            request = ActionRequestNext(answer.invoke_id, answer.block.number)
            answer = yield from self._ask(request, ActionResponseBlock)
        reader = Reader(whole, MAX_VALUE)
        outcome = read_outcome(reader)
        reader.end()
        return outcome

    # One request and its answer

    def _ask(self, request: Request, *kinds: type[Response]) -> Exchange[Any]:
        """Send a request, in the protection agreed on, and take one of these ``kinds`` of answer to it."""
        plain = request.to_bytes()
        raw = yield self._protected().seal(plain) if self._ciphered else plain
        if raw[:1] == b"\xd8":
            raise _unexpected(raw)
        answer = parse(self._protected().open(raw) if self._ciphered else raw)
        for kind in kinds:
            if isinstance(answer, kind) and answer.invoke_id == request.invoke_id:  # type: ignore[union-attr]
                return answer
        raise ProtocolError(f"{type(answer).__name__} in answer to {type(request).__name__}")

    def _room(self) -> int:
        """Bytes of a plain request that the server can receive."""
        limit = self.agreed.max_pdu or _OFFERED_PDU
        return limit - (OVERHEAD[self._protected().form] if self._ciphered else 0)

    def _block_size(self) -> int:
        """Bytes of a block that fits even behind the name of its attribute or method."""
        return self._room() - BLOCK_OVERHEAD - _NAME_BYTES

    def _protected(self) -> Protection:
        if self.protection is None:
            raise ProtocolError("ciphering without keys")
        return self.protection

    def _next_id(self) -> int:
        self._invoke_id = (self._invoke_id + 1) & 0x0F
        return CONFIRMED_HIGH | self._invoke_id


def run(exchange: Exchange[_T], send: Callable[[bytes], bytes]) -> _T:
    """Drive an exchange over a function that sends an APDU and waits for the answer."""
    try:
        request = next(exchange)
        while True:
            request = exchange.send(send(request))
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]


def _with_room(granted: InitiateResponse) -> InitiateResponse:
    """The terms, if the server can receive at least a ciphered block; 0 is no limit."""
    if 0 < granted.max_pdu < MIN_PDU:
        raise ProtocolError(f"a server that receives at most {granted.max_pdu} bytes")
    return granted


def _check_accepted(response: AssociationResponse) -> None:
    if response.result is Result.ACCEPTED:
        return
    why = response.result.name
    if response.user_information[:1] == CONFIRMED_SERVICE_ERROR:
        why = ConfirmedServiceError.from_bytes(response.user_information).initiate_error.name
    raise AssociationRefusedError(response.diagnostic, why)


def _success(result: Data | DataAccessResult) -> Data:
    if isinstance(result, Data):
        return result
    raise AccessRefusedError(result, result.name)


def _check(result: DataAccessResult) -> None:
    if result is not DataAccessResult.SUCCESS:
        raise AccessRefusedError(result, result.name)


def _unexpected(raw: bytes) -> ProtocolError:
    """What an answer in place of the one expected says."""
    if raw[:1] != b"\xd8":
        return ProtocolError(f"an answer {raw[:1].hex() or '(empty)'}")
    found = ExceptionResponse.from_bytes(raw)
    return ExceptionReceivedError(found.state, found.service, found.counter)
