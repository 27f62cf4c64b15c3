"""A small application that is served as the program's own are, in a process of its own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ovn_integrate.web import Files

_CODE = """
import resource, sys, threading
from pathlib import Path
from ovn_integrate import web
from ovn_integrate.web import connection, room

socket, files, most, seconds = sys.argv[1], sys.argv[2:5], int(sys.argv[5]), float(sys.argv[6])
if most:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
if seconds:
    connection.REQUEST = connection.ANSWER = seconds
if len(sys.argv) > 9 and int(sys.argv[9]):
    room.MOST = {False: int(sys.argv[9]), True: int(sys.argv[9])}
held = threading.Event()

def application(environ, start):
    path = environ["PATH_INFO"]
    if path == "/hold":
        held.wait(20)
    if path == "/free":
        held.set()
    body = environ["wsgi.input"].read()
    certificate = environ["ovn_integrate.certificate"] or {"subject": ()}
    names = dict(pair for part in certificate["subject"] for pair in part)
    said = f"{len(body)} {names.get('commonName')}".encode()
    if path == "/large":
        said = b"x" * (8 << 20)
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(said)))])
    return [said]

def guarded(environ, start):
    if not environ["ovn_integrate.certificate"] and environ["PATH_INFO"] != "/":
        start("401 Unauthorized", [("Content-Length", "0")])
        return []
    environ["ovn_integrate.known"] = bool(environ["ovn_integrate.certificate"])
    return application(environ, start)

def admit(environ):
    if environ["ovn_integrate.certificate"]:
        return None
    return 16384 if environ["PATH_INFO"] == "/join" else 0

guarded.admit = admit

web.serve(
    lambda: guarded if sys.argv[8] else application,
    bind=socket,
    pidfile=Path(sys.argv[7]),
    keep_alive=True,
    tls=web.Files(*map(Path, files)) if files[0] else None,
)
"""


SOCKET, PIDFILE = "web.sock", "pid"


def command(
    folder: Path,
    *,
    files: Files | None = None,
    most: int = 0,
    seconds: float = 0,
    guarded: bool = False,
    held: int = 0,
) -> list[str]:
    """What :func:`serving` starts."""
    words = ["", "", ""] if files is None else [str(one) for one in files.all()]
    where: tuple[str, ...] = (
        f"unix:{folder / SOCKET}",
        *words,
        str(most),
        str(seconds),
        str(folder / PIDFILE),
    )
    where = (*where, "yes" * guarded, str(held))
    return [sys.executable, "-c", _CODE, *where]


@contextmanager
def serving(
    folder: Path,
    *,
    files: Files | None = None,
    most: int = 0,
    seconds: float = 0,
    guarded: bool = False,
    held: int = 0,
) -> Iterator[Path]:
    """Serve on a Unix socket in a folder.

    :param most: files that the server may have open; 0 for what it may anyway.
    :param seconds: that a client has for a request, or an answer; 0 for what it has anyway.
    :param guarded: whether who shows no certificate is answered at ``/`` alone.
    :param held: bytes that clients may have in its memory; 0 for what they may anyway.
    """
    path = folder / SOCKET
    argv = command(folder, files=files, most=most, seconds=seconds, guarded=guarded, held=held)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stderr=log)
    try:
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            with socket.socket(socket.AF_UNIX) as sock:
                if sock.connect_ex(str(path)) == 0:
                    break
        yield path
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert "Traceback" not in (folder / "log").read_text()


def connected(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(str(path))
    return sock


def ask(sock: socket.socket, target: str = "/", body: bytes = b"", *lines: str) -> bytes:
    """The body of the answer to a request on a connection that stays open."""
    head = [f"POST {target} HTTP/1.1", "Host: x", *(lines or (f"Content-Length: {len(body)}",))]
    sock.sendall("\r\n".join([*head, "", ""]).encode() + body)
    return answer(sock)


def answer(sock: socket.socket) -> bytes:
    said = bytearray()
    while b"\r\n\r\n" not in said:
        said += received(sock)
    head, _, body = said.partition(b"\r\n\r\n")
    if b"Content-Length: " not in head:
        return bytes(head)
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += received(sock)
    return bytes(body)


def received(sock: socket.socket) -> bytes:
    data = sock.recv(1 << 20)
    assert data, "the server hung up"
    return data
