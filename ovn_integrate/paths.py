"""Every path, socket and port number that the program uses.

OVS and OVN let their folders be moved by the environment (``OVS_RUNDIR`` and so on, see
ovs-appctl(8)); the same variables are honoured here, so that a private tree of daemons works.
"""

from __future__ import annotations

import os
from pathlib import Path

from ovn_integrate.errors import Invalid

NB_PORT = 6641
SB_PORT = 6642
IPAM_PORT = 9696

MODULES = Path("/sys/module")
LINKS = Path("/sys/class/net")
SNMP = Path("/proc/net/snmp")
SNMP6 = Path("/proc/net/snmp6")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROCESSES = Path("/proc")
NETWORKD_LINKS = Path("/run/systemd/netif/links")
NETWORKMANAGER_LINKS = Path("/run/NetworkManager/devices")
SYSTEMD_RUNNING = Path("/run/systemd/system")
JOURNAL_SOCKET = Path("/run/systemd/journal/socket")
OVS_SCRIPTS = Path("/usr/share/openvswitch/scripts")
OVN_SCRIPTS = Path("/usr/share/ovn/scripts")


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or default)


def ovs_rundir() -> Path:
    """The run folder of Open vSwitch: sockets and pid files."""
    return _folder("OVS_RUNDIR", "/var/run/openvswitch")


def management(bridge: str) -> Path:
    """The management socket of a bridge, on which it speaks OpenFlow."""
    return ovs_rundir() / f"{bridge}.mgmt"


def ovs_logdir() -> Path:
    """The log folder of Open vSwitch."""
    return _folder("OVS_LOGDIR", "/var/log/openvswitch")


def ovs_sysconfdir() -> Path:
    """The configuration folder of Open vSwitch."""
    return _folder("OVS_SYSCONFDIR", "/etc") / "openvswitch"


def ovn_rundir() -> Path:
    """The run folder of OVN."""
    return _folder("OVN_RUNDIR", "/var/run/ovn")


def host_remote() -> str:
    """The remote of the host's Open_vSwitch database."""
    return f"unix:{ovs_rundir()}/db.sock"


def ovn_logdir() -> Path:
    """The log folder of OVN."""
    return _folder("OVN_LOGDIR", "/var/log/ovn")


def ovn_dbdir() -> Path:
    """The folder of OVN's databases."""
    return _folder("OVN_DBDIR", "/var/lib/ovn")


def nb_remote() -> str:
    """The local remote of OVN Northbound, on the host where it runs."""
    return f"unix:{ovn_rundir()}/ovnnb_db.sock"


def sb_remote() -> str:
    """The local remote of OVN Southbound, on the host where it runs."""
    return f"unix:{ovn_rundir()}/ovnsb_db.sock"


def rundir() -> Path:
    """This program's own run folder: pid files and sockets of its servers."""
    return _folder("OVN_INTEGRATE_RUNDIR", "/run/ovn-integrate")


def logdir() -> Path:
    """This program's own log folder."""
    return _folder("OVN_INTEGRATE_LOGDIR", "/var/log/ovn-integrate")


def sysconfdir() -> Path:
    """This program's own configuration, which holds secrets."""
    return _folder("OVN_INTEGRATE_SYSCONFDIR", "/etc/ovn-integrate")


def pki() -> Path:
    """The folder of this host's keys and certificates, and on the central one of the authority."""
    return sysconfdir() / "pki"


def tokens() -> Path:
    """The hashes of the tokens that the IPAM server takes."""
    return sysconfdir() / "tokens.json"


def pidfile(server: str) -> Path:
    """The pid file of one of this program's servers (``ipam`` or ``driver``)."""
    return rundir() / f"{server}.pid"


def logfile(server: str) -> Path:
    """The log of one of this program's servers when it is detached."""
    return logdir() / f"{server}.log"


def audit_log(server: str = "") -> Path:
    """The audit log, where it does not go to the journal.

    :param server: whose own it is, in a folder that its user may write to.
    """
    return logdir() / server / "audit.log"


def signer_socket() -> Path:
    """Where the signer is asked, by the IPAM server of this host."""
    return rundir() / "signer.sock"


def prepared() -> Path:
    """What root found out for the IPAM server, which is not root."""
    return rundir() / "ipam.json"


def nics_state() -> Path:
    """What NICs had before they were put into bridges, until that is confirmed."""
    return rundir() / "nics.json"


def etc() -> Path:
    """Where the host's network configuration lies."""
    return _folder("OVN_INTEGRATE_ETC", "/etc")


def ipv4_sysctl() -> Path:
    """The kernel's parameters of IPv4 in this network namespace (ip-sysctl): where /proc/sys may
    only be read, as in Docker's managed plugins, another place of the same."""
    return _folder("OVN_INTEGRATE_IPV4_SYSCTL", "/proc/sys/net/ipv4")


def ipv6_sysctl() -> Path:
    """The kernel's parameters of IPv6 in this network namespace; missing where it has none."""
    return Path("/proc/sys/net/ipv6")


def plugin_socket() -> Path:
    """Where Docker looks for the driver ``openvswitch`` (docker/cli docs/extend/plugin_api.md)."""
    return _folder("OVN_INTEGRATE_PLUGIN_DIR", "/run/docker/plugins") / "openvswitch.sock"


def docker_socket() -> Path:
    """The API socket of the host's Docker engine, which ``DOCKER_HOST`` may name as in docker(1).

    :raises Invalid: it names what is no Unix socket: another host's engine knows nothing of the
        endpoints here.
    """
    named = os.environ.get("DOCKER_HOST") or "unix:///run/docker.sock"
    scheme, _, path = named.partition("://")
    if scheme != "unix" or not path.startswith("/"):
        raise Invalid(
            f"DOCKER_HOST={named}",
            "is no Unix socket of this host's engine",
            "unix:///run/docker.sock, or none",
        )
    return Path(path)
