"""The managed plugin says what Docker needs of it, and starts a verb that there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ovn_integrate import paths
from ovn_integrate.cli.driver import start

FOLDER = Path(__file__).parents[2] / "scripts" / "docker-plugin"
CONFIG: dict[str, Any] = json.loads((FOLDER / "config.json").read_text())
ENTRYPOINT = (FOLDER / "entrypoint").read_text()


def test_its_socket_is_where_the_driver_listens_and_serves_both_protocols() -> None:
    interface = CONFIG["Interface"]
    assert interface["Socket"] == paths.plugin_socket().name
    assert set(interface["Types"]) == {"docker.networkdriver/1.0", "docker.ipamdriver/1.0"}


def test_it_is_on_the_hosts_network_and_may_do_no_more_than_change_that() -> None:
    assert CONFIG["Network"]["Type"] == "host"
    assert CONFIG["Linux"] == {"Capabilities": ["CAP_NET_ADMIN"]}


def test_it_sees_what_the_driver_asks() -> None:
    mounts = {one["Destination"]: one for one in CONFIG["Mounts"]}
    # The rest is mounted below.
    assert next(iter(mounts)) == "/run"
    assert mounts["/run"]["Type"] == "tmpfs"
    assert paths.host_remote() == "unix:/var/run/openvswitch/db.sock"  # /var/run leads to /run
    assert mounts["/run/openvswitch"]["Source"] == "/run/openvswitch"
    assert mounts[str(paths.docker_socket())]["Settable"] == ["source"]
    places = {one["Name"]: one["Value"] for one in CONFIG["Env"]}
    place = mounts[places["OVN_INTEGRATE_IPV4_SYSCTL"]]
    assert place["Source"] == str(paths.ipv4_sysctl())


def test_what_can_be_set_are_options_of_the_verb() -> None:
    settable = {one["Name"] for one in CONFIG["Env"] if one.get("Settable")}
    assert set(re.findall(r'"\$(\w+)"', ENTRYPOINT)) == settable
    options = {word for option in start.params for word in option.opts}
    used = set(re.findall(r"--[\w-]+", ENTRYPOINT))
    assert used <= options
    assert {f"--{name.lower().replace('_', '-')}" for name in settable} <= used
