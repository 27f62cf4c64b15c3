"""Whether a client is still there, on connections of both kinds."""

from __future__ import annotations

import socket
import ssl

import pytest

from ovn_integrate.ipam.http import api


@pytest.mark.parametrize("tls", [False, True])
def test_a_client_that_hung_up_is_known(tls: bool) -> None:
    client, served = socket.socketpair()
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served = context.wrap_socket(served, server_side=True, do_handshake_on_connect=False)
    with served:
        with client:
            assert not api._hung_up(served)
            client.send(b"more")
            assert not api._hung_up(served)
            socket.socket.recv(served, 16)
        assert api._hung_up(served)
