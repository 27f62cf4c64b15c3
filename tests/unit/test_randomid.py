"""Random UUIDs: none twice, in threads and in child processes."""

from __future__ import annotations

import os
import uuid
from concurrent.futures import ThreadPoolExecutor

from ovn_integrate import randomid


def test_none_twice_in_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: randomid.text(), range(20_000)))
    assert len(set(made)) == len(made)


def test_both_are_uuids_of_version_4() -> None:
    for found in (randomid.new(), uuid.UUID(randomid.text())):
        assert (found.version, found.variant) == (4, uuid.RFC_4122)


def test_a_child_has_its_own() -> None:
    randomid.new()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, "".join(randomid.text() for _ in range(100)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(read, 1 << 16).decode()
    os.close(read)
    os.close(write)
    assert len(theirs) == 36 * 100
    assert not any(randomid.text() in theirs for _ in range(300))
