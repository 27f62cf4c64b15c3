"""Where things are, as the environment says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovn_integrate import paths
from ovn_integrate.errors import Invalid


@pytest.mark.parametrize(
    ("named", "socket"),
    [
        ("", "/run/docker.sock"),
        ("unix:///var/run/docker.sock", "/var/run/docker.sock"),
        ("unix:///srv/d.sock", "/srv/d.sock"),
    ],
)
def test_the_engines_socket(monkeypatch: pytest.MonkeyPatch, named: str, socket: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", named)
    assert paths.docker_socket() == Path(socket)


@pytest.mark.parametrize(
    "named", ["tcp://192.0.2.1:2375", "ssh://host", "unix://d.sock", "/x", "x"]
)
def test_another_hosts_engine_is_none_of_ours(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", named)
    with pytest.raises(Invalid, match="no Unix socket"):
        paths.docker_socket()
