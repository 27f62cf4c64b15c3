"""The command ``neutron`` as the founding document writes it: no Keystone, and no variable at all
or those of the document's last paragraph."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from tests import clients

NID = "8e6a5be4c1fa3e2d7b9f0a1c2d3e4f5061728394a5b6c7d8e9f0a1b2c3d4e5f6"
"""What ``docker network create`` prints, which the document has for a name."""


class Command:
    """The command, with what the document adds to it."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def __call__(self, *words: str) -> str:
        """With ``--os-url`` and ``--os-auth-strategy``."""
        options = (f"--os-url={self._endpoint}", "--os-auth-strategy=noauth")
        return self._run(*words, *options).stdout

    def exported(self, *words: str) -> str:
        """With OS_URL and OS_AUTH_STRATEGY."""
        return self._run(*words, OS_URL=self._endpoint, OS_AUTH_STRATEGY="noauth").stdout

    def fails(self, *words: str) -> str:
        done = self._run(*words, check=False, OS_URL=self._endpoint, OS_AUTH_STRATEGY="noauth")
        assert done.returncode != 0, done.stdout
        return done.stderr

    def json(self, *words: str) -> Any:
        return json.loads(self.exported(*words, "-f", "json"))

    def _run(
        self, *words: str, check: bool = True, **further: str
    ) -> subprocess.CompletedProcess[str]:
        bare = {name: text for name, text in os.environ.items() if not name.startswith("OS_")}
        done = subprocess.run(
            [str(clients.neutron()), *words],
            env={**bare, **further},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{words}\n{done.stdout}{done.stderr}"
        return done


def test_the_founding_documents_commands(endpoint: str) -> None:
    neutron = Command(endpoint)
    assert NID in neutron("net-create", NID, "--tenant-id", "admin")
    made = neutron("subnet-create", NID, "192.168.1.0/24", "--tenant-id", "admin")
    assert "192.168.1.254" in made
    assert NID in neutron("net-list")
    assert "192.168.1.0/24" in neutron.exported("net-list")
    assert neutron.exported("port-list").strip() == ""
    neutron.exported("port-create", NID, "--name", "db", "--fixed-ip", "ip_address=192.168.1.9")
    assert "192.168.1.9" in neutron("port-list")
    (port,) = neutron.json("port-list")
    assert port["name"] == "db"
    (network,) = neutron.json("net-list")
    assert network["name"] == NID
    assert neutron.json("net-show", NID)["tenant_id"] == "admin"


def test_its_other_commands_of_what_there_is(endpoint: str) -> None:
    neutron = Command(endpoint)
    neutron.exported("net-create", "foo")
    neutron.exported("subnetpool-create", "--pool-prefix", "10.0.0.0/16", "pool")
    words = ("--subnetpool", "pool", "--prefixlen", "26", "--name", "sub")
    assert "10.0.0.0/26" in neutron.exported("subnet-create", "foo", *words)
    neutron.exported("port-create", "foo", "--name", "db")
    assert "in use" in neutron.fails("net-delete", "foo")
    neutron.exported("port-delete", "db")
    neutron.exported("net-delete", "foo")
