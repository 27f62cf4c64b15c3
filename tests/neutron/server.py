"""A real Neutron (ML2/OVN, without Keystone) on a Northbound and a Southbound that run already."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

from ovn_integrate import servers
from tests.neutron.installed import Installed
from tests.neutron.mariadb import MariaDb

_TIMEOUT = 120.0

# `fake://` stands for RabbitMQ. The quotas are of a project; the tests have one for all they make.
# Without a domain of its own Neutron drops every dns_name without a word.
_NEUTRON = """
[DEFAULT]
auth_strategy = noauth
core_plugin = ml2
service_plugins = ovn-router,port_forwarding
api_paste_config = {paste}
state_path = {state}
transport_url = fake://
notify_nova_on_port_status_changes = False
notify_nova_on_port_data_changes = False
log_file = {state}/neutron.log
use_stderr = False
dns_domain = example.org.
[database]
connection = {database}
[oslo_policy]
policy_file = {policy}
[oslo_concurrency]
lock_path = {state}/lock
[quotas]
default_quota = -1
quota_network = -1
quota_subnet = -1
quota_port = -1
quota_router = -1
quota_floatingip = -1
quota_security_group = -1
quota_security_group_rule = -1
"""
# Otherwise binding:profile is for who has the role "service", and without Keystone nobody has.
_POLICY = """
"create_port:binding:profile": "@"
"update_port:binding:profile": "@"
"""
# What DHCP names as a server where a subnet names none would be this machine's own.
_ML2 = """
[ml2]
type_drivers = local,flat,vlan,geneve
project_network_types = geneve
mechanism_drivers = ovn
extension_drivers = port_security,dns
[ml2_type_geneve]
vni_ranges = 1:65536
max_header_size = 38
[ml2_type_flat]
flat_networks = ovn-gw
[securitygroup]
enable_security_group = True
[ovn]
ovn_nb_connection = {nb}
ovn_sb_connection = {sb}
ovn_metadata_enabled = False
dns_servers = 192.0.2.53
enable_distributed_floating_ip = True
"""
_UWSGI = """
[uwsgi]
module = neutron.wsgi.api:application
virtualenv = {venv}
http-socket = {bind}
master = true
processes = 1
threads = 4
enable-threads = true
lazy-apps = true
die-on-term = true
buffer-size = 65535
start-time = %t
add-header = Connection: close
"""


class Neutron:
    """One Neutron with its MariaDB, in a folder of its own.

    :param bind: ``HOST:PORT``, or the path of a Unix socket.
    :param nb: the remote of OVN Northbound; ``sb`` of Southbound.
    """

    def __init__(self, made: Installed, folder: Path, *, bind: str, nb: str, sb: str) -> None:
        self._made = made
        self._folder = folder
        self.bind = f"unix:{bind}" if bind.startswith("/") else bind
        self._nb, self._sb = nb, sb
        self._database = MariaDb(made.mariadb, folder / "data")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; return when it answers."""
        shutil.copytree(self._made.data, self._folder / "data")
        self._database.start()
        state = self._folder / "state"
        state.mkdir()
        self._configure(state)
        with (state / "out").open("wb") as log:
            self._process = subprocess.Popen(
                [self._made.bin / "pyuwsgi", "--ini", str(self._folder / "uwsgi.ini")],
                env={
                    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                    "TMPDIR": str(state),
                    "OS_NEUTRON_CONFIG_DIR": str(self._folder),
                    "OS_NEUTRON_CONFIG_FILES": "neutron.conf;ml2.ini",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _TIMEOUT
        while servers.ask(self.bind, "GET", "/v2.0/networks?fields=id", 60) != 200:
            assert self._process.poll() is None, (state / "out").read_text()[-3000:]
            assert time.monotonic() < deadline, "Neutron does not answer"

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_TIMEOUT)
            self._process = None
        self._database.stop()

    def _configure(self, state: Path) -> None:
        facts = {
            "paste": self._made.paste,
            "state": state,
            "policy": self._folder / "policy.yaml",
            "database": self._database.url("neutron"),
            "nb": self._nb,
            "sb": self._sb,
            "venv": self._made.bin.parent,
            "bind": self.bind.removeprefix("unix:"),
        }
        (self._folder / "policy.yaml").write_text(_POLICY)
        for name, text in (("neutron.conf", _NEUTRON), ("ml2.ini", _ML2), ("uwsgi.ini", _UWSGI)):
            (self._folder / name).write_text(text.format(**facts))
