"""From a header to a request, and from a request to an answer, with gunicorn's parser and writer.

What gunicorn is given is a header that was checked. Where the body ends is told by the fields that
it parsed, so that nothing is read in two ways, and the application sees a body of a known length,
however it came.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create

from ovn_integrate.web.connection import Asked, Connection, Gone
from ovn_integrate.web.framing import LARGEST, Body, Refused, body_length, check

CERTIFICATE = "ovn_integrate.certificate"
"""In the environment of a request: the client's certificate, verified, as
`ssl.SSLSocket.getpeercert` gives it, or None."""

SECURE = "ovn_integrate.secure"
"""In the environment of a request: whether it came over TLS."""

KNOWN = "ovn_integrate.known"
"""In the environment of a request that was answered: whether its client is known; nothing where it
did not matter. Set by an application that has an ``admit``, see `worker`."""

_STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    (errors.LimitRequestLine, 414, "the path is too long"),
    (errors.LimitRequestHeaders, 431, "the header is too large"),
    (errors.ExpectationFailed, 417, "Expect is not 100-continue"),
    (errors.UnsupportedTransferCoding, 501, "Transfer-Encoding is not chunked"),
    (errors.ParseException, 400, "the header is malformed"),
)

_QUIET = 10.0  # seconds between two lines in the log about what is no request
_SHOWN = 200

Admit = Callable[[dict[str, Any]], "int | None"]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Exchange:
    """:param wsgi: the application.
    :param admit: its own, or None.
    """

    def __init__(self, wsgi: Wsgi, admit: Admit | None, cfg: Any, log: Any) -> None:
        self._wsgi = wsgi
        self._admit = admit
        self._cfg = cfg
        self._log = log
        self._refused = 0
        self._said = -_QUIET
        self.keep_alive = bool(cfg.keepalive)
        """Whether connections may carry another request."""

    def hear(self, connection: Connection, header: bytes) -> Asked:
        """The request that a header begins, whose body is still to be read.

        :raises Refused: it is none.
        """
        check(header)
        try:
            request = next(RequestParser(self._cfg, [header], connection.client))
        except errors.ParseException as error:
            raise _refusal(error) from None
        length = body_length(request.headers, request.version)
        # The answer to it is given here, not where the response is made.
        waits, request._expected_100_continue = request._expected_100_continue, False
        response, environ = create(
            request, connection, connection.client, connection.server, self._cfg
        )
        environ["wsgi.multithread"] = True
        environ["gunicorn.socket"] = connection.sock
        environ[CERTIFICATE], environ[SECURE] = connection.certificate, connection.secure
        if connection.secure:
            environ["wsgi.url_scheme"] = "https"
        body = Body(length, self._admitted(connection, environ, length))
        if waits and length != 0 and not body.cut:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Asked(request, response, environ, body)

    def _admitted(self, connection: Connection, environ: dict[str, Any], length: int | None) -> int:
        # Whether it is answered is decided afterwards; until then a certificate that was known at
        # the request before is good enough for a body.
        if self._admit is None or (connection.known and (length == 0 or connection.certificate)):
            return LARGEST
        allowed = self._admit(environ)
        connection.known = allowed is None
        return LARGEST if allowed is None else allowed

    def answer(self, connection: Connection, asked: Asked) -> None:
        """Send what the application says, as far as that goes.

        :raises Gone: the client takes nothing.
        """
        environ, body, response = asked.environ, asked.body, asked.response
        if body.chunked:
            del environ["HTTP_TRANSFER_ENCODING"]
            environ["CONTENT_LENGTH"] = str(body.announced)
        # Of what is cut nothing is shown: its length says that it is too large.
        environ["wsgi.input"] = io.BytesIO(b"" if body.cut else body.data)
        connection.finish()
        if connection.ending or not self.keep_alive:
            response.force_close()
        try:
            self._respond(connection, environ, response)
        except Gone:
            raise
        except Exception:
            if response.headers_sent:
                raise
            where = repr(environ.get("RAW_URI", ""))[:_SHOWN]
            self._log.exception("%s %s", environ["REQUEST_METHOD"], where)
            self._end(connection, 500, "internal error, see the log")
        if self._admit is not None:
            connection.known = bool(environ.get(KNOWN, connection.known))

    def refuse(self, connection: Connection, refused: Refused) -> None:
        """Answer what is no request, after which nothing else on its connection is one.

        :raises Gone: the client takes nothing.
        """
        self._refused += 1
        now = time.monotonic()
        if now >= self._said + _QUIET:
            self._said = now
            client = connection.client
            who = client[0] if isinstance(client, tuple) else "a local client"
            words = "refused %d requests that are none, the last one from %s: %s"
            self._log.info(words, self._refused, who, refused)
            self._refused = 0
        connection.finish()
        self._end(connection, refused.status, str(refused))

    def _respond(self, connection: Connection, environ: dict[str, Any], response: Any) -> None:
        body = self._wsgi(environ, response.start_response)
        try:
            for piece in body:
                response.write(piece)
            response.close()
            connection.ending = connection.ending or response.should_close()
            connection.answer_sent()
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _end(self, connection: Connection, status: int, what: str) -> None:
        body = f"{what}\n".encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n"
            f"Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        connection.ending = True
        connection.sendall(head.encode() + body)
        connection.answer_sent()


def _refusal(error: Exception) -> Refused:
    for kind, status, what in _STATUS:
        if isinstance(error, kind):
            return Refused(status, what)
    raise error
