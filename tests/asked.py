"""The API without a database, as it answers those who are known: what an identity may do to it."""

from __future__ import annotations

from typing import Any

from ovn_integrate.contract import tags
from ovn_integrate.ipam.engine.service import Service
from ovn_integrate.ipam.http.api import create_app
from ovn_integrate.ipam.http.identity import IDENTITY
from ovn_integrate.ipam.permit.rules import CHASSIS, OPERATOR, READER, Identity
from tests.model import MemoryStore


class Asked:
    """Somebody who asks the server."""

    def __init__(self, bed: Bed, identity: Identity | None) -> None:
        self._bed = bed
        self.identity = identity

    @property
    def name(self) -> str:
        return "" if self.identity is None else self.identity.name

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        environ = {} if self.identity is None else {IDENTITY: self.identity}
        response = self._bed.client.open(
            f"/v2.0/{path}", method=method, json=body, environ_overrides=environ, headers=headers
        )
        return response.status_code, response.get_json(silent=True)

    def make(self, collection: str, **attributes: Any) -> dict[str, Any]:
        kind = collection.rstrip("s").replace("-", "_").removesuffix("ie") or collection
        status, said = self.ask("POST", collection, {kind: attributes})
        assert status == 201, said
        found: dict[str, Any] = said[kind]
        return found

    def put(self, path: str, **attributes: Any) -> int:
        kind = path.split("/")[0].rstrip("s").replace("-", "_")
        return self.ask("PUT", path, {kind: attributes})[0]

    def show(self, path: str) -> dict[str, Any]:
        status, said = self.ask("GET", path)
        assert status == 200, said
        (found,) = said.values()
        shown: dict[str, Any] = found
        return shown

    def delete(self, path: str) -> int:
        return self.ask("DELETE", path)[0]

    def tag(self, path: str, tag: str) -> int:
        return self.ask("PUT", f"{path}/tags/{tag}")[0]

    def untag(self, path: str, tag: str) -> int:
        return self.ask("DELETE", f"{path}/tags/{tag}")[0]


class Bed:
    """A server with an operator, a reader and three chassis."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.client = create_app(Service(self.store)).test_client()  # type: ignore[arg-type]
        self.operator = Asked(self, Identity("op", OPERATOR))
        self.reader = Asked(self, Identity("r", READER))
        self.a, self.b, self.c = (
            Asked(self, Identity(f"chassis-{name}", CHASSIS)) for name in "abc"
        )
        self.anybody = Asked(self, None)

    def owner(self, id: str) -> str:
        thing = self.store.read(lambda index: index.get(id))
        return "" if thing is None else thing.owner

    def network(
        self, asked: Asked, cidr: str = "10.0.0.0/24", name: str = "", **more: Any
    ) -> dict[str, Any]:
        """A network with a subnet."""
        made = asked.make("networks", name=name, **more)
        asked.make("subnets", network_id=made["id"], cidr=cidr, ip_version=4 if "." in cidr else 6)
        return made

    def docker_network(self, asked: Asked, docker_id: str, **more: Any) -> dict[str, Any]:
        """A network that is made for a Docker network, as the driver does it."""
        made = asked.make("networks", name=docker_id, description=tags.at(docker_id, asked.name))
        path = f"networks/{made['id']}"
        for tag in (tags.at(docker_id, asked.name), tags.MADE):
            assert asked.tag(path, tag) == 201
        asked.make("subnets", network_id=made["id"], ip_version=4, cidr="10.1.0.0/24", **more)
        assert asked.tag(path, tags.of(docker_id)) == 201
        return made

    def join(self, asked: Asked, network: dict[str, Any], docker_id: str) -> None:
        """Put a Docker network on one that is there."""
        for tag in (tags.at(docker_id, asked.name), tags.of(docker_id)):
            assert asked.tag(f"networks/{network['id']}", tag) == 201

    def leave(self, asked: Asked, network: dict[str, Any], docker_id: str) -> None:
        """Take a Docker network off one, as the driver does it."""
        path = f"networks/{network['id']}"
        swarm = tags.at(docker_id, tags.SWARM)
        for tag in tags.belonging(asked.show(path)["tags"], docker_id):
            own = not tags.is_at(tag) or tags.is_at(tag, asked.name) or tag == swarm
            if own and tag in asked.show(path)["tags"]:
                assert asked.untag(path, tag) == 204
