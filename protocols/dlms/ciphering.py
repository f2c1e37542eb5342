"""Protection of the APDUs of one association, from the server's side: open a request, close its answer the same way.

An answer goes out in the form in which it was asked (``meter-protocols`` §8 trap 23): plain to plain, glo to glo,
general-glo to general-glo, under the same security control byte. What the answer will need (keys and a counter of our
own) is set aside when the request is opened, because the request may change the keys.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final

from protocols.dlms.apdu import EXCEPTION_RESPONSE
from protocols.dlms.device import Security
from protocols.dlms.errors import StaleCounterError
from protocols.dlms.security import (
    GENERAL_GLO,
    GLO_TAGS,
    TITLE_BYTES,
    check_hls_gmac,
    hls_gmac,
    protect_general,
    protect_glo,
    unprotect_general,
    unprotect_glo,
)
from protocols.errors import SecurityError

_GLO = frozenset(GLO_TAGS.values())
_LAST_COUNTER = 2**32 - 1


class Form(Enum):
    """How an APDU is protected."""

    PLAIN = "plain"
    GLO = "glo"
    GENERAL = "general"


OVERHEAD: Final = {Form.PLAIN: 0, Form.GLO: 1 + 3 + 5 + 12, Form.GENERAL: 2 + TITLE_BYTES + 3 + 5 + 12}
"""Bytes that each form adds at most, with a length below 64 KiB."""


def form_of(apdu: bytes) -> Form:
    """Form of an APDU by its tag."""
    tag = apdu[0] if apdu else 0
    if tag == GENERAL_GLO:
        return Form.GENERAL
    return Form.GLO if tag in _GLO else Form.PLAIN


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the answer to one request needs.

    ``before`` is the highest counter of this client before the request, None when it was its first one.
    """

    form: Form
    control: int = 0
    counter: int = 0
    keys: tuple[bytes, bytes] = (b"", b"")
    before: int | None = None


PLAIN: Final = Envelope(Form.PLAIN)


class Ciphering:
    """The protection between one client (by its system title) and this device."""

    def __init__(self, security: Security, title: bytes, allowed: Collection[int]) -> None:
        self._security = security
        self.title = title
        self._allowed = allowed

    def open(self, apdu: bytes) -> tuple[bytes, Envelope]:
        """Plain content of a ciphered request, and the envelope of its answer.

        Raises :class:`~protocols.errors.SecurityError` when it is not genuine or too weakly protected, and
        :class:`StaleCounterError` when it is genuine but not fresh.
        """
        keys = self._security.keys()
        if form_of(apdu) is Form.GENERAL:
            form = Form.GENERAL
            _, counter, plain = unprotect_general(apdu, lambda title: self._keys_of(title, keys), self._allowed)
        else:
            form = Form.GLO
            counter, plain = unprotect_glo(apdu, self.title, *keys, self._allowed)
        before = self._accept(counter)
        control = apdu[_control_at(apdu)]
        return plain, Envelope(form, control, self._security.next_counter(), keys, before)

    def close(self, plain: bytes, envelope: Envelope) -> bytes:
        """The answer, in the form of its request; an exception-response stays plain, as it has no glo form."""
        if envelope.form is Form.PLAIN or plain[:1] == EXCEPTION_RESPONSE:
            return plain
        keys, counter = envelope.keys, envelope.counter
        if self._security.answers_under_new_key and self._security.keys() != keys:
            keys, counter = self._security.keys(), self._security.next_counter()
        protect = protect_general if envelope.form is Form.GENERAL else protect_glo
        return protect(plain, self._security.title, counter, *keys, envelope.control)

    def check_proof(self, proof: bytes, challenge: bytes, envelope: Envelope) -> None:
        """Raise :class:`~protocols.errors.SecurityError` unless ``proof`` is the client's f(challenge).

        Its counter may equal that of the request around it, as dlms-cosem 21.3.2 does, but none from before.
        """
        counter = check_hls_gmac(proof, challenge, self.title, *self._security.keys())
        now = self._security.last_counter(self.title)
        _check_fresh(counter, now if envelope.form is Form.PLAIN else envelope.before)
        if now is None or counter > now:
            self._security.note_counter(self.title, counter)

    def prove(self, challenge: bytes) -> bytes:
        """Our own f(challenge)."""
        return hls_gmac(challenge, self._security.title, self._security.next_counter(), *self._security.keys())

    def _keys_of(self, title: bytes, keys: tuple[bytes, bytes]) -> tuple[bytes, bytes] | None:
        return keys if title == self.title else None

    def _accept(self, counter: int) -> int | None:
        """Note a counter that is fresh; the one before it."""
        before = self._security.last_counter(self.title)
        _check_fresh(counter, before)
        self._security.note_counter(self.title, counter)
        return before


def _check_fresh(counter: int, before: int | None) -> None:
    if before is not None and counter <= before:
        raise StaleCounterError(counter, min(before + 1, _LAST_COUNTER))


def _control_at(apdu: bytes) -> int:
    """Position of the security control byte of a ciphered APDU that has been read before."""
    at = 1 if apdu[0] != GENERAL_GLO else 2 + TITLE_BYTES
    return at + 1 + (apdu[at] & 0x7F if apdu[at] & 0x80 else 0)


def own_ciphering(security: Security, title: bytes, allowed: Collection[int]) -> Ciphering:
    """The protection for a client that names itself by ``title``; a wrong length or our own title is refused."""
    if len(title) != TITLE_BYTES or title == security.title:  # our own: its messages would share our nonces
        raise SecurityError(f"system title {title.hex() or '(none)'} cannot be a client's")
    return Ciphering(security, title, allowed)
