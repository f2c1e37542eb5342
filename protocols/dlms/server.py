"""One client's session with a logical device: APDUs in, APDUs out, no sockets and no clock.

From bottom to top: what a request asks is served by :class:`~protocols.dlms.service.Services`; its protection is opened
and put on again by :class:`~protocols.dlms.ciphering.Ciphering`; who may ask is decided in
:mod:`protocols.dlms.association`. A session never raises for what a client sends: it answers with an error APDU, and
serves the next good request. (It does raise when the device has no counter of its own left: that is no client's doing.)

Order of checks: length, form, state, protection, invocation counter, content. A counter counts as used as soon as its
tag holds, whatever then becomes of the request.
"""

from __future__ import annotations

from typing import Final

from protocols.dlms import association
from protocols.dlms.acse import (
    AARQ_TAG,
    RLRQ_TAG,
    AssociationRequest,
    AssociationResponse,
    Diagnostic,
    Mechanism,
    ReleaseRequest,
    ReleaseResponse,
    Result,
)
from protocols.dlms.action import ActionRequestNormal, ActionResponseNormal
from protocols.dlms.apdu import DataAccessResult, ExceptionResponse, Method, ServiceError, StateError
from protocols.dlms.association import ALLOWED, NEXT, Event, Outcome, State, Terms
from protocols.dlms.axdr import octets
from protocols.dlms.ciphering import OVERHEAD, PLAIN, Ciphering, Envelope, Form, form_of, own_ciphering
from protocols.dlms.device import LogicalDevice
from protocols.dlms.errors import RefusalError, StaleCounterError
from protocols.dlms.initiate import InitiateError, InitiateRequest
from protocols.dlms.objects import ObjectModel
from protocols.dlms.roles import CURRENT_ASSOCIATION, POLICY_CONTROLS, Role
from protocols.dlms.service import TOO_LONG, Services
from protocols.dlms.services import REQUESTS, Request
from protocols.dlms.values import take_octets
from protocols.errors import ProtocolError, SecurityError

NOT_NOW: Final = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OPERATION_NOT_POSSIBLE).to_bytes()
UNKNOWN: Final = ExceptionResponse(StateError.SERVICE_UNKNOWN, ServiceError.SERVICE_NOT_SUPPORTED).to_bytes()
MALFORMED: Final = ExceptionResponse(StateError.SERVICE_UNKNOWN, ServiceError.OTHER_REASON).to_bytes()
NOT_DECIPHERED: Final = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.DECIPHERING_ERROR).to_bytes()

_BY_TAG: Final = {bytes([AARQ_TAG]): Event.ASSOCIATE, bytes([RLRQ_TAG]): Event.RELEASE}
_PROVE: Final = Method(15, CURRENT_ASSOCIATION, 1)


class Session:
    """The association of one client (by its wPort) with a device; it starts and ends without one."""

    def __init__(self, device: LogicalDevice, client: int) -> None:
        self._device = device
        self._client = client
        self._state = State.IDLE
        self._role: Role | None = device.roles.get(client)
        self._terms = Terms(frozenset(), association.MAX_APDU)
        self._services: Services | None = None
        self._ciphering: Ciphering | None = None
        self._challenges = (b"", b"")  # client to server, server to client

    @property
    def state(self) -> State:
        """Where the association stands."""
        return self._state

    def lost(self) -> None:
        """The connection is gone, or the device restarts: so is the association."""
        self._move(Outcome.LOST)

    def receive(self, apdu: bytes) -> list[bytes]:
        """The answers to an APDU: one, or none where the client wants none."""
        try:
            answer = self._receive(apdu)
        except StaleCounterError as error:
            answer = _stale(error)
        except SecurityError:
            answer = NOT_DECIPHERED
        except ProtocolError:
            answer = MALFORMED
        return [] if answer is None else [answer]

    def _receive(self, apdu: bytes) -> bytes | None:
        if len(apdu) > self._device.max_pdu:
            return TOO_LONG
        event = _BY_TAG.get(apdu[:1])
        if event is not None and event not in ALLOWED[self._state]:
            return NOT_NOW
        if event is Event.ASSOCIATE:
            return self._associate(AssociationRequest.from_bytes(apdu))
        if event is Event.RELEASE:
            return self._release(ReleaseRequest.from_bytes(apdu))
        if self._state is State.IDLE or self._role is None:
            return NOT_NOW
        return self._request(apdu, self._role)

    # Opening

    def _associate(self, request: AssociationRequest) -> bytes:
        self._move(Outcome.REFUSED)
        role = self._role
        if role is None:
            return association.refused(request.context, Diagnostic.NO_REASON)
        why = association.refusal(role, request, self._device)
        if why is not None:
            return association.refused(request.context, why)
        ciphering = None
        if role.mechanism is Mechanism.HLS_GMAC or role.controls:
            try:
                ciphering = own_ciphering(self._device.security, request.title, self._controls(role))
            except SecurityError:
                return association.refused(request.context, Diagnostic.CALLING_TITLE_NOT_RECOGNIZED)
        return self._open(role, request, ciphering)

    def _open(self, role: Role, request: AssociationRequest, ciphering: Ciphering | None) -> bytes:
        """Agree on the terms; nothing of a refused request stays."""
        plain, envelope = self._user_information(role, request, ciphering)
        terms = association.negotiate(role, InitiateRequest.from_bytes(plain), self._device.max_pdu)
        if isinstance(terms, InitiateError):
            return association.refused(request.context, Diagnostic.NO_REASON, terms)
        granted = association.granted(terms, self._device)
        if ciphering is not None:
            granted = ciphering.close(granted, envelope)
        self._terms, self._ciphering = terms, ciphering
        title = self._device.security.title if ciphering is not None else b""
        if role.mechanism is not Mechanism.HLS_GMAC:
            self._move(Outcome.ACCEPTED)
            return AssociationResponse(role.context, Result.ACCEPTED, Diagnostic.NULL, granted, title=title).to_bytes()
        challenge = self._device.random(association.CHALLENGE_BYTES)
        self._challenges = (request.secret, challenge)
        self._move(Outcome.CHALLENGED)
        diagnostic = Diagnostic.AUTHENTICATION_REQUIRED
        return AssociationResponse(
            role.context, Result.ACCEPTED, diagnostic, granted, role.mechanism, title, challenge
        ).to_bytes()

    def _user_information(
        self, role: Role, request: AssociationRequest, ciphering: Ciphering | None
    ) -> tuple[bytes, Envelope]:
        """The initiate-request inside.

        HLS proves the client in the next step, so its offer may come in plain; any other ciphered role is known by
        nothing but the cipher.
        """
        carried = request.user_information
        if not carried:
            raise ProtocolError("an association request without an initiate-request")
        if ciphering is not None and form_of(carried) is not Form.PLAIN:
            return ciphering.open(carried)
        if role.controls and role.mechanism is not Mechanism.HLS_GMAC:
            raise SecurityError("a plain initiate-request from a client that must cipher")
        return carried, PLAIN

    # In an association

    def _request(self, apdu: bytes, role: Role) -> bytes | None:
        if form_of(apdu) is Form.PLAIN:
            return NOT_NOW if role.controls else self._plain_request(apdu, PLAIN)
        ciphering = self._ciphered()  # held: the request may end the association, its answer is ciphered all the same
        plain, envelope = ciphering.open(apdu)
        answer = self._plain_request(plain, envelope)
        return None if answer is None else ciphering.close(answer, envelope)

    def _plain_request(self, plain: bytes, envelope: Envelope) -> bytes | None:
        kind = REQUESTS.get(plain[:2])
        if kind is None:
            return UNKNOWN
        request = kind.from_bytes(plain)
        proves = isinstance(request, ActionRequestNormal) and request.method == _PROVE
        event = Event.PROVE if proves and self._state is State.PENDING else Event.SERVICE
        if event not in ALLOWED[self._state]:
            return NOT_NOW
        return self._prove(request, envelope) if event is Event.PROVE else self._serve(request, envelope)

    def _serve(self, request: Request, envelope: Envelope) -> bytes | None:
        if self._services is None:
            return NOT_NOW
        return self._services.answer(request, self._terms.max_pdu - OVERHEAD[envelope.form])

    def _prove(self, request: Request, envelope: Envelope) -> bytes:
        """Third and fourth pass of HLS: the client's f(our challenge) for our f(the client's challenge)."""
        theirs, ours = self._challenges
        parameters = request.parameters if isinstance(request, ActionRequestNormal) else None
        try:
            self._ciphered().check_proof(take_octets(parameters), ours, envelope)
        except (ProtocolError, RefusalError):
            self._move(Outcome.REFUSED)
            return ActionResponseNormal(request.invoke_id, DataAccessResult.READ_WRITE_DENIED).to_bytes()
        proof = octets(self._ciphered().prove(theirs))
        self._move(Outcome.PROVEN)
        return ActionResponseNormal(request.invoke_id, DataAccessResult.SUCCESS, proof).to_bytes()

    def _release(self, request: ReleaseRequest) -> bytes:
        """A release that carries a ciphered initiate must be genuine; a plain one is taken as it is."""
        carried = request.user_information
        if not carried or form_of(carried) is Form.PLAIN:
            self._move(Outcome.RELEASED)
            return ReleaseResponse().to_bytes()
        plain, envelope = self._ciphered().open(carried)
        InitiateRequest.from_bytes(plain)
        granted = self._ciphered().close(association.granted(self._terms, self._device), envelope)
        self._move(Outcome.RELEASED)
        return ReleaseResponse(user_information=granted).to_bytes()

    def _ciphered(self) -> Ciphering:
        if self._ciphering is None:
            raise SecurityError("a ciphered APDU in a plain association")
        return self._ciphering

    def _controls(self, role: Role) -> frozenset[int]:
        return role.controls & POLICY_CONTROLS[self._device.security.policy]

    # State

    def _move(self, outcome: Outcome) -> None:
        before, self._state = self._state, NEXT[outcome]
        if self._state is State.ASSOCIATED and self._role is not None:
            self._services = Services(self._objects(self._role), self._client, self._terms.conformance)
            self._device.associated(self._client, True)
        elif self._state is State.IDLE:
            self._services, self._ciphering, self._challenges = None, None, (b"", b"")
            if before is State.ASSOCIATED:
                self._device.associated(self._client, False)

    def _objects(self, role: Role) -> ObjectModel:
        """The device's objects and, under its two names, this association."""
        names = (CURRENT_ASSOCIATION, role.association)
        model = self._device.objects.extended(
            *(
                association.association_object(
                    name, role, self._device, lambda: model, lambda: self._state, lambda: self._terms
                )
                for name in names
            )
        )
        return model


def _stale(error: StaleCounterError) -> bytes:
    return ExceptionResponse(
        StateError.SERVICE_NOT_ALLOWED, ServiceError.INVOCATION_COUNTER_ERROR, error.expected
    ).to_bytes()
