"""Asking a server for its schema, with which every session begins; versions of OVN differ."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import ovs.jsonrpc
import ovs.poller
import ovs.stream

from ovn_integrate.errors import DatabaseUnavailable
from ovn_integrate.ovsdb import parser

parser.use()

TIMEOUT = 5.0
_RETRY = 0.1
_TURN = 1.0
"""Seconds for one server of several: a frozen one must not use up the time of all."""

_SLOW = (errno.EAGAIN, errno.ETIMEDOUT)


def get_schema(
    remote: str, database: str, timeout: float = TIMEOUT, patient: bool = False
) -> dict[str, Any]:
    """The schema that the first server of a remote list to answer has for ``database``.

    :param patient: ask again until the deadline when every server refuses.
    :raises DatabaseUnavailable: none answered in time.
    """
    deadline = time.monotonic() + timeout
    remotes = split_remotes(remote)
    while True:
        troubles: list[Exception] = []
        for one in remotes:
            turn = deadline if len(remotes) == 1 else min(deadline, time.monotonic() + _TURN)
            try:
                return _request_schema(one, database, turn)
            except (OSError, DatabaseUnavailable) as trouble:
                # A cluster's member that has not joined yet has no database.
                troubles.append(trouble)
        again = patient or any(getattr(one, "errno", None) in _SLOW for one in troubles)
        if not again or time.monotonic() + _RETRY >= deadline:
            raise _worst(troubles, remote)
        poller = ovs.poller.Poller()
        poller.timer_wait(int(_RETRY * 1000))
        poller.block()


def present(private_key: str, certificate: str, ca_cert: str) -> None:
    """Have connections to ``ssl:`` remotes use these files, in PEM.

    The ovs package keeps one set of them for the whole process, and reads them for each connection.
    """
    stream = ovs.stream.Stream
    stream.ssl_set_private_key_file(private_key)
    stream.ssl_set_certificate_file(certificate)
    stream.ssl_set_ca_cert_file(ca_cert)
    stream.register_method("ssl", _Tls)


class _Tls(ovs.stream.SSLStream):  # type: ignore[misc]  # ovs has no types
    """A connection whose files may be replaced, or closed to this user, at any moment. What cannot
    be read now is an error of this connection, after which another one is tried; the ovs package
    raises it, which ends the thread that runs the session."""

    @staticmethod
    def _open(suffix: str, dscp: int) -> tuple[int, socket.socket | None]:
        try:
            error, opened = ovs.stream.SSLStream._open(suffix, dscp)
        except ssl.SSLError:
            return errno.EPROTO, None
        except OSError as trouble:
            return trouble.errno or errno.EPROTO, None
        return error, opened


def connect_by(opener: Callable[[], socket.socket]) -> None:
    """Have this process reach ``unix:`` remotes by what ``opener`` gives it: a socket that is
    connected already, as another process may which is let in there.

    :param opener: raises OSError as connect(2) does.
    """

    class Given(ovs.stream.UnixStream):  # type: ignore[misc]  # ovs has no types
        @staticmethod
        def _open(suffix: str, dscp: int) -> tuple[int, socket.socket | None]:
            try:
                given = opener()
            except OSError as error:
                return error.errno or errno.EPROTO, None
            given.setblocking(False)
            return 0, given

    ovs.stream.Stream.register_method("unix", Given)


def _worst(troubles: list[Exception], remote: str) -> DatabaseUnavailable:
    for trouble in troubles:
        if isinstance(trouble, DatabaseUnavailable):
            return trouble
    why = getattr(troubles[-1], "strerror", None) or troubles[-1] if troubles else "none is named"
    return DatabaseUnavailable(remote, f"cannot be reached ({why})", reach_hint(remote))


def split_remotes(remote: str) -> list[str]:
    """The parts of a comma list of remotes."""
    return [one for one in remote.split(",") if one]


def _request_schema(remote: str, database: str, deadline: float) -> dict[str, Any]:
    if remote.startswith("ssl:") and ovs.stream.Stream._SSL_ca_cert_file is None:
        hint = "ovn-integrate join TOKEN"
        raise DatabaseUnavailable(remote, "wants a certificate, and this host has none", hint)
    error, stream = ovs.stream.Stream.open_block(
        ovs.stream.Stream.open(remote), timeout=max(1, int((deadline - time.monotonic()) * 1000))
    )
    if error:
        raise OSError(error, _strerror(error))
    connection = ovs.jsonrpc.Connection(stream)
    try:
        request = ovs.jsonrpc.Message.create_request("get_schema", [database])
        error = connection.send(request)
        while not error:
            error, message = connection.recv()
            if error == 0 and message.id == request.id:
                return _schema_of(message, remote, database)
            if error and error != errno.EAGAIN:
                break
            error = _wait(connection, deadline)
        raise OSError(error, _strerror(error))
    finally:
        connection.close()


def _schema_of(message: Any, remote: str, database: str) -> dict[str, Any]:
    if message.type != ovs.jsonrpc.Message.T_REPLY:
        raise DatabaseUnavailable(remote, f"has no database {database}", "check its port")
    schema: dict[str, Any] = message.result
    return schema


def _wait(connection: Any, deadline: float) -> int:
    left = deadline - time.monotonic()
    if left <= 0:
        return errno.ETIMEDOUT
    poller = ovs.poller.Poller()
    connection.wait(poller)
    connection.recv_wait(poller)
    poller.timer_wait(max(1, int(left * 1000)))
    poller.block()
    connection.run()
    return 0


def reach_hint(remote: str) -> str:
    """What to look at when a server does not answer."""
    if remote.startswith("unix:"):
        return "is its ovsdb-server running?"
    return "is its ovsdb-server running, and listening on that address?"


def _strerror(error: int) -> str:
    # ovs reports the end of a stream as -1.
    return os.strerror(error) if error > 0 else "the connection was closed"
