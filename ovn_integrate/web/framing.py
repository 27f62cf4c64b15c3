"""Where a request ends in the bytes that a client has sent so far (RFC 9112, sections 6 and 7).

What a request says is for gunicorn's parser to read and to refuse; this only tells when there is
enough for that, so that no thread has to wait for a client.
"""

from __future__ import annotations

import re

LARGEST = 1 << 20
"""Bytes of a body. Of a larger one no more is read: the applications refuse it with a 413."""

_LARGEST_HEADER = 64 << 10

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,20})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[^\r\n]*\r\n")
_LONGEST_CHUNK_LINE = 4096


class Frame:
    """The first request in a buffer that grows.

    :param buffer: the bytes from the request's first one on.
    """

    def __init__(self, buffer: bytearray) -> None:
        self._buffer = buffer
        self._header = 0
        self._end: int | None = None
        self._chunk = 0
        self.cut = False
        """Whether the request goes on after what :meth:`length` gave: too large, or malformed."""
        self.malformed = False
        """Whether that is because what comes are no chunks (RFC 9112, section 7.1)."""
        self.expects = False
        """Whether its client waits for ``100 Continue`` before it sends the body."""

    def length(self) -> int | None:
        """Bytes of the request; None while some are missing."""
        if not self._header and not self._read_header():
            return self._all() if len(self._buffer) > _LARGEST_HEADER else None
        if self._chunk:
            return self._walk()
        assert self._end is not None
        if self._end - self._header > LARGEST:
            return self._all()
        return self._end if len(self._buffer) >= self._end else None

    def _read_header(self) -> bool:
        at = self._buffer.find(_END)
        if at < 0:
            return False
        self._header = at + len(_END)
        head = bytes(self._buffer[: self._header])
        self.expects = _EXPECTS.search(head) is not None
        if _CHUNKED.search(head):
            self._chunk = self._header
        else:
            said = _LENGTH.search(head)
            self._end = self._header + (int(said[1]) if said else 0)
        return True

    def _walk(self) -> int | None:
        """Go on over whole chunks, from where the last look ended."""
        while len(self._buffer) - self._header <= 2 * LARGEST:
            line = _CHUNK.match(self._buffer, self._chunk)
            if line is None:
                missing = len(self._buffer) - self._chunk < _LONGEST_CHUNK_LINE
                whole = self._buffer.find(b"\r\n", self._chunk) >= 0
                self.malformed = not missing or whole
                return self._all() if self.malformed else None
            size = int(line[1], 16)
            if size == 0:
                # What may stand before the empty line is a trailer.
                at = self._buffer.find(_END, line.end() - 2)
                return at + len(_END) if at >= 0 else None
            if line.end() + size - self._header > LARGEST:
                return self._all()
            if line.end() + size + 2 > len(self._buffer):
                return None
            self._chunk = line.end() + size + 2
        return self._all()

    def _all(self) -> int:
        self.cut = True
        return len(self._buffer)
