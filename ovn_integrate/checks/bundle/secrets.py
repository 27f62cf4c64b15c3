"""What a secret looks like: by the name that it has, or by itself."""

from __future__ import annotations

import re

# Parts of names, as DB_PASS, adminPw and --require-pass have them.
_SEGMENT = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_WORDS = frozenset(
    b"authorization bearer cookie cookies cred credential credentials creds dsn jwt otp pass"
    b" passcode passphrase passwd password passwords psk pw pwd salt secret secrets signature"
    b" token tokens".split()
)
_ENDS = (
    *(b"pass", b"passwd", b"password", b"passphrase", b"pwd", b"secret", b"token", b"cookie"),
    *(b"credential", b"credentials", b"apikey", b"authkey", b"accesskey", b"privatekey"),
    *(b"secretkey", b"encryptionkey", b"signingkey", b"masterkey", b"masterauth", b"psk"),
)
_INNOCENT = frozenset(b"bypass compass trespass surpass".split())
# What is called a key in OVN, in the kernel and in databases, and is none.
_NO_KEYS = frozenset(
    b"foreign host idempotency in index map out primary public pub remote route sort tunnel"
    b" unique".split()
)
# Of a secret, and no secret.
_ABOUT = frozenset(
    b"count dir expires expiry file files length name names path policy size timeout ttl type"
    b" url".split()
)
_PATH = re.compile(rb"/[\w.-]+(?:/[\w.-]+)+/?")
# A cookie of a flow, and where ovsdb-server(1) finds the name of a file.
_NUMBER = re.compile(rb"0x[0-9a-f]{1,16}|db:[\w,]+")
_NOTHING = re.compile(rb"(?i)(?:null|none|true|false|yes|no|\[?redacted[\w-]*\]?|\*+|-+)?")

HINT = rb"(?:pass|pw|secret|token|psk|cred|key|auth|cookie|dsn|salt|jwt|otp|bearer|signature)"
"""What each name of a secret has in it, in any case."""

HARMLESS = re.compile(
    r"(?:OVS|OVN|OVN_INTEGRATE|OVSDB|LC|XDG|SYSTEMD|LISTEN|JOURNAL)_[A-Z0-9_]+"
    r"|LANG|LANGUAGE|PATH|HOME|TERM|SHELL|USER|LOGNAME|PWD|TZ|HOSTNAME|NO_COLOR|TMPDIR"
    r"|(?:HTTPS?|NO|FTP|ALL)_PROXY|(?:https?|no|ftp|all)_proxy"
    r"|IPAM_OPTIONS|DRIVER_OPTIONS|CENTRAL_OPTIONS|CONTROLLER_OPTIONS|DOCKER_OPTS|DOCKER_HOST"
    r"|OS_(?:AUTH_URL|AUTH_TYPE|USERNAME|PROJECT_NAME|PROJECT_ID|PROJECT_DOMAIN_(?:NAME|ID)"
    r"|USER_DOMAIN_(?:NAME|ID)|REGION_NAME|CACERT|INTERFACE|IDENTITY_API_VERSION|CLOUD)"
    r"|INVOCATION_ID|NOTIFY_SOCKET|BOOT_IMAGE|PYTHON[A-Z]+|DEBIAN_FRONTEND|MAINPID"
)
"""Variables whose values are shown, unless they look like a secret themselves."""


def is_secret(name: bytes) -> bool:
    """Whether what has this name is not for others."""
    segments = [one.lower() for one in _SEGMENT.findall(name)]
    if not segments or segments[-1] in _ABOUT:
        return False
    if segments[-1] == b"auth" or any(_is_word(one) for one in segments):
        return segments[-1] != b"id" or b"secret" in segments
    before = [segments[place - 1] for place, one in enumerate(segments) if place and one == b"key"]
    return any(one not in _NO_KEYS for one in before)


def is_shown(name: bytes, value: bytes) -> bool:
    """Whether the value of a secret's name says nothing: a file's path, or no value at all."""
    text = value.strip(b"\"'\\")
    if _NOTHING.fullmatch(text):
        return True
    if _NUMBER.fullmatch(text):
        return True
    path = _PATH.fullmatch(text) is not None and not is_random(text)
    return path and not any(one in name.lower() for one in (b"pass", b"pw"))


def _is_word(segment: bytes) -> bool:
    return segment in _WORDS or (segment.endswith(_ENDS) and segment not in _INNOCENT)


_HEX = re.compile(rb"(?:0x)?[0-9a-fA-F]+")
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONGEST_HEX = 32  # characters; shorter ones are identifiers of flows, of Docker and of git
_SHORTEST, _PIECE = 20, 16
_LARGE = re.compile(rb"[A-Z]")
_SMALL = re.compile(rb"[a-z]")
_CHANGES = re.compile(rb"[a-z](?=[A-Z0-9])|[A-Z](?=[a-z0-9])|[0-9](?=[A-Za-z])")
_JOINTS = re.compile(rb"[-_/+.]")
# How often letters and digits, or large and small ones, take turns: what people or programs name
# has fewer of it.
_DENSE, _DENSE_OF_BOTH, _DENSE_OF_LETTERS = 0.2, 0.26, 0.4


def is_random(word: bytes) -> bool:
    """Whether a word has no meaning: a key, or what was signed or drawn by lot."""
    if _HEX.fullmatch(word):
        return len(word) >= _LONGEST_HEX and not word.startswith(b"0x")
    if len(word) < _SHORTEST or _UUID.fullmatch(word):
        return False
    # Names of several words end in a short identifier often, which does not make them random.
    pieces = [one for one in _JOINTS.split(word) if len(one) >= _PIECE]
    if any(_is_dense(one) for one in pieces):
        return True
    return not pieces and bool(_LARGE.search(word)) and _is_dense(word)


def _is_dense(piece: bytes) -> bool:
    if _HEX.fullmatch(piece):
        return len(piece) >= _LONGEST_HEX
    changes = sum(1 for _ in _CHANGES.finditer(piece)) / len(piece)
    if piece.isalpha():
        return changes > _DENSE_OF_LETTERS  # WordsLikeThese
    both = _LARGE.search(piece) and _SMALL.search(piece)
    return changes > (_DENSE_OF_BOTH if both else _DENSE)
