"""The services get, set and action of one client on an object model, with block transfer: plain request to answer.

One long transfer at a time: any request that does not continue it ends it. A break is reported with the result that
the standard has for it, and the next good request is served.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from protocols.dlms.action import (
    ActionRequestBlock,
    ActionRequestFirstBlock,
    ActionRequestNext,
    ActionRequestNormal,
    ActionResponseBlock,
    ActionResponseNext,
    ActionResponseNormal,
    outcome_to_bytes,
)
from protocols.dlms.apdu import (
    GET_RESPONSE_NORMAL,
    Access,
    Attribute,
    DataAccessResult,
    ExceptionResponse,
    GetRequestNormal,
    GetResponseNormal,
    Method,
    ServiceError,
    StateError,
    uint,
)
from protocols.dlms.axdr import Data, decode, encode_length
from protocols.dlms.blocks import MAX_VALUE, OVERHEAD, Block, BlockError, Incoming, Outgoing
from protocols.dlms.conformance import Conformance
from protocols.dlms.errors import RefusalError
from protocols.dlms.get import GET_RESPONSE_LIST, GetRequestList, GetRequestNext, GetResponseBlock
from protocols.dlms.objects import ObjectModel
from protocols.dlms.services import Request
from protocols.dlms.set import (
    SetRequestBlock,
    SetRequestFirstBlock,
    SetRequestList,
    SetRequestNormal,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseList,
    SetResponseNormal,
)
from protocols.errors import ProtocolError

NEEDED: Final[dict[type[Request], Conformance]] = {
    GetRequestNormal: Conformance.GET,
    GetRequestNext: Conformance.BLOCK_TRANSFER_WITH_GET,
    GetRequestList: Conformance.MULTIPLE_REFERENCES,
    SetRequestNormal: Conformance.SET,
    SetRequestFirstBlock: Conformance.BLOCK_TRANSFER_WITH_SET,
    SetRequestBlock: Conformance.BLOCK_TRANSFER_WITH_SET,
    SetRequestList: Conformance.MULTIPLE_REFERENCES,
    ActionRequestNormal: Conformance.ACTION,
    ActionRequestNext: Conformance.BLOCK_TRANSFER_WITH_ACTION,
    ActionRequestFirstBlock: Conformance.BLOCK_TRANSFER_WITH_ACTION,
    ActionRequestBlock: Conformance.BLOCK_TRANSFER_WITH_ACTION,
}
"""What must have been agreed on for each request."""

NOT_SUPPORTED: Final = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.SERVICE_NOT_SUPPORTED).to_bytes()
TOO_LONG: Final = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.PDU_TOO_LONG).to_bytes()

LONGEST_LIST: Final = 256 * 1024
"""Bytes of the values of one list, our own limit: 64 times a whole profile would keep a server busy for minutes."""

_CONFIRMED = 0x40  # of the invoke-id-and-priority byte
_SUCCESS = DataAccessResult.SUCCESS


@dataclass(slots=True)
class _LongAnswer:
    """An answer on its way out, fetched block by block with requests of the type ``by``."""

    by: type[Request]
    blocks: Outgoing


@dataclass(slots=True)
class _LongSet:
    """The value of a set on its way in."""

    attribute: Attribute
    access: Access | None
    blocks: Incoming = field(default_factory=Incoming)
    by: type[Request] = SetRequestBlock


@dataclass(slots=True)
class _LongAction:
    """The parameters of an action on their way in."""

    method: Method
    blocks: Incoming = field(default_factory=Incoming)
    by: type[Request] = ActionRequestBlock


_Long: TypeAlias = _LongAnswer | _LongSet | _LongAction


class Services:
    """What one associated client is served; ``agreed`` are the conformance bits of the association."""

    def __init__(self, model: ObjectModel, client: int, agreed: frozenset[Conformance]) -> None:
        self._model = model
        self._client = client
        self._agreed = agreed
        self._long: _Long | None = None

    def answer(self, request: Request, room: int) -> bytes | None:
        """The answer, at most ``room`` bytes; None when the client wants none (unconfirmed set or action)."""
        long, self._long = self._long, None
        if NEEDED[type(request)] not in self._agreed:
            return NOT_SUPPORTED
        answer = self._serve(request, room, long if long is not None and long.by is type(request) else None)
        wanted = request.invoke_id & _CONFIRMED or isinstance(
            request, GetRequestNormal | GetRequestNext | GetRequestList
        )
        return answer if wanted else None

    def _serve(self, request: Request, room: int, long: _Long | None) -> bytes:
        match request:
            case GetRequestNormal():
                return self._get(request, room)
            case GetRequestList():
                return self._get_list(request, room)
            case GetRequestNext():
                return self._get_next(request, room, long)
            case SetRequestNormal():
                result = self._set(request.attribute, request.value, request.access)
                return SetResponseNormal(request.invoke_id, result).to_bytes()
            case SetRequestList():
                pairs = zip(request.attributes, request.values, strict=True)
                results = tuple([self._set(attribute, value, access) for (attribute, access), value in pairs])
                return SetResponseList(request.invoke_id, results).to_bytes()
            case SetRequestFirstBlock() | SetRequestBlock():
                return self._set_block(request, long)
            case ActionRequestNormal():
                return self._act(request.invoke_id, request.method, request.parameters, room)
            case ActionRequestNext():
                return self._act_next(request, room, long)
            case ActionRequestFirstBlock() | ActionRequestBlock():
                return self._act_block(request, room, long)

    def _get(self, request: GetRequestNormal, room: int) -> bytes:
        try:
            raw = self._read(request.attribute, request.access)
        except RefusalError as refusal:
            return GetResponseNormal(request.invoke_id, DataAccessResult(refusal.result)).to_bytes()
        whole = GET_RESPONSE_NORMAL + uint(request.invoke_id, 1) + b"\x00" + raw
        return whole if len(whole) <= room else self._get_first(request.invoke_id, raw, room)

    def _get_list(self, request: GetRequestList, room: int) -> bytes:
        results, size = [], 0
        for attribute, access in request.attributes:
            try:
                results.append(b"\x00" + self._read(attribute, access))
            except RefusalError as refusal:
                results.append(bytes([1, refusal.result]))
            size += len(results[-1])
            if size > LONGEST_LIST:  # a list of long buffers is not even read to its end
                return TOO_LONG
        raw = encode_length(len(results)) + b"".join(results)
        whole = GET_RESPONSE_LIST + uint(request.invoke_id, 1) + raw
        return whole if len(whole) <= room else self._get_first(request.invoke_id, raw, room)

    def _get_first(self, invoke_id: int, raw: bytes, room: int) -> bytes:
        if Conformance.BLOCK_TRANSFER_WITH_GET not in self._agreed or len(raw) > MAX_VALUE:
            return TOO_LONG
        blocks = Outgoing(raw)
        self._long = _LongAnswer(GetRequestNext, blocks)
        return _get_block(invoke_id, blocks.first(room - OVERHEAD))

    def _get_next(self, request: GetRequestNext, room: int, long: _Long | None) -> bytes:
        if not isinstance(long, _LongAnswer):
            missing = DataAccessResult.NO_LONG_GET_IN_PROGRESS
            return GetResponseBlock(request.invoke_id, True, request.number, missing).to_bytes()
        try:
            block = long.blocks.after(request.number, room - OVERHEAD)
        except BlockError as error:
            return GetResponseBlock(request.invoke_id, True, request.number, error.result).to_bytes()
        self._long = None if block.last else long
        return _get_block(request.invoke_id, block)

    def _read(self, attribute: Attribute, access: Access | None) -> bytes:
        if access is not None and Conformance.SELECTIVE_ACCESS not in self._agreed:
            raise RefusalError(DataAccessResult.SCOPE_OF_ACCESS_VIOLATED, "selective access was not agreed on")
        return self._model.read(self._client, attribute, access)

    def _set(self, attribute: Attribute, value: Data, access: Access | None) -> DataAccessResult:
        try:
            self._model.write(self._client, attribute, value, access)
        except RefusalError as refusal:
            return DataAccessResult(refusal.result)
        return _SUCCESS

    def _set_block(self, request: SetRequestFirstBlock | SetRequestBlock, long: _Long | None) -> bytes:
        invoke_id, number = request.invoke_id, request.block.number
        if isinstance(request, SetRequestFirstBlock):
            long = _LongSet(request.attribute, request.access)
        if not isinstance(long, _LongSet):
            missing = DataAccessResult.NO_LONG_SET_IN_PROGRESS
            return SetResponseLastBlock(invoke_id, missing, number).to_bytes()
        try:
            whole = long.blocks.take(request.block)
        except BlockError as error:
            return SetResponseLastBlock(invoke_id, error.result, number).to_bytes()
        if whole is None:
            self._long = long
            return SetResponseBlock(invoke_id, number).to_bytes()
        result = self._set_encoded(long.attribute, whole, long.access)
        return SetResponseLastBlock(invoke_id, result, number).to_bytes()

    def _set_encoded(self, attribute: Attribute, raw: bytes, access: Access | None) -> DataAccessResult:
        try:
            value = decode(raw)
        except ProtocolError:
            return DataAccessResult.TYPE_UNMATCHED
        return self._set(attribute, value, access)

    def _act(self, invoke_id: int, method: Method, parameters: Data | None, room: int) -> bytes:
        try:
            value = self._model.call(self._client, method, parameters)
        except RefusalError as refusal:
            return ActionResponseNormal(invoke_id, DataAccessResult(refusal.result)).to_bytes()
        whole = ActionResponseNormal(invoke_id, _SUCCESS, value).to_bytes()
        if len(whole) <= room:
            return whole
        if Conformance.BLOCK_TRANSFER_WITH_ACTION not in self._agreed:
            return TOO_LONG
        blocks = Outgoing(outcome_to_bytes(_SUCCESS, value))
        self._long = _LongAnswer(ActionRequestNext, blocks)
        return ActionResponseBlock(invoke_id, blocks.first(room - OVERHEAD)).to_bytes()

    def _act_next(self, request: ActionRequestNext, room: int, long: _Long | None) -> bytes:
        if not isinstance(long, _LongAnswer):
            return ActionResponseNormal(request.invoke_id, DataAccessResult.NO_LONG_GET_IN_PROGRESS).to_bytes()
        try:
            block = long.blocks.after(request.number, room - OVERHEAD)
        except BlockError:
            return ActionResponseNormal(request.invoke_id, DataAccessResult.LONG_GET_ABORTED).to_bytes()
        self._long = None if block.last else long
        return ActionResponseBlock(request.invoke_id, block).to_bytes()

    def _act_block(self, request: ActionRequestFirstBlock | ActionRequestBlock, room: int, long: _Long | None) -> bytes:
        invoke_id = request.invoke_id
        if isinstance(request, ActionRequestFirstBlock):
            long = _LongAction(request.method)
        if not isinstance(long, _LongAction):
            return ActionResponseNormal(invoke_id, DataAccessResult.NO_LONG_GET_IN_PROGRESS).to_bytes()
        try:
            whole = long.blocks.take(request.block)
        except BlockError:
            return ActionResponseNormal(invoke_id, DataAccessResult.LONG_GET_ABORTED).to_bytes()
        if whole is None:
            self._long = long
            return ActionResponseNext(invoke_id, request.block.number).to_bytes()
        try:
            parameters = decode(whole)
        except ProtocolError:
            return ActionResponseNormal(invoke_id, DataAccessResult.TYPE_UNMATCHED).to_bytes()
        return self._act(invoke_id, long.method, parameters, room)


def _get_block(invoke_id: int, block: Block) -> bytes:
    return GetResponseBlock(invoke_id, block.last, block.number, block.content).to_bytes()
