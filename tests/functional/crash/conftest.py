"""One host for all that is killed in a module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.namespaces import own_network

from .bed import Bed, bed


@pytest.fixture(scope="module")
def made() -> Iterator[Bed]:
    if shutil.which("ovs-vswitchd") is None:
        pytest.skip("needs ovs-vswitchd")
    with own_network(), tempfile.TemporaryDirectory(prefix="ovn") as name, bed(Path(name)) as made:
        blue = made.neutron.create("networks", name="blue")
        cidr = {"cidr": "10.5.0.0/24", "ip_version": 4}
        subnet = made.neutron.create("subnets", network_id=blue["id"], **cidr)
        fixed = [{"subnet_id": subnet["id"], "ip_address": "10.5.0.9"}]
        made.neutron.create("ports", network_id=blue["id"], name="db", fixed_ips=fixed)
        yield made
