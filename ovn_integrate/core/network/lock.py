"""One host at a time on a logical network.

Neutron has no lock and lets several things have one name. But a MAC address is unique on a network,
also between several servers, so the host that has the port with a certain one has the lock.

The port's ``device_id`` names the process that has it: one that was killed on this host is known to
be dead by who comes next, and nobody waits for it.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ovn_integrate.clients.neutron.client import Client, Resource
from ovn_integrate.contract.device_owners import LOCK, LOCK_MAC
from ovn_integrate.errors import Error, MacAddressInUse, NotPermitted

log = logging.getLogger(__name__)

_PATIENCE = 15.0
"""Seconds after which who has the lock is taken for dead. No call of the driver takes as long."""

_PAUSE = 0.05
_UNDO = 5.0


@contextmanager
def locked(client: Client, network_id: str, *, patience: float = _PATIENCE) -> Iterator[None]:
    """Wait for the lock of a logical network, and have it for a moment.

    :param patience: seconds after which it is taken from another host that does not let go of it.
    :raises NetworkNotFound: there is no such network.
    """
    port = _acquire(client, network_id, patience)
    try:
        yield
    finally:
        try:
            client.within(_UNDO).delete("ports", port["id"])
        except Error as error:
            log.warning("the lock of network %s may be left behind: %s", network_id, error)


def _acquire(client: Client, network_id: str, patience: float) -> Resource:
    attributes: dict[str, Any] = {
        "device_id": _process(os.getpid()),
        "network_id": network_id,
        "mac_address": LOCK_MAC,
        "fixed_ips": [],
        "device_owner": LOCK,
        "admin_state_up": False,
    }
    seen, since = "", time.monotonic()
    while True:
        try:
            return client.create("ports", **attributes)
        except MacAddressInUse:
            held = client.query("ports", network_id=network_id, mac_address=LOCK_MAC)
        for port in held:
            if port["id"] != seen:
                seen, since = port["id"], time.monotonic()
            if is_dead(port) or time.monotonic() - since > patience:
                log.warning("the lock of network %s is taken from one that died", network_id)
                with suppress(NotPermitted):  # another host has taken it since
                    client.delete("ports", seen)
        time.sleep(random.uniform(0, _PAUSE))


def is_dead(port: Resource) -> bool:
    """Whether the process that has a lock is known to be dead. Those of another host, or of another
    PID namespace, are not known."""
    where, _, number = port["device_id"].rpartition("/")
    place, _, pid = where.rpartition("/")
    return bool(place == _place() and pid.isdigit() and _started(int(pid)) != number)


def _process(pid: int) -> str:
    return f"{_place()}/{pid}/{_started(pid)}"


def _place() -> str:
    """Where a process number means something: a boot of a host, and a PID namespace of it."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks since the boot; empty if it is none."""
    try:
        # proc(5): the name in parentheses may have anything in it, and the start is the 22nd field.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
