"""What reads texts that others wrote: ``python -m tests.functional.fuzz.parsers`` has atheris look
for a text that ends in something else than a refusal. Its first byte says who is to read the rest.
"""

from __future__ import annotations

import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import atheris

_LOOKED_INTO = (
    *("core.network.options", "core.network.reachability", "core.addresses.pools"),
    *("plugins.libnetwork.wire", "host.hostfile", "pki.tokens", "web.framing"),
    *("ipam.resources.bodies", "ipam.resources.convert", "ipam.http.tokens"),
)

with atheris.instrument_imports(include=[f"ovn_integrate.{name}" for name in _LOOKED_INTO]):
    from ovn_integrate.core.addresses.pools import PoolId
    from ovn_integrate.core.network import options, reachability
    from ovn_integrate.errors import Error
    from ovn_integrate.host import hostfile
    from ovn_integrate.ipam.http import tokens as api_tokens
    from ovn_integrate.ipam.resources import bodies
    from ovn_integrate.pki import tokens as join_tokens
    from ovn_integrate.plugins.libnetwork import app
    from ovn_integrate.web.framing import LARGEST, Body, Header, Refused, check

_FOLDER = tempfile.TemporaryDirectory()
_FILE = Path(_FOLDER.name) / "tokens.json"


def _text(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


def _wire(data: bytes) -> None:
    """Each body of libnetwork's, and what its options say."""
    for kind, _ in set(app.METHODS.values()):
        try:
            body = app._parse(kind, data)
        except Error:
            continue
        for parse in (
            options.parse_network,
            options.parse_pool,
            options.parse_port,
            options.parse_groups,
            options.parse_mac,
            options.parse_published,
        ):
            try:
                parse(getattr(body, "options", {}))
            except Error:
                continue


def _policy(data: bytes) -> None:
    reachability.parse(None, _text(data))


def _pool(data: bytes) -> None:
    PoolId.parse(_text(data))


def _join_token(data: bytes) -> None:
    join_tokens.decode(_text(data))


def _token_file(data: bytes) -> None:
    _FILE.touch(0o600)
    _FILE.write_bytes(data)
    api_tokens.load(_FILE)


def _host_file(data: bytes) -> None:
    hostfile.read(data, "a.yaml")


def _body(data: bytes) -> None:
    """The IPAM server's bodies, as a creation of each kind and as an update."""
    for resource in bodies.RESOURCES.values():
        for read in (bodies.creations, bodies.update):
            try:
                read(resource, bodies.decode(data))
            except Error:
                continue


def _framing(data: bytes) -> None:
    """Whatever comes, it is refused, waited for, or taken, and nothing that was taken is left."""
    buffer, header, body = bytearray(), Header(), None
    try:
        for start in range(0, len(data), 7):
            buffer += data[start : start + 7]
            if body is None and (end := header.end(buffer)) is not None:
                check(bytes(buffer[:end]))
                chunked = b"chunked" in buffer[:end]
                del buffer[:end]
                body = Body(None if chunked else 9, LARGEST)
            if body is not None and body.take(buffer):
                assert body.cut or body.announced == len(body.data)
                return
    except Refused:
        return


PARSERS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "wire": (_wire, (b'{"NetworkID": "ab", "EndpointID": "cd", "Options": {"ovn.port": "a"}}',)),
    "policy": (_policy, (b"web:db:tcp/5432,web:web,*:web:tcp/80-81",)),
    "pool": (_pool, (b"10.0.0.0/24,10.0.0.64/26,",)),
    "join token": (_join_token, (b"abc", b64encode(b'{"addresses": ["a"], "expires": 1e999}'))),
    "token file": (_token_file, (b'{"tokens": [{"name": "a", "role": "reader"}]}',)),
    "host file": (_host_file, (b"settings: {ovn-remote: [tcp:192.0.2.1:6642]}\n", b"{")),
    "body": (_body, (b'{"port": {"network_id": "x", "fixed_ips": [{"ip_address": "::"}]}}',)),
    "framing": (_framing, (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",)),
}


def main(*flags: str) -> None:
    parsers = list(PARSERS.values())

    def once(data: bytes) -> None:
        parse, _ = parsers[(data[0] if data else 0) % len(parsers)]
        said = ""
        try:
            parse(data[1:])
        except Error as error:
            said = str(error)
        assert said == "" or said.isprintable()

    with tempfile.TemporaryDirectory() as corpus:
        for number, (_, seeds) in enumerate(parsers):
            for place, seed in enumerate(seeds):
                (Path(corpus) / f"{number}-{place}").write_bytes(bytes([number]) + seed)
        atheris.Setup([sys.argv[0], *flags, corpus], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
