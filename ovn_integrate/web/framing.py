"""Where a request's header and body end in the bytes that its client sends, piece by piece
(RFC 9112).

Each byte is looked at once, however many pieces it comes in. What a request may look like is
stricter here than in the standard: who sends what two readers could take for two things is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LARGEST = 1 << 20
"""Bytes of a body. Of a larger one nothing more is read: the applications refuse it with a 413."""

LARGEST_HEADER = 16 << 10

_END = b"\r\n\r\n"
_LINE = b"\r\n"
_MOST_LINES = 100
_LONGEST_TARGET = 4094

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TEXT = rb"[\t\x20-\x7e\x80-\xff]*"
_REQUEST = re.compile(rb"[A-Z]{3,20} (/[\x21-\x7e]*) HTTP/1\.[01]")
_FIELD = re.compile(_TOKEN + rb":" + _TEXT)
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})(?:[ \t]*;" + _TEXT + rb")?")
_LONGEST_CHUNK_LINE = 1024

_FRAMING = 128 << 10
"""Bytes of a body that are sizes of chunks and trailers: who sends it byte by byte is refused."""

# Two of them would be two answers to one question.
_ONCE = frozenset(
    ("HOST", "CONTENT-LENGTH", "TRANSFER-ENCODING", "CONTENT-TYPE", "AUTHORIZATION", "X-AUTH-TOKEN")
)


class Refused(Exception):
    """What comes is no request that is taken: the connection ends with an answer that says so."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


class Header:
    """Looks for the end of a header in a buffer that grows."""

    def __init__(self) -> None:
        self._looked = 0

    def end(self, buffer: bytearray) -> int | None:
        """Where it is; None while it is missing.

        :raises Refused: the header is too large.
        """
        at = buffer.find(_END, max(0, self._looked - len(_END) + 1), LARGEST_HEADER)
        if at >= 0:
            return at + len(_END)
        self._looked = len(buffer)
        if self._looked >= LARGEST_HEADER:
            raise Refused(431, "the header is too large")
        return None


def check(header: bytes) -> None:
    """Return if a header, with the empty line at its end, is one (RFC 9112, sections 3 and 5).

    :raises Refused: it is none.
    """
    lines = header[: -len(_END)].split(_LINE)
    request = _REQUEST.fullmatch(lines[0])
    if request is None:
        raise Refused(400, "the request line is malformed")
    if len(request[1]) > _LONGEST_TARGET:
        raise Refused(414, "the path is too long")
    if len(lines) > _MOST_LINES:
        raise Refused(431, "the header has too many lines")
    if not all(map(_FIELD.fullmatch, lines[1:])):
        raise Refused(400, "a line of the header is malformed")


def body_length(fields: Sequence[tuple[str, str]], version: tuple[int, int]) -> int | None:
    """Bytes of the body that a header announces; None for chunks.

    :param fields: names in capitals, and values.
    :raises Refused: it cannot be known for sure.
    """
    names = [name for name, _ in fields]
    for name in _ONCE.intersection(names):
        if names.count(name) > 1:
            raise Refused(400, f"{name} stands twice in the header")
    known = {name: value for name, value in fields if name in _ONCE}
    coding, length = known.get("TRANSFER-ENCODING"), known.get("CONTENT-LENGTH")
    if coding is not None:
        if length is not None or version < (1, 1):
            raise Refused(400, "Transfer-Encoding is beside Content-Length, or in HTTP/1.0")
        if coding.lower() != "chunked":
            raise Refused(501, "Transfer-Encoding is not chunked")
        return None
    if length is None:
        return 0
    if _LENGTH.fullmatch(length) is None:
        raise Refused(400, "Content-Length is no number")
    return int(length)


class Body:
    """A body, taken out of a buffer that grows.

    :param length: of its bytes; None for chunks.
    :param largest: bytes of it that are taken.
    """

    def __init__(self, length: int | None, largest: int) -> None:
        self.data = bytearray()
        self.cut = not largest if length is None else length > largest
        """Whether it is larger, so that no more of it is taken."""
        self.chunked = length is None
        self._largest = largest
        self._missing = length or 0  # of the body, or of its chunk
        self._take_next = self._take_size
        self._looked = 0
        self._framing = 0
        self._done = length == 0

    @property
    def announced(self) -> int:
        """Bytes of the whole body as far as is known: more than are taken of one that is cut."""
        return self._largest + 1 if self.cut and self.chunked else len(self.data) + self._missing

    def take(self, buffer: bytearray) -> bool:
        """Whether it is whole, or is cut, with what is in the buffer, which is taken out.

        :raises Refused: what comes are no chunks.
        """
        if self.cut or self._done:
            return True
        if not self.chunked:
            at = self._move(buffer, 0)
            self._done = not self._missing
        else:
            at = self._take_chunks(buffer)
        del buffer[:at]
        self._looked = max(0, self._looked - at)
        return self.cut or self._done

    def _take_chunks(self, buffer: bytearray) -> int:
        at = 0
        while not (self.cut or self._done):
            if self._missing:
                at = self._move(buffer, at)
                if self._missing:
                    break
                self._take_next = self._take_end
            end = buffer.find(_LINE, max(at, self._looked - 1))
            if end < 0:
                self._looked = len(buffer)
                self._count(self._looked - at, 0)
                break
            self._count(end - at, end + len(_LINE) - at)
            self._take_next(bytes(buffer[at:end]))
            at = end + len(_LINE)
        return at

    def _move(self, buffer: bytearray, at: int) -> int:
        piece = buffer[at : at + self._missing]
        self.data += piece
        self._missing -= len(piece)
        return at + len(piece)

    def _count(self, length: int, framing: int) -> None:
        self._framing += framing
        if length > _LONGEST_CHUNK_LINE or self._framing > _FRAMING:
            raise Refused(400, "the body has too little in its chunks")

    def _take_size(self, line: bytes) -> None:
        size = _CHUNK.fullmatch(line)
        if size is None:
            raise Refused(400, "the body has no chunks")
        self._missing = int(size[1], 16)
        if not self._missing:
            self._take_next = self._take_trailer
        self.cut = len(self.data) + self._missing > self._largest

    def _take_end(self, line: bytes) -> None:
        if line:
            raise Refused(400, "a chunk of the body is longer than its size")
        self._take_next = self._take_size

    def _take_trailer(self, line: bytes) -> None:
        # Nobody wants what it says.
        self._done = not line
        if line and _FIELD.fullmatch(line) is None:
            raise Refused(400, "a line after the body is malformed")
