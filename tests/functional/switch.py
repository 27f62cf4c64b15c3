"""What tests of a host's settings look at: its Open_vSwitch database, and the verbs run on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

from ovn_integrate.host import history, interfaces
from tests.functional.daemons import OvsdbServer

Done = subprocess.CompletedProcess[str]
Verb = Callable[..., Done]


def verb_on(remote: str, *options: str) -> Verb:
    """Runs verbs on the database of that remote."""

    def run(*words: str, input: str | None = None) -> Done:
        argv = [sys.executable, "-m", "ovn_integrate", "--db", remote, *options, *words]
        return subprocess.run(
            argv, capture_output=True, text=True, timeout=60, check=False, input=input
        )

    return run


def keys(switch: OvsdbServer) -> dict[str, str]:
    """The keys of external_ids, without the record of their changes."""
    found = every_key(switch)
    found.pop(history.KEY, None)
    return found


def every_key(switch: OvsdbServer) -> dict[str, str]:
    """The keys of external_ids."""
    listed = switch.ctl("--format=json", "--columns=external_ids", "list", "Open_vSwitch")
    return dict(json.loads(listed)["data"][0][0][1])


def own_address() -> str:
    """An address of this host."""
    return next(iter(interfaces.addresses()))


def transactions(switch: OvsdbServer) -> int:
    """How many the database has had."""
    log = subprocess.run(
        ["ovsdb-tool", "show-log", str(switch._file)], capture_output=True, text=True, check=True
    )
    return sum(line.startswith("record ") for line in log.stdout.splitlines())
