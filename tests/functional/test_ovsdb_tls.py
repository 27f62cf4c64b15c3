"""Files of connections to databases may be closed to their reader for a while."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import ovs.stream
import pytest

from ovn_integrate import ovsdb
from tests.certificates import Authority


@pytest.fixture
def remote() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield "ssl:{}:{}".format(*listener.getsockname())


@pytest.mark.parametrize("gone", ["private_key", "certificate", "ca"])
@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\n"])
def test_what_cannot_be_read_is_an_error_of_one_connection(
    tmp_path: Path, remote: str, gone: str, content: bytes | None
) -> None:
    files = Authority(tmp_path / "files").issue("chassis-1")
    wanted = {name: Path(getattr(files, name)) for name in ("private_key", "certificate", "ca")}
    before = wanted[gone].read_bytes()
    if content is None:
        wanted[gone].unlink()
    else:
        wanted[gone].write_bytes(content)
    ovsdb.present(*map(str, wanted.values()))
    error, stream = ovs.stream.Stream.open(remote)
    assert error
    assert error not in (errno.EAGAIN, errno.EINPROGRESS)
    assert stream is None
    wanted[gone].write_bytes(before)
    error, stream = ovs.stream.Stream.open(remote)
    assert not error
    stream.close()
