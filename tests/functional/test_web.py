"""What clients of the servers can do to each other: nothing."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from ovn_integrate.web import THREADS
from tests.functional.serving import PIDFILE, answer, ask, command, connected, serving

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
LARGE = b"GET /large HTTP/1.1\r\n\r\n"
SOON = 3.0
"""Seconds for an answer on a machine that is busy; what is held up takes longer by far."""


@contextmanager
def clients(path: Path, count: int, say: Callable[[socket.socket], object]) -> Iterator[None]:
    with ExitStack() as rest:
        for _ in range(count):
            say(rest.enter_context(closing(connected(path))))
        yield


def served_by(once: Callable[[], None]) -> None:
    begin = time.monotonic()
    for _ in range(5):
        once()
    assert time.monotonic() - begin < SOON


def served_soon(path: Path) -> None:
    def once() -> None:
        with closing(connected(path)) as sock:
            assert ask(sock, "/", b"hello") == b"5 None"

    served_by(once)


@pytest.mark.parametrize("start", [b"", HEAD[:9], HEAD, HEAD + b"\r\n", HEAD + b"\r\nhell"])
def test_slow_clients_hold_nobody_up(folder: Path, start: bytes) -> None:
    with serving(folder) as path, clients(path, 4 * THREADS, lambda sock: sock.sendall(start)):
        served_soon(path)


def test_clients_that_take_no_answers_hold_nobody_up(folder: Path) -> None:
    def wish(sock: socket.socket) -> None:
        sock.sendall(LARGE)
        sock.recv(1)

    with serving(folder) as path, clients(path, 2 * THREADS, wish):
        served_soon(path)


def test_a_second_server_leaves_the_socket_to_the_first(folder: Path) -> None:
    with serving(folder) as path:
        served_soon(path)
        pid = (folder / PIDFILE).read_text()
        second = subprocess.run(
            command(folder), stderr=subprocess.PIPE, text=True, timeout=20, check=False
        )
        assert second.returncode != 0
        assert (
            f"{folder / PIDFILE}: belongs to a server that serves, or is starting" in second.stderr
        )
        assert (folder / PIDFILE).read_text() == pid
        served_soon(path)


def test_a_large_answer_comes_whole(folder: Path) -> None:
    with serving(folder) as path, closing(connected(path)) as sock:
        for _ in range(2):
            assert len(ask(sock, "/large")) == 8 << 20


def test_a_slow_client_is_cut_off(folder: Path) -> None:
    with serving(folder, seconds=0.5) as path, ExitStack() as rest:
        slow = [rest.enter_context(closing(connected(path))) for _ in range(4)]
        for sock, start in zip(slow, (b"", HEAD, HEAD + b"\r\nhell", LARGE), strict=True):
            sock.sendall(start)
        for sock in slow[:3]:
            assert sock.recv(1) == b""
        had = 0
        while data := slow[3].recv(1 << 20):
            had += len(data)
        assert had < 8 << 20


def test_one_that_goes_on_byte_by_byte_is_cut_off_too(folder: Path) -> None:
    with serving(folder, seconds=0.5) as path, closing(connected(path)) as sock:
        begin = time.monotonic()
        sock.sendall(HEAD + b"A: ")
        sock.settimeout(0.1)
        with suppress(ConnectionError):
            while time.monotonic() < begin + SOON:
                sock.sendall(b"a")
                with suppress(TimeoutError):
                    sock.recv(1)
        assert time.monotonic() < begin + SOON


def test_one_that_takes_its_time_between_requests_is_not(folder: Path) -> None:
    with serving(folder, seconds=0.5) as path, closing(connected(path)) as sock:
        assert ask(sock) == b"0 None"
        with closing(connected(path)) as other:
            assert other.recv(1) == b""  # cut off meanwhile
        assert ask(sock) == b"0 None"


def test_a_thousand_idle_connections_hold_nobody_up(folder: Path) -> None:
    with serving(folder) as path, clients(path, 1000, lambda _: None):
        served_soon(path)


def test_more_connections_than_fit_hold_nobody_up(folder: Path) -> None:
    with serving(folder, most=256) as path, closing(connected(path)) as known:
        assert ask(known) == b"0 None"
        with clients(path, 600, lambda _: None):
            served_soon(path)
            # Those that never asked anything went first.
            assert ask(known) == b"0 None"


def test_a_request_in_pieces_and_several_in_one(folder: Path) -> None:
    request = HEAD + b"\r\nhello"
    with serving(folder) as path, closing(connected(path)) as sock:
        for number in range(len(request)):
            sock.sendall(request[number : number + 1])
        assert answer(sock) == b"5 None"
        sock.sendall(2 * request)
        said = b""
        while said.count(b"5 None") < 2:
            said += sock.recv(4096)


def test_a_body_in_chunks(folder: Path) -> None:
    with serving(folder) as path, closing(connected(path)) as sock:
        body = b"5\r\nhello\r\n" * 1000 + b"0\r\n\r\n"
        assert ask(sock, "/", body, "Transfer-Encoding: chunked") == b"5000 None"
        assert ask(sock, "/", b"hello") == b"5 None"


def test_who_waits_for_continue_is_told(folder: Path) -> None:
    with serving(folder) as path, closing(connected(path)) as sock:
        sock.sendall(HEAD + b"Expect: 100-continue\r\n\r\n")
        assert sock.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hello")
        assert answer(sock) == b"5 None"


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * (100 << 10), b"431"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnothing\r\n", b"400"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
        ),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_ends(
    folder: Path, said: bytes, status: bytes
) -> None:
    with serving(folder) as path, closing(connected(path)) as sock:
        sock.sendall(said)
        assert sock.recv(4096).split()[1] == status
        while sock.recv(4096):
            pass
        served_soon(path)


def test_what_was_asked_before_the_end_is_answered(folder: Path) -> None:
    with ExitStack() as rest:
        with serving(folder) as path:
            held, idle, other = (rest.enter_context(closing(connected(path))) for _ in range(3))
            assert ask(idle) == b"0 None"
            held.sendall(b"GET /hold HTTP/1.1\r\n\r\n")
            sock = rest.enter_context(closing(connected(path)))
            assert ask(sock) == b"0 None"
            other.sendall(b"GET /free HTTP/1.1\r\n\r\n")
        assert answer(held) == answer(other) == b"0 None"
        assert idle.recv(1) == b""
