"""A swarm's network as its leader and a node, both on one host, ask for it (moby swarmkit
``manager/allocator/network.go``, moby ``daemon/cluster/executor/container``)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from .bed import Bed, Worker
from .docker import Container, Docker, Failed, Plan

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Swarm(Docker):
    """:param early: whether the network is taken away while a task still ends on it."""

    def __init__(self, bed: Bed, plan: Plan, driver: Worker, *, again: bool, early: bool) -> None:
        super().__init__(bed, plan, driver, again=again)
        # As swarmkit makes them: 25 digits to the base of 36. It stays, whatever fails.
        self.id = "".join(secrets.choice(DIGITS) for _ in range(25))
        self.early = early
        self._options: dict[str, Any] = plan.options
        # No more of it is known to Swarm.
        self._data = [{"Pool": plan.cidr, "Gateway": f"{plan.gateway}/24"}]
        self._allocated = False
        self.freed = False

    def create_network(self) -> None:
        """:raises Failed: the leader, or the node, tries again."""
        if not self._allocated:
            body = {"NetworkID": self.id, "Options": self._options, "IPv4Data": self._data}
            answer = self._ask("NetworkDriver.AllocateNetwork", {**body, "IPv6Data": None})
            # The nodes see what was answered, and nothing else.
            self._options = answer["Options"]
            self._allocated = True
        generic = {"com.docker.network.generic": self._options}
        body = {"NetworkID": self.id, "Options": generic, "IPv4Data": self._data}
        self._ask("NetworkDriver.CreateNetwork", {**body, "IPv6Data": []})
        self.network_id = self.id

    def remove_network(self) -> None:
        """What fails of it is only written to the log."""
        super().remove_network()
        if not self.freed:
            self.free()

    def aside(self, act: Callable[[Container], None], container: Container) -> None:
        """Do with a container what other lives are tried for, by a driver that is not killed."""
        killed, self.driver = self.driver, self.bed.driver()
        try:
            act(container)
        finally:
            self.driver.end()
            self.driver = killed

    def free(self) -> None:
        self.freed = True
        self._try("NetworkDriver.FreeNetwork", {"NetworkID": self.id})


def live(swarm: Swarm) -> None:
    """The life of a network; what fails is done again, by the leader and for the next task."""
    container = Container(swarm.plan.ip, swarm.plan.port)
    try:
        swarm.create_network()
    except Failed:
        swarm.collect()
        swarm.create_network()
    if swarm.early:
        swarm.aside(swarm.start, container)
        swarm.free()
        swarm.aside(swarm.stop, container)
    swarm.remove_network()
