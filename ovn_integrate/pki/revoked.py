"""The list of the certificates that were taken back, as a server looks it up for each request."""

from __future__ import annotations

from pathlib import Path


class Revoked:
    """Read again when the file was replaced, which costs a stat. Any thread may use it.

    :param path: a serial number a line, in hexadecimal; see ``Authority.revocations``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] = (0, 0)
        self._serials: frozenset[int] = frozenset()

    def has(self, serial: str) -> bool:
        """Whether the certificate of a serial number was revoked.

        :param serial: in hexadecimal, as of ``ssl.SSLSocket.getpeercert()``.
        """
        try:
            state = self._path.stat()
        except FileNotFoundError:
            return False  # none ever was
        seen = (state.st_ino, state.st_mtime_ns)
        if seen != self._seen:
            lines = self._path.read_text().split()
            self._serials, self._seen = frozenset(int(one, 16) for one in lines), seen
        return int(serial, 16) in self._serials
