"""Where a request ends."""

from __future__ import annotations

import pytest

from ovn_integrate.web.framing import LARGEST, Frame

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = [
    b"GET / HTTP/1.1\r\n\r\n",
    HEAD + b"Content-Length: 5\r\n\r\nhello",
    HEAD + b"content-length:0\r\n\r\n",
    CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    CHUNKED + b"5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
    CHUNKED + b"0\r\n\r\n",
]


@pytest.mark.parametrize("request_", WHOLE)
def test_byte_by_byte_it_is_whole_with_the_last_one(request_: bytes) -> None:
    buffer = bytearray()
    frame = Frame(buffer)
    for number in range(len(request_) - 1):
        buffer += request_[number : number + 1]
        assert frame.length() is None, bytes(buffer)
    buffer += request_[-1:]
    assert frame.length() == len(request_)
    assert not frame.cut


@pytest.mark.parametrize("request_", WHOLE)
def test_what_comes_after_it_is_another_request(request_: bytes) -> None:
    assert Frame(bytearray(request_ + WHOLE[0])).length() == len(request_)


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nA: " + b"a" * (64 << 10),
        HEAD + f"Content-Length: {LARGEST + 1}\r\n\r\n".encode(),
        HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
        CHUNKED + b"200000\r\n",
        CHUNKED + b"1\r\na\r\n" * (LARGEST // 3),
        CHUNKED + b"nothing\r\n",
        CHUNKED + b"-5\r\n",
        CHUNKED + b"1;" + b"a" * 4096,
    ],
)
def test_what_is_too_large_or_no_request_is_not_waited_for(start: bytes) -> None:
    frame = Frame(bytearray(start))
    assert frame.length() == len(start)
    assert frame.cut


def test_the_largest_body_is_waited_for() -> None:
    buffer = bytearray(HEAD + f"Content-Length: {LARGEST}\r\n\r\n".encode())
    frame = Frame(buffer)
    assert frame.length() is None
    buffer += b"a" * LARGEST
    assert frame.length() == len(buffer)
    assert not frame.cut


def test_who_waits_for_continue() -> None:
    frame = Frame(bytearray(HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"))
    assert frame.length() is None
    assert frame.expects
