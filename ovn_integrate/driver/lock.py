"""One host at a time on a logical network.

Neutron has no lock and lets several things have one name. But a MAC address is unique on a network,
also between several servers, so the host that has the port with a certain one has the lock.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ovn_integrate.driver.neutron import Client, Resource
from ovn_integrate.errors import Error, MacAddressInUse

log = logging.getLogger(__name__)

OWNER = "docker:lock"
"""The ``device_owner`` of the port that is the lock."""

_MAC = "02:6c:6f:63:6b:00"
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
        "network_id": network_id,
        "mac_address": _MAC,
        "fixed_ips": [],
        "device_owner": OWNER,
        "admin_state_up": False,
    }
    seen, since = "", time.monotonic()
    while True:
        try:
            return client.create("ports", **attributes)
        except MacAddressInUse:
            held = client.query("ports", network_id=network_id, mac_address=_MAC)
        for port in held:
            if port["id"] != seen:
                seen, since = port["id"], time.monotonic()
            elif time.monotonic() - since > patience:
                log.warning("a dead host's lock of network %s is taken away", network_id)
                client.delete("ports", seen)
        time.sleep(random.uniform(0, _PAUSE))
