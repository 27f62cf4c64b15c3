"""A Swarm on hosts that joined: the plugin asks the IPAM server by the host's certificate."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import test_swarm as swarm
from .host import Host
from .lab import Lab
from .secured import PKI, Secure, secured

RUNC = "/run/docker/runtime-runc/plugins.moby"


@pytest.fixture(scope="module")
def secure(lab: Lab) -> Iterator[Secure]:
    with secured(lab, "sws", "--no-driver") as made:
        try:
            for host in made.hosts:
                swarm.enable_plugin(host)
            swarm.join(made.first, made.second)
            yield made
        finally:
            for host in made.hosts:
                swarm.disable_plugin(host)


def test_a_service_on_hosts_that_joined(secure: Secure) -> None:
    swarm.create(secure)
    swarm.talk(secure)
    # What the driver does with the certificate when it is due, it can do; the next connections are
    # made with the new one.
    for host in secure.hosts:
        before = host.read(f"{PKI}/host.pem")
        renew_inside(host)
        assert host.read(f"{PKI}/host.pem") != before
    swarm.remove(secure)


def renew_inside(host: Host) -> None:
    """Have the certificate renewed by a process with the plugin's files and rights."""
    id = host.docker("plugin", "inspect", "--format", "{{.ID}}", swarm.DRIVER)
    enter = ("runc", "--root", RUNC, "exec", "--env", "PYTHONPATH=/opt/ovn-integrate", id)
    host.run(*enter, "python3", "-m", "ovn_integrate", "certificates", "renew")
