"""Protection of the APDUs of one association, from the client's side: seal requests, open answers.

An answer must come in the form of its request, from the title that the server named when it associated, with a counter
above the last one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.dlms.ciphering import Form, form_of
from protocols.dlms.errors import StaleCounterError
from protocols.dlms.security import (
    AUTHENTICATED_ENCRYPTED,
    TITLE_BYTES,
    check_hls_gmac,
    hls_gmac,
    protect_general,
    protect_glo,
    unprotect_general,
    unprotect_glo,
)
from protocols.errors import ProtocolError, SecurityError


@dataclass(slots=True)
class Protection:
    """Keys and counters between a client and one server.

    ``title`` is the client's own, ``counter`` the next one it uses: the caller persists it. ``form`` is how requests
    go out, GLO or GENERAL. ``seen`` is the server's last counter under these keys.
    """

    title: bytes
    key: bytes = field(repr=False)
    auth_key: bytes = field(repr=False)
    counter: int = 1
    form: Form = Form.GENERAL
    server_title: bytes = b""
    seen: int | None = None

    def meet(self, title: bytes) -> None:
        """The server names itself in its AARE; a nameless one, or one with our own name, is refused."""
        if len(title) != TITLE_BYTES or title == self.title:
            raise SecurityError(f"system title {title.hex() or '(none)'} cannot be a server's")
        if title != self.server_title:
            self.server_title, self.seen = title, None

    def seal(self, plain: bytes, form: Form | None = None) -> bytes:
        """The request, ciphered under the next counter."""
        protect = protect_glo if (form or self.form) is Form.GLO else protect_general
        return protect(plain, self.title, self._next(), self.key, self.auth_key)

    def open(self, apdu: bytes) -> bytes:
        """Plain content of an answer."""
        form = form_of(apdu)
        if form is Form.PLAIN:
            raise ProtocolError(f"a plain answer {apdu[:1].hex()} to a ciphered request")
        if not self.server_title:
            raise SecurityError("a ciphered answer of a server that has not named itself")
        if form is Form.GENERAL:
            _, counter, plain = unprotect_general(apdu, self._keys_of, {AUTHENTICATED_ENCRYPTED})
        else:
            counter, plain = unprotect_glo(apdu, self.server_title, self.key, self.auth_key)
        self._accept(counter)
        return plain

    def prove(self, challenge: bytes) -> bytes:
        """Our f(challenge) of HLS-GMAC."""
        return hls_gmac(challenge, self.title, self._next(), self.key, self.auth_key)

    def check_proof(self, proof: bytes, challenge: bytes) -> None:
        """Raise :class:`~protocols.errors.SecurityError` unless it is the server's f(challenge).

        Its counter may be the same as, or just before, that of the answer around it: a fresh challenge needs no other
        proof of freshness.
        """
        check_hls_gmac(proof, challenge, self.server_title, self.key, self.auth_key)

    def _keys_of(self, title: bytes) -> tuple[bytes, bytes] | None:
        return (self.key, self.auth_key) if title == self.server_title else None

    def _next(self) -> int:
        counter, self.counter = self.counter, self.counter + 1
        return counter

    def _accept(self, counter: int) -> None:
        if self.seen is not None and counter <= self.seen:
            raise StaleCounterError(counter, self.seen + 1)
        self.seen = counter
