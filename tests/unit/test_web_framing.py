"""Where a request ends, and what is none."""

from __future__ import annotations

import string
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovn_integrate.web.framing import (
    LARGEST,
    LARGEST_HEADER,
    Body,
    Header,
    Refused,
    body_length,
    check,
)

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


class Looked(bytearray):
    """A buffer that counts the bytes that are searched, and those that are copied."""

    steps = 0

    def find(self, what: Any, start: Any = 0, end: Any = None) -> int:
        at = super().find(what, start, len(self) if end is None else end)
        self.steps += (at if at >= 0 else len(self)) - start + 1
        return at

    def __getitem__(self, where: SupportsIndex | slice) -> Any:
        found = super().__getitem__(where)
        self.steps += len(found) if isinstance(found, (bytes, bytearray)) else 1
        return found


Outcome = tuple[str, bytes, bytes]


def read(pieces: list[bytes], length: int | None, largest: int = LARGEST) -> tuple[Outcome, int]:
    """What becomes of a header and a body that come in pieces, and the steps that it took."""
    buffer, header, body, head = Looked(), Header(), Body(length, largest), b""
    rest = iter(pieces)
    try:
        for piece in rest:
            buffer += piece
            if not head and (end := header.end(buffer)):
                head = bytes(buffer[:end])
                check(head)
                del buffer[:end]
            if head and body.take(buffer):
                left = bytes(buffer) + b"".join(rest)
                return ("cut" if body.cut else "whole", bytes(body.data), left), buffer.steps
    except Refused as refused:
        return (str(refused.status), b"", b""), buffer.steps
    return ("waiting", b"", b""), buffer.steps


def partitioned(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def chunked(body: bytes, sizes: list[int], extension: bytes, trailer: bytes) -> bytes:
    def chunks() -> Iterator[bytes]:
        at = 0
        for size in [*sizes, len(body) or 1]:
            piece = body[at : at + size]
            at += size
            if piece:
                yield b"%x%s\r\n%s\r\n" % (len(piece), extension, piece)

    return b"".join(chunks()) + b"0\r\n" + trailer + b"\r\n"


BODIES = st.binary(max_size=300)
CUTS = st.lists(st.integers(0, 2000), max_size=40)
SIZES = st.lists(st.integers(1, 50), max_size=20)
FIELDS = st.lists(
    st.tuples(
        st.text(string.ascii_letters + "-", min_size=1, max_size=20),
        st.text(string.printable[:95] + "\t", max_size=40),
    ),
    max_size=20,
)


@given(
    fields=FIELDS,
    body=BODIES,
    sizes=st.none() | SIZES,
    extension=st.sampled_from((b"", b";a=b", b' ; a="b c"')),
    trailer=st.sampled_from((b"", b"A: b\r\n", b"A:\r\nB: c\r\n")),
    after=BODIES,
    cuts=CUTS,
)
def test_pieces_make_no_difference_and_work_grows_with_the_bytes(
    fields: list[tuple[str, str]],
    body: bytes,
    sizes: list[int] | None,
    extension: bytes,
    trailer: bytes,
    after: bytes,
    cuts: list[int],
) -> None:
    head = HEAD + "".join(f"{name}:{value}\r\n" for name, value in fields).encode() + b"\r\n"
    sent = body if sizes is None else chunked(body, sizes, extension, trailer)
    data = head + sent + after
    length = len(body) if sizes is None else None
    whole, _ = read([data], length)
    assert whole == ("whole", body, after)
    for pieces in (partitioned(data, cuts), [data[at : at + 1] for at in range(len(data))]):
        outcome, steps = read(pieces, length)
        assert outcome == whole
        assert steps <= 12 * len(data)


@given(data=BODIES, cuts=CUTS, length=st.none() | st.integers(0, 20))
def test_pieces_of_whatever_it_is_make_no_difference(
    data: bytes, cuts: list[int], length: int | None
) -> None:
    for start in (b"", HEAD + b"\r\n", HEAD + b"\r\n5\r\nhello"):
        whole, _ = read([start + data], length)
        outcome, steps = read(partitioned(start + data, cuts), length)
        assert outcome == whole
        assert steps <= 12 * len(start + data) + 12


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (HEAD, b"A: b\r\n"),
        (HEAD + b"A: ", b"a"),
        (HEAD + b"\r\n", b"1\r\na\r\n"),
        (HEAD + b"\r\nfffff\r\n", b"a"),
        (HEAD + b"\r\n1;", b"a"),
        (HEAD + b"\r\n0\r\n", b"A: b\r\n"),
        (HEAD + b"\r\n", b"\r"),
        (b"", b"\r"),
    ],
)
def test_nothing_is_looked_at_again(start: bytes, piece: bytes) -> None:
    data = start + piece * 3000
    _, steps = read([start, *([piece[at : at + 1] for at in range(len(piece))] * 3000)], None)
    assert steps <= 12 * len(data)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (b"GET / HTTP/1.1\r\nA: " + b"a" * LARGEST_HEADER, 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n", 414),
        *(
            (line + b"\r\nHost: x\r\n\r\n", 400)
            for line in (
                b"nonsense",
                b"get / HTTP/1.1",
                b"GET  / HTTP/1.1",
                b"GET / HTTP/1.1 ",
                b"GET / HTTP/2.0",
                b"GET / HTTP/1.10",
                b"GET /",
                b"GET http://x/ HTTP/1.1",
                b"GET x:80 HTTP/1.1",
                b"OPTIONS * HTTP/1.1",
                b"CONNECT x:80 HTTP/1.1",
                b"GET /\x00 HTTP/1.1",
                b"GET /\t HTTP/1.1",
                b"GET /\xff HTTP/1.1",
                b"GET / HTTP/1.1\n",
                b"\r\nGET / HTTP/1.1",
                b"",
            )
        ),
        *(
            (b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n", 400)
            for line in (
                b"Content-Length : 5",
                b" Content-Length: 5",
                b"A: b\r\n c",
                b"A: b\r\n\tTransfer-Encoding: chunked",
                b"A: b\nContent-Length: 5",
                b"A: b\rContent-Length: 5",
                b"A: b\x00",
                b"A: b\x7f",
                b"A\x00: b",
                b": b",
                b"A",
                b"A(: b",
                b"A\xff: b",
            )
        ),
    ],
)
def test_a_header_that_could_be_read_in_two_ways_is_refused(header: bytes, status: int) -> None:
    outcome, _ = read([header], 0)
    assert outcome[0] == str(status)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([("CONTENT-LENGTH", "5"), ("CONTENT-LENGTH", "5")], 400),
        ([("CONTENT-LENGTH", "5"), ("TRANSFER-ENCODING", "chunked")], 400),
        ([("TRANSFER-ENCODING", "chunked"), ("TRANSFER-ENCODING", "chunked")], 400),
        ([("HOST", "a"), ("HOST", "b")], 400),
        ([("X-AUTH-TOKEN", "a"), ("X-AUTH-TOKEN", "b")], 400),
        *(
            ([("CONTENT-LENGTH", value)], 400)
            for value in (
                "+5",
                "-5",
                "5, 5",
                "5,5",
                "0x5",
                "5.0",
                "",
                " ",
                "²",
                "\u0665",
                "1_0",
                "9" * 19,
            )
        ),
        *(
            ([("TRANSFER-ENCODING", value)], 501)
            for value in (
                "identity",
                "gzip, chunked",
                "chunked, chunked",
                "xchunked",
                "",
                "chunked;a",
            )
        ),
    ],
)
def test_a_length_that_is_not_sure_is_refused(fields: list[tuple[str, str]], status: int) -> None:
    with pytest.raises(Refused) as refused:
        body_length(fields, (1, 1))
    assert refused.value.status == status


def test_lengths_that_are_sure() -> None:
    assert body_length([], (1, 1)) == 0
    assert body_length([("CONTENT-LENGTH", "005"), ("A", "b"), ("A", "b")], (1, 1)) == 5
    assert body_length([("TRANSFER-ENCODING", "Chunked")], (1, 1)) is None
    with pytest.raises(Refused):
        body_length([("TRANSFER-ENCODING", "chunked")], (1, 0))


@pytest.mark.parametrize(
    "body",
    [
        b"nothing\r\n",
        b"-5\r\n",
        b"+5\r\n",
        b"0x5\r\n",
        b" 5\r\n",
        b"5 \r\nhello\r\n",
        b"5\nhello\r\n",
        b"5\r\nhello, more\r\n",
        b"5\r\nhello0\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"\r\n",
        b"123456789\r\n",
        b"1;" + b"a" * 4096,
        b"0\r\nA b\r\n\r\n",
        b"0\r\n A: b\r\n\r\n",
        b"0\r\n" + b"A: b\r\n" * 50_000,
        b"1\r\na\r\n" * 50_000,
        b"5;\x00\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_what_are_no_chunks_is_refused(body: bytes) -> None:
    outcome, _ = read([HEAD + b"\r\n" + body], None)
    assert outcome[0] == "400"


@pytest.mark.parametrize(
    ("body", "length", "largest"),
    [
        (b"", LARGEST + 1, LARGEST),
        (b"", 1, 0),
        (b"", None, 0),
        (b"100001\r\n", None, LARGEST),
        (b"5\r\nhello\r\n5\r\n", None, 9),
    ],
)
def test_what_is_too_large_is_known_before_it_comes(
    body: bytes, length: int | None, largest: int
) -> None:
    taken = Body(length, largest)
    assert taken.take(bytearray(body))
    assert taken.cut
    assert taken.announced > largest


def test_the_largest_body_is_waited_for() -> None:
    body, buffer = Body(LARGEST, LARGEST), bytearray()
    assert not body.take(buffer)
    buffer += b"a" * (LARGEST + 1)
    assert body.take(buffer)
    assert not body.cut
    assert (len(body.data), len(buffer)) == (LARGEST, 1)
