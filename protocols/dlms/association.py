"""How a server decides on an association request, and the object that shows the association to its client (IC15).

The life of an association is :data:`ALLOWED` and :data:`NEXT`; what a client must show is its
:class:`~protocols.dlms.roles.Role`. Pure decisions: ciphering and state live in :mod:`protocols.dlms.server`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocols.dlms import conformance as bits
from protocols.dlms.acse import (
    AssociationRequest,
    AssociationResponse,
    Context,
    Diagnostic,
    Mechanism,
    Result,
)
from protocols.dlms.apdu import DataAccessResult
from protocols.dlms.axdr import Data, DataType, array, octets, structure
from protocols.dlms.conformance import Conformance
from protocols.dlms.device import MIN_PDU, LogicalDevice
from protocols.dlms.errors import RefusalError
from protocols.dlms.initiate import (
    DLMS_VERSION,
    ConfirmedServiceError,
    InitiateError,
    InitiateRequest,
    InitiateResponse,
)
from protocols.dlms.objects import Attr, Call, CosemObject, ObjectModel
from protocols.dlms.roles import NOBODY, SECURITY_SETUP, Role
from protocols.dlms.values import enum, int8, uint8, uint16

CHALLENGE_BYTES: Final = 16
MAX_APDU: Final = 65_535
_SHORTEST_CHALLENGE = 8
_NO_OBJECT = bytes(6)  # clients look for a whole logical name in a reference, even in one to nothing


class State(Enum):
    """Where an association stands; the values are those of attribute 8 of IC15."""

    IDLE = 0
    PENDING = 1
    ASSOCIATED = 2


class Event(Enum):
    """What a client can send."""

    ASSOCIATE = "AARQ"
    RELEASE = "RLRQ"
    PROVE = "reply to HLS authentication"
    SERVICE = "get, set or action"


class Outcome(Enum):
    """What comes of it."""

    ACCEPTED = "accepted"
    CHALLENGED = "challenged"
    PROVEN = "proven"
    REFUSED = "refused"
    RELEASED = "released"
    LOST = "lost"


ALLOWED: Final[Mapping[State, frozenset[Event]]] = {
    State.IDLE: frozenset({Event.ASSOCIATE}),
    State.PENDING: frozenset({Event.ASSOCIATE, Event.RELEASE, Event.PROVE}),
    State.ASSOCIATED: frozenset({Event.ASSOCIATE, Event.RELEASE, Event.SERVICE}),
}
"""What is served in each state; a new AARQ ends the association before it."""

NEXT: Final[Mapping[Outcome, State]] = {
    Outcome.ACCEPTED: State.ASSOCIATED,
    Outcome.CHALLENGED: State.PENDING,
    Outcome.PROVEN: State.ASSOCIATED,
    Outcome.REFUSED: State.IDLE,
    Outcome.RELEASED: State.IDLE,
    Outcome.LOST: State.IDLE,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed on; ``max_pdu`` is the longest APDU in bytes that the server sends."""

    conformance: frozenset[Conformance]
    max_pdu: int


def refusal(role: Role, request: AssociationRequest, device: LogicalDevice) -> Diagnostic | None:
    """Why this client may not associate like this, or None when it may (HLS has still to prove itself)."""
    if request.context is not role.context:
        return Diagnostic.CONTEXT_NOT_SUPPORTED
    if request.mechanism is not role.mechanism:
        asked_for_none = request.mechanism is Mechanism.NONE
        return Diagnostic.AUTHENTICATION_REQUIRED if asked_for_none else Diagnostic.MECHANISM_NOT_RECOGNISED
    if role.mechanism is Mechanism.LLS:
        password = device.passwords.get(role.client)
        if password is None or not device.holds(password, request.secret):
            return Diagnostic.AUTHENTICATION_FAILURE
    if role.mechanism is Mechanism.HLS_GMAC and len(request.secret) < _SHORTEST_CHALLENGE:
        return Diagnostic.AUTHENTICATION_FAILURE
    return None


def negotiate(role: Role, request: InitiateRequest, own_max_pdu: int) -> Terms | InitiateError:
    """The terms that client and role have in common, or why there are none.

    Where blocks are agreed on, nothing longer is sent than what the server itself receives (``own_max_pdu`` bytes),
    whatever the client allows: meters have one buffer for both, and GuruxDLMS.c sizes its own by the server's number.
    """
    if request.version < DLMS_VERSION:
        return InitiateError.DLMS_VERSION_TOO_LOW
    agreed = role.conformance & request.conformance
    if not agreed & {Conformance.GET, Conformance.SET, Conformance.ACTION}:
        return InitiateError.INCOMPATIBLE_CONFORMANCE
    if 0 < request.max_pdu < MIN_PDU:
        return InitiateError.PDU_SIZE_TOO_SHORT
    longest = request.max_pdu or MAX_APDU
    in_blocks = Conformance.BLOCK_TRANSFER_WITH_GET in agreed
    return Terms(agreed, min(longest, own_max_pdu) if in_blocks else longest)


def refused(context: Context, diagnostic: Diagnostic, error: InitiateError | None = None) -> bytes:
    """AARE that says no, with the initiate error where that is the reason."""
    why = b"" if error is None else ConfirmedServiceError.initiate(error).to_bytes()
    return AssociationResponse(context, Result.REJECTED_PERMANENT, diagnostic, why).to_bytes()


def granted(terms: Terms, device: LogicalDevice) -> bytes:
    """The initiate-response for these terms."""
    return InitiateResponse(terms.conformance, device.max_pdu).to_bytes()


def association_object(
    obis: bytes,
    role: Role,
    device: LogicalDevice,
    model: Callable[[], ObjectModel],
    state: Callable[[], State],
    terms: Callable[[], Terms],
) -> CosemObject:
    """The association object as its own client sees it. Method 1 is listed here and served by the session."""
    mine = frozenset({role.client})
    proves = role.mechanism is Mechanism.HLS_GMAC

    def context_info() -> Data:
        agreed = terms()
        bit_string = "".join(f"{byte:08b}" for byte in bits.to_bytes(agreed.conformance))
        return structure(
            Data(DataType.BIT_STRING, bit_string),
            uint16(device.max_pdu),
            uint16(agreed.max_pdu),
            uint8(DLMS_VERSION),
            int8(0),
            octets(b""),
        )

    def constant(value: Data) -> Attr:
        return Attr(value, read=mine, write=NOBODY)

    def refuse(parameters: Data | None) -> None:
        raise RefusalError(DataAccessResult.READ_WRITE_DENIED, "the client has proven itself already")

    return CosemObject(
        15,
        obis,
        {
            "object_list": Attr(lambda: model().object_list(role.client), read=mine),
            "associated_partners_id": constant(structure(int8(role.client), uint16(device.address))),
            "application_context_name": constant(octets(_name(1, role.context))),
            "xdlms_context_info": Attr(context_info, read=mine),
            "authentication_mechanism_name": constant(octets(_name(2, role.mechanism))),
            "secret": Attr(octets(b""), read=NOBODY),
            "association_status": Attr(lambda: enum(state().value), read=mine),
            "security_setup_reference": constant(octets(SECURITY_SETUP if role.controls else _NO_OBJECT)),
        },
        {"reply_to_hls_authentication": Call(refuse, mine)} if proves else {},
    )


def _name(arc: int, number: int) -> bytes:
    """Object identifier 2.16.756.5.8.arc.number of a context (arc 1) or a mechanism (arc 2), as its content bytes."""
    return bytes([0x60, 0x85, 0x74, 0x05, 0x08, arc, number])


def sap_list(device_address: int, device_name: bytes) -> Data:
    """Attribute 2 of the SAP assignment (IC17): the one logical device and its name."""
    return array(structure(uint16(device_address), octets(device_name)))
