"""One connection to a DLMS meter and the association on it, both made when they are needed.

Rules of this file:

* The management client first asks the meter in public for the highest counter that it has seen (0.0.43.1.0), over the
  same connection: a counter of our own that starts below it would be taken for a replay.
* What carries the APDUs is a :class:`Carrier`: a TCP connection (:mod:`hil_drivers.meters.dlms_tcp`), an optical head
  (:mod:`hil_drivers.meters.optical`).
* Whatever goes wrong beyond a plain refusal ends the connection, so that no late answer is taken for the next one.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

from hil_drivers.errors import AddressError, AnswerError, LinkError, RefusedError
from protocols.dlms.acse import Mechanism
from protocols.dlms.apdu import Attribute, DataAccessResult, ServiceError
from protocols.dlms.axdr import Data
from protocols.dlms.client import Client, Exchange, run
from protocols.dlms.client_protection import Protection
from protocols.dlms.conformance import Conformance
from protocols.dlms.errors import AccessRefusedError, AssociationRefusedError, ExceptionReceivedError
from protocols.dlms.roles import HAND_TERMINAL, MANAGEMENT, PUBLIC, READER
from protocols.errors import ProtocolError

T = TypeVar("T")

WPORTS: Final[Mapping[str, int]] = MappingProxyType({"public": PUBLIC, "reader": READER, "management": MANAGEMENT})
"""Usual addresses of the clients (``meter-protocols`` §3.1)."""

ON_SITE: Final[Mapping[str, int]] = MappingProxyType({**WPORTS, "terminal": HAND_TERMINAL})
"""The same at an optical port, where a hand terminal has an address of its own (unverified)."""

RECEIVE_COUNTER: Final = Attribute(1, bytes([0, 0, 43, 1, 0, 255]), 2)
CHALLENGE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one meter, 16 bytes each; the wrapping key is needed for key transfer alone."""

    encryption: bytes = field(repr=False)
    authentication: bytes = field(repr=False)
    wrapping: bytes | None = field(default=None, repr=False)


class Carrier(Protocol):
    """What brings APDUs to a meter and answers back. Raises :class:`OSError` and :class:`ProtocolError`."""

    def open(self) -> None:
        """Connect; raises :class:`TimeoutError` when no answer comes in time."""

    def exchange(self, client: int, apdu: bytes) -> bytes:
        """The answer to a request of the client at this address."""

    def close(self) -> None:
        """Hang up; nothing is raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DlmsAddress:
    """As whom we come: with ``keys`` as management, with ``password`` as ``by_password``, else as public.

    ``client_title`` is our own system title (8 bytes), to be kept: a meter remembers counters by it. Where the meter
    is, a subclass says, and makes the carrier that leads there.
    """

    keys: Keys | None = None
    password: bytes | None = field(default=None, repr=False)
    by_password: str = "reader"
    client_title: bytes = b"BENCHHES"
    logical_device: int = 1
    clients: Mapping[str, int] = field(default_factory=lambda: WPORTS)
    answer_wait_s: float = 30.0

    def __post_init__(self) -> None:
        keys = self.keys
        given = [] if keys is None else [keys.encryption, keys.authentication, keys.wrapping or keys.encryption]
        if any(len(key) != 16 for key in given) or len(self.client_title) != 8:
            raise AddressError("a DLMS key has 16 bytes, a system title 8")

    @property
    def role(self) -> str:
        """Public, reader, terminal or management."""
        return "management" if self.keys else self.by_password if self.password is not None else "public"

    @property
    def place(self) -> str:
        """The address as people write it."""
        raise NotImplementedError

    def carrier(self) -> Carrier:
        """A connection that is not open yet."""
        raise NotImplementedError


class DlmsSession:
    """Runs exchanges of a :class:`~protocols.dlms.client.Client` with one meter."""

    def __init__(self, address: DlmsAddress) -> None:
        self.address = address
        self._carrier: Carrier | None = None
        self._client: Client | None = None

    def run(self, make: Callable[[Client], Exchange[T]]) -> T:
        """Run one exchange over the association, which is made first where there is none.

        Raises :class:`LinkError`, :class:`AnswerError` and :class:`RefusedError`; after the first two the connection
        is gone.
        """
        try:
            client = self._client or self._associate()
            return run(make(client), self._sender(self._own_client()))
        except AccessRefusedError as error:
            raise RefusedError(f"{self.address.place}: {error}") from error
        except AssociationRefusedError as error:
            self.drop()
            raise RefusedError(f"{self.address.place}: {error}") from error
        except ExceptionReceivedError as error:
            self.drop()
            if error.service == ServiceError.DECIPHERING_ERROR:
                raise RefusedError(
                    f"{self.address.place}: the meter cannot decipher us: are these its keys?"
                ) from error
            raise AnswerError(f"{self.address.place}: {error}") from error
        except TimeoutError as error:
            self.drop()
            raise LinkError(f"{self.address.place}: no answer within {self.address.answer_wait_s:g} s") from error
        except OSError as error:
            self.drop()
            raise LinkError(f"{self.address.place}: {error.strerror or error}") from error
        except ProtocolError as error:
            self.drop()
            raise AnswerError(f"{self.address.place}: {error}") from error

    def get_each(self, *attributes: Attribute) -> list[Data | DataAccessResult]:
        """Values of several attributes at once where the meter serves lists, else one by one; or why there is none."""
        if Conformance.MULTIPLE_REFERENCES in self.run(_agreed):
            return list(self.run(lambda client: client.get_list(*attributes)))
        return self.run(lambda client: _one_by_one(client, attributes))

    def close(self) -> None:
        """Release the association in order, if the meter still listens, and hang up."""
        if self._client is not None:
            with contextlib.suppress(OSError, ProtocolError):
                run(self._client.release(), self._sender(self._own_client()))
        self.drop()

    def drop(self) -> None:
        """Hang up."""
        if self._carrier is not None:
            self._carrier.close()
        self._carrier = self._client = None

    def _own_client(self) -> int:
        return self.address.clients[self.address.role]

    def _associate(self) -> Client:
        self.drop()
        carrier = self.address.carrier()
        carrier.open()
        self._carrier = carrier
        client = self._new_client()
        run(client.associate(), self._sender(self._own_client()))
        self._client = client
        return client

    def _new_client(self) -> Client:
        address = self.address
        if address.keys is None:
            known = address.password
            return Client() if known is None else Client(Mechanism.LLS, known)
        protection = Protection(
            address.client_title, address.keys.encryption, address.keys.authentication, self._highest_counter() + 1
        )
        return Client(Mechanism.HLS_GMAC, secrets.token_bytes(CHALLENGE_BYTES), protection)

    def _highest_counter(self) -> int:
        public, send = Client(), self._sender(self.address.clients["public"])
        run(public.associate(), send)
        found = run(public.get(RECEIVE_COUNTER), send).value
        run(public.release(), send)
        if not isinstance(found, int):
            raise ProtocolError(f"a receive counter {found!r}")
        return found

    def _sender(self, client: int) -> Callable[[bytes], bytes]:
        def send(apdu: bytes) -> bytes:
            if self._carrier is None:
                raise ConnectionError("the connection is closed")
            return self._carrier.exchange(client, apdu)

        return send


def _agreed(client: Client) -> Exchange[frozenset[Conformance]]:
    yield from ()
    return client.agreed.conformance


def _one_by_one(client: Client, attributes: Sequence[Attribute]) -> Exchange[list[Data | DataAccessResult]]:
    found: list[Data | DataAccessResult] = []
    for attribute in attributes:
        try:
            found.append((yield from client.get(attribute)))
        except AccessRefusedError as error:
            found.append(DataAccessResult(error.result))
    return found
