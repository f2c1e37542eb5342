"""Any plain application service by its tag and choice (IEC 62056-5-3): the one parser that servers and clients use."""

from __future__ import annotations

from typing import Final, TypeAlias

from protocols.dlms.action import (
    ActionRequestBlock,
    ActionRequestFirstBlock,
    ActionRequestNext,
    ActionRequestNormal,
    ActionResponseBlock,
    ActionResponseNext,
    ActionResponseNormal,
)
from protocols.dlms.apdu import (
    DataNotification,
    EventNotification,
    ExceptionResponse,
    GetRequestNormal,
    GetResponseNormal,
)
from protocols.dlms.get import GetRequestList, GetRequestNext, GetResponseBlock, GetResponseList
from protocols.dlms.initiate import ConfirmedServiceError
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

Request: TypeAlias = (
    GetRequestNormal
    | GetRequestNext
    | GetRequestList
    | SetRequestNormal
    | SetRequestFirstBlock
    | SetRequestBlock
    | SetRequestList
    | ActionRequestNormal
    | ActionRequestNext
    | ActionRequestFirstBlock
    | ActionRequestBlock
)
Response: TypeAlias = (
    GetResponseNormal
    | GetResponseBlock
    | GetResponseList
    | SetResponseNormal
    | SetResponseBlock
    | SetResponseLastBlock
    | SetResponseList
    | ActionResponseNormal
    | ActionResponseBlock
    | ActionResponseNext
    | ExceptionResponse
    | ConfirmedServiceError
)
Apdu: TypeAlias = Request | Response | DataNotification | EventNotification

REQUESTS: Final[dict[bytes, type[Request]]] = {
    b"\xc0\x01": GetRequestNormal,
    b"\xc0\x02": GetRequestNext,
    b"\xc0\x03": GetRequestList,
    b"\xc1\x01": SetRequestNormal,
    b"\xc1\x02": SetRequestFirstBlock,
    b"\xc1\x03": SetRequestBlock,
    b"\xc1\x04": SetRequestList,
    b"\xc3\x01": ActionRequestNormal,
    b"\xc3\x02": ActionRequestNext,
    b"\xc3\x04": ActionRequestFirstBlock,
    b"\xc3\x06": ActionRequestBlock,
}
"""Tag and choice of each request that a server understands."""

_RESPONSES: Final[dict[bytes, type[Response]]] = {
    b"\xc4\x01": GetResponseNormal,
    b"\xc4\x02": GetResponseBlock,
    b"\xc4\x03": GetResponseList,
    b"\xc5\x01": SetResponseNormal,
    b"\xc5\x02": SetResponseBlock,
    b"\xc5\x03": SetResponseLastBlock,
    b"\xc5\x05": SetResponseList,
    b"\xc7\x01": ActionResponseNormal,
    b"\xc7\x02": ActionResponseBlock,
    b"\xc7\x04": ActionResponseNext,
}
_WITHOUT_CHOICE: Final[dict[bytes, type[Apdu]]] = {
    b"\x0e": ConfirmedServiceError,
    b"\x0f": DataNotification,
    b"\xc2": EventNotification,
    b"\xd8": ExceptionResponse,
}


def parse(apdu: bytes) -> Apdu:
    """Read any supported plain APDU; raises :class:`~protocols.errors.ProtocolError` for all others."""
    kind = REQUESTS.get(apdu[:2]) or _RESPONSES.get(apdu[:2]) or _WITHOUT_CHOICE.get(apdu[:1])
    if kind is None:
        raise ProtocolError(f"unsupported APDU {apdu[:2].hex() or '(empty)'}")
    return kind.from_bytes(apdu)
