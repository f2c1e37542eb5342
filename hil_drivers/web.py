"""One HTTP request and its answer, a connection each: nothing can be left over for the next one."""

from __future__ import annotations

import base64
import http.client
from typing import NamedTuple

from hil_drivers.errors import AnswerError, InstrumentError, LinkError

_LONGEST = 65_536


class Request(NamedTuple):
    """What to send; ``target`` goes over the wire as it is, a ``?`` at its end included."""

    target: str
    method: str = "GET"
    body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class WebLink:
    """HTTP to ``host`` and ``port``; ``login`` is (user, password) for basic authentication and shows in no message."""

    def __init__(self, host: str, port: int, timeout_s: float, login: tuple[str, str] | None = None) -> None:
        self.place = f"{host}:{port}"
        self._address, self._timeout_s = (host, port), timeout_s
        self._headers = {"Connection": "close", "Accept": "*/*"}
        if login is not None:
            self._headers["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()

    def ask(self, request: Request) -> str:
        """The text of the answer.

        Raises :class:`LinkError` without an answer in time, :class:`AnswerError` for what is no HTTP, and
        :class:`InstrumentError` for a status that is no success.
        """
        connection = http.client.HTTPConnection(*self._address, timeout=self._timeout_s)
        try:
            headers = {**self._headers, **dict(request.headers)}
            connection.request(request.method, request.target, request.body, headers)
            answer = connection.getresponse()
            text = answer.read(_LONGEST).decode("utf-8", "backslashreplace")
        except TimeoutError as error:
            raise LinkError(f"{self.place}: no whole answer within {self._timeout_s:g} s") from error
        except (OSError, http.client.IncompleteRead) as error:
            raise LinkError(f"{self.place}: no connection, or it was lost ({error})") from error
        except http.client.HTTPException as error:
            raise AnswerError(f"{self.place}: the answer is no HTTP ({type(error).__name__})") from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise InstrumentError(f"{self.place}: status {answer.status} to {request.method} {request.target}")
        return text
