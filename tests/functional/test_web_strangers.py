"""Before a client is known no work is done for it, however many of them there are."""

from __future__ import annotations

import os
import resource
import select
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from ovn_integrate.web import Files
from tests.certificates import Authority
from tests.functional import floods
from tests.functional.serving import PIDFILE, answer, ask, connected, serving
from tests.functional.test_web_tls import shaken

BODY = 1_000_000
POST = f"POST /ports HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY}\r\n".encode()
MANY = 2048


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("strangers") / "ca")


@pytest.fixture(scope="module")
def server(authority: Authority) -> Files:
    return authority.issue("server", "central", 2)


@pytest.fixture(scope="module")
def chassis(authority: Authority) -> Files:
    return authority.issue("chassis-1", serial=3)


class Process:
    """The server's worker."""

    def __init__(self, folder: Path) -> None:
        # Its socket is there before its pid file.
        while not (children := _children(folder)):
            pass
        self._folder = Path("/proc", children[0])

    @property
    def cpu(self) -> float:
        """Seconds of CPU time until now."""
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """In MB, the most that it ever had."""
        lines = (self._folder / "status").read_text().splitlines()
        return int(dict(line.split(":", 1) for line in lines)["VmHWM"].split()[0]) / 1024


def _children(folder: Path) -> list[str]:
    try:
        master = int((folder / PIDFILE).read_text())
    except (FileNotFoundError, ValueError):
        return []
    return Path(f"/proc/{master}/task/{master}/children").read_text().split()


@contextmanager
def flooded(kind: str, path: Path, count: int, ca: Path | str) -> Iterator[None]:
    argv = [sys.executable, "-m", "tests.functional.floods", kind, path, count, ca]
    with subprocess.Popen([*map(str, argv)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"flooding\n"
            yield
        finally:
            process.kill()


def said(sock: socket.socket) -> bytes:
    """All that a server says until it hangs up, or resets."""
    whole = b""
    with suppress(ConnectionResetError, ssl.SSLEOFError):
        while data := sock.recv(1 << 16):
            whole += data
    return whole


@pytest.mark.parametrize("more", [b"\r\n", b"Expect: 100-continue\r\n\r\n"])
def test_nobodys_body_is_refused_at_the_header(folder: Path, server: Files, more: bytes) -> None:
    with serving(folder, files=server, guarded=True) as path, shaken(path, server.ca) as sock:
        sock.sendall(POST + more)
        assert sock.recv(4096).startswith(b"HTTP/1.1 401 Unauthorized\r\n")


def test_nobodys_chunks_are_refused_at_the_header(folder: Path, server: Files) -> None:
    head = b"POST /ports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(folder, files=server, guarded=True) as path, shaken(path, server.ca) as sock:
        sock.sendall(head)
        assert sock.recv(4096).startswith(b"HTTP/1.1 401 Unauthorized\r\n")


def test_who_may_join_sends_a_small_body(folder: Path, server: Files, chassis: Files) -> None:
    with serving(folder, files=server, guarded=True) as path:
        with shaken(path, server.ca) as sock:
            sock.sendall(b"POST /join HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.1 401")
        with shaken(path, server.ca, chassis) as sock:
            assert ask(sock, "/join", b"x" * BODY) == f"{BODY} chassis-1".encode()
            assert ask(sock, "/join", b"x" * 10) == b"10 chassis-1"


def test_the_answer_reaches_who_sends_what_is_not_read(folder: Path, server: Files) -> None:
    with serving(folder, files=server, guarded=True) as path, shaken(path, server.ca) as sock:
        sock.sendall(POST + b"\r\n" + b"x" * 30_000)
        assert said(sock).startswith(b"HTTP/1.1 401")


def test_nobody_is_listened_to_for_long_after_the_answer(folder: Path, server: Files) -> None:
    with serving(folder, files=server, guarded=True) as path, shaken(path, server.ca) as sock:
        sock.sendall(POST + b"\r\n")
        assert sock.recv(4096).startswith(b"HTTP/1.1 401")
        sent = 0
        with suppress(ConnectionError, ssl.SSLError):
            while sent < BODY:
                sock.sendall(b"x" * 10_000)
                sent += 10_000
        # What lies in the kernel's buffers comes on top.
        assert sent < BODY


def test_a_large_first_message_of_a_handshake_is_not_waited_for(
    folder: Path, server: Files
) -> None:
    with serving(folder, files=server, guarded=True) as path, closing(connected(path)) as sock:
        begin = time.monotonic()
        sock.sendall(b"\x16\x03\x01\x40\x00\x01\x01\x00\x00" + b"x" * 100)
        assert said(sock) == b""
        assert time.monotonic() - begin < 10  # a handshake has 15 s


def test_half_a_record_now_and_then_keeps_no_connection(folder: Path, server: Files) -> None:
    with serving(folder, files=server, guarded=True) as path, shaken(path, server.ca) as sock:
        assert ask(sock) == b"0 None"
        begin = time.monotonic()
        socket.socket.send(sock, b"\x17\x03\x03\x40\x00")
        sock.settimeout(0.1)
        with suppress(ConnectionError):
            while time.monotonic() < begin + 12:
                socket.socket.send(sock, b"a")
                with suppress(TimeoutError):
                    socket.socket.recv(sock, 1)
        assert time.monotonic() < begin + 12


def test_who_holds_most_goes_first(folder: Path, server: Files, chassis: Files) -> None:
    """Of those who are known too: they may send much, and not all of the memory."""
    with serving(folder, files=server, guarded=True, held=1 << 20) as path, ExitStack() as rest:
        small, *large = (rest.enter_context(shaken(path, server.ca, chassis)) for _ in range(4))
        small.sendall(POST.replace(str(BODY).encode(), b"2000") + b"\r\n" + b"x" * 1000)
        for number, sock in enumerate(large):
            sock.sendall(POST + b"\r\n" + b"x" * (400_000 + number))
        gone = select.select(large, [], [], 10)[0]
        assert [sock.recv(1) for sock in gone] == [b""]
        small.sendall(b"x" * 1000)
        assert answer(small) == b"2000 chassis-1"


@pytest.mark.parametrize("kind", floods.KINDS)
def test_floods_hold_nobody_up(folder: Path, server: Files, chassis: Files, kind: str) -> None:
    """A client that is known is answered about as fast as on a quiet server, and another stranger
    within a time that grows with what each of the others may take at most."""
    with serving(folder, files=server, guarded=True) as path:
        process = Process(folder)
        with shaken(path, server.ca, chassis) as sock:
            quiet = [_seconds(sock) for _ in range(50)]
            with flooded(kind, path, 40, server.ca):
                begin, used = time.monotonic(), process.cpu
                known, strangers = [], []
                while time.monotonic() < begin + 2:
                    known.append(_seconds(sock))
                    started = time.monotonic()
                    with shaken(path, server.ca) as other:
                        ask(other)
                    strangers.append(time.monotonic() - started)
                share = (process.cpu - used) / (time.monotonic() - begin)
    assert sorted(known)[len(known) // 2] < 20 * max(sorted(quiet)[len(quiet) // 2], 0.001)
    assert max(known) < 0.5
    assert max(strangers) < 1.5
    if "byte" in kind and "many" not in kind:
        assert share < 0.7


def test_who_sends_byte_by_byte_takes_little_of_a_core(folder: Path, server: Files) -> None:
    with serving(folder, files=server) as path:
        process = Process(folder)
        for kind in (each for each in floods.KINDS if "byte" in each and "many" not in each):
            with flooded(kind, path, 3, server.ca), shaken(path, server.ca) as sock:
                ask(sock)
                begin, used = time.monotonic(), process.cpu
                sock.settimeout(2)
                with suppress(TimeoutError):
                    sock.recv(1)
                share = (process.cpu - used) / (time.monotonic() - begin)
            assert share < 0.3, kind


@pytest.mark.parametrize("kind", ["header", "record", "handshake"])
def test_many_strangers_take_little_memory(
    folder: Path, server: Files, chassis: Files, kind: str
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * MANY + 256:
        pytest.skip("too few open files are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * MANY + 256, hard))
    context = ssl.create_default_context(cafile=str(server.ca))
    context.check_hostname = False
    try:
        with serving(folder, files=server, guarded=True) as path, ExitStack() as rest:
            process = Process(folder)
            with shaken(path, server.ca, chassis) as known:
                ask(known)
                before = process.memory
                for _ in range(MANY):
                    sock = rest.enter_context(closing(connected(path)))
                    with suppress(OSError):
                        _take_room(sock, context, kind, rest)
                for _ in range(5):
                    assert ask(known) == b"0 chassis-1"
                assert process.memory - before < 64
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _take_room(sock: socket.socket, context: ssl.SSLContext, kind: str, rest: ExitStack) -> None:
    if kind == "handshake":
        # As long as may be, and not all of it.
        sock.sendall(b"\x16\x03\x01\x40\x00\x01\x00\x3f\x00" + b"x" * 16_000)
        return
    wrapped = rest.enter_context(closing(context.wrap_socket(sock)))
    if kind == "header":
        wrapped.sendall(b"GET / HTTP/1.1\r\nA: " + b"a" * 16_000)
        return
    wrapped.sendall(b"GET / HTTP/1.1\r\nA: " + b"a" * 7_000)
    # Most of a record, which only OpenSSL can hold.
    socket.socket.send(wrapped, b"\x17\x03\x03\x41\x00" + b"a" * 16_000)


def _seconds(sock: socket.socket) -> float:
    begin = time.monotonic()
    assert ask(sock) == b"0 chassis-1"
    return time.monotonic() - begin
