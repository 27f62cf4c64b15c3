"""Whole commands, from fork to exit: `python -m tests.bench.verbs ROUNDS`, in a host with OVS.

``set-tep`` against ``ovs-vsctl set`` of the same key, each time to a value that it had not; and
against a Python that does nothing but import what it is made of, as ``--help`` is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

SET_TEP = "ovn-integrate set-tep"
OVS_VSCTL = "ovs-vsctl set"
HELP = "ovn-integrate --help"
PYTHON = "python -c pass"
CLICK = 'python -c "import click"'
CLICK_AND_OVS = 'python -c "import click, ovs.db.idl"'

# Each command has a value of its own, so that each finds the other's and has to change it.
_TEP, _OTHER = "192.0.2.1", "192.0.2.2"
_PROGRAM = str(Path(sys.executable).with_name("ovn-integrate"))
_COMMANDS = {
    PYTHON: [sys.executable, "-c", "pass"],
    CLICK: [sys.executable, "-c", "import click"],
    HELP: [_PROGRAM, "--help"],
    CLICK_AND_OVS: [sys.executable, "-c", "import click, ovs.db.idl"],
    SET_TEP: [_PROGRAM, "set-tep", _TEP],
    OVS_VSCTL: [
        *("ovs-vsctl", "set", "Open_vSwitch", "."),
        f"external_ids:ovn-encap-ip={_OTHER}",
    ],
}


def measure(rounds: int) -> dict[str, list[float]]:
    """For each command its times in seconds, all taking turns."""
    for argv in _COMMANDS.values():
        _time(argv)  # reads the program from the disk
    taken: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for _ in range(rounds):
        for name, argv in _COMMANDS.items():
            taken[name].append(_time(argv))
    return taken


def _time(argv: Sequence[str]) -> float:
    began = time.monotonic()
    subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def main() -> None:
    # set-tep takes only an address that the host has.
    subprocess.run(["ip", "address", "add", f"{_TEP}/32", "dev", "lo"], check=True)
    print(json.dumps(measure(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
