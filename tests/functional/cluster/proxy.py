"""A way to NB on which an answer gets lost, or is late."""

from __future__ import annotations

import socket
import threading
from pathlib import Path


class Proxy:
    """Stands before a server's Unix socket, and can lose what it answers, or hold it back.

    :param target: the server's remote, ``unix:PATH``.
    """

    def __init__(self, folder: Path, target: str) -> None:
        self._target = target.removeprefix("unix:")
        self._lose = threading.Event()
        self._open = threading.Event()
        self._open.set()
        self._release = threading.Event()
        self.lost = 0
        self._connections: list[tuple[threading.Thread, tuple[socket.socket, socket.socket]]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "proxy.sock"))
        self._listener.listen()
        self.remote = f"unix:{folder / 'proxy.sock'}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def lose_the_next_answer(self) -> None:
        """Break the connection off in place of the next answer to a transaction."""
        self._lose.set()

    def hold(self) -> None:
        """Let nothing of what the server says arrive."""
        self._open.clear()

    def release_when_asked(self) -> None:
        """Let it arrive again when the client has asked for something."""
        self._release.set()

    def close(self) -> None:
        self._open.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()
        for thread, both in self._connections:
            _shut(*both)
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            both = (client, server)
            thread = threading.Thread(target=self._serve, args=both, daemon=True)
            self._connections.append((thread, both))
            thread.start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        asked = threading.Event()
        down = (server, client, asked, False)
        with client, server:
            other = threading.Thread(target=self._forward, args=down, daemon=True)
            other.start()
            self._forward(client, server, asked, True)
            other.join()

    def _forward(
        self, source: socket.socket, sink: socket.socket, asked: threading.Event, up: bool
    ) -> None:
        try:
            while data := source.recv(1 << 20):
                if up and self._lose.is_set() and b'"transact"' in data:
                    asked.set()
                if up and self._release.is_set() and b'"transact"' in data:
                    self._release.clear()
                    self._open.set()
                if not up:
                    self._open.wait()
                if not up and asked.is_set():
                    # ovsdb-server says nothing of a transaction before it is done.
                    self._lose.clear()
                    self.lost += 1
                    break
                sink.sendall(data)
        except OSError:
            pass
        _shut(source, sink)


def _shut(*sockets: socket.socket) -> None:
    for one in sockets:
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue
