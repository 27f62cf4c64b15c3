"""OVN central and the IPAM server by TLS: their certificates, and who is let in.

Northbound takes clients that the authority of the servers signed, which no host is; Southbound
takes chassis too, each of which may write only what is its own.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from ovn_integrate import ovsdb, paths
from ovn_integrate.errors import NotConfigured, NotPermitted
from ovn_integrate.host import addresses, central, credentials
from ovn_integrate.host.credentials import Credentials
from ovn_integrate.ovsdb import NB, SB, Session
from ovn_integrate.pki import x509
from ovn_integrate.pki.authority import Authority, due

_HERE = ("127.0.0.1", "::1", "localhost")


def ready(hosts: Sequence[str]) -> bool:
    """Whether there are an authority and a server's certificate for these addresses, not due."""
    authority = Authority(paths.pki())
    if not (authority.made and authority.server.exists()):
        return False
    now = x509.read(authority.server)
    return set(hosts) <= set(now.addresses) and not due(now)


def make(
    hosts: Sequence[str],
    *,
    anew: bool = False,
    enter: Callable[[x509.Certificate], object] | None = None,
) -> bool:
    """Have them; whether anything had to be made.

    :param anew: have a new certificate of the servers, also when the one that is there is not due.
    :param enter: writes that one down before it is used; without it the IPAM server does so, when
        it sees it.
    """
    authority, name = Authority(paths.pki()), host_name()
    made = authority.make(name)
    return authority.serve(name, [*hosts, *_HERE, name], anew=anew, enter=enter) or made


def fingerprint() -> str | None:
    """Of the authority of this host; None where it has none.

    :raises NotPermitted: this user may not look.
    """
    authority = Authority(paths.pki())
    try:
        return authority.fingerprint() if authority.made else None
    except PermissionError as error:
        raise NotPermitted(str(error.filename), "cannot be read", "run it with sudo") from None


def own() -> Credentials:
    """With which a server, or an administrator on the central host, is a client of the others."""
    authority = Authority(paths.pki())
    return Credentials(str(authority.server), str(authority.server), str(authority.certificate))


def shown() -> bool:
    """Whether both databases have these certificates."""
    return all(_of_database(*one) == wanted for one, wanted in _databases())


def show(timeout: float) -> bool:
    """Have both databases use these certificates; whether anything had to change."""
    changed = []
    for (remote, name, table), wanted in _databases():
        with _open(remote(), name, table, timeout) as session:
            changed.append(credentials.write(session, table, wanted))
    present()
    return any(changed)


def present() -> None:
    """Have this process show databases the certificate of this host's servers, if there is one."""
    if Authority(paths.pki()).server.exists():
        mine = own()
        ovsdb.present(mine.private_key, mine.certificate, mine.ca_cert)


def ipam_files() -> dict[str, str]:
    """The files with which ``ipam start`` serves by TLS, by the names of its options."""
    authority = Authority(paths.pki())
    server = str(authority.server)
    clients = str(authority.clients)
    return {"certificate": server, "private_key": server, "ca_certificate": clients}


def ipam_options() -> list[str]:
    """The same as words."""
    named = ipam_files().items()
    return [word for name, file in named for word in (f"--{name.replace('_', '-')}", file)]


def ipam_address() -> str:
    """Where the IPAM server of this host is unless told otherwise: beside Southbound, or else at
    the address by which this host speaks to others.

    :raises NotConfigured: Southbound does not run here, so nobody knows.
    """
    if not central.running():
        raise NotConfigured(
            "OVN central", "is not running on this host", "ovn-integrate central start"
        )
    return next(iter(addresses.beyond(central.listen_hosts())), "") or addresses.default()


def host_name() -> str:
    """The name of this host, as certificates and tokens have it."""
    return socket.gethostname()


_Database = tuple[Callable[[], str], str, str]


def _databases() -> list[tuple[_Database, Credentials]]:
    mine = own()
    clients = str(Authority(paths.pki()).clients)
    southbound = Credentials(mine.private_key, mine.certificate, clients)
    return [
        ((paths.nb_remote, NB, "NB_Global"), mine),
        ((paths.sb_remote, SB, "SB_Global"), southbound),
    ]


def _of_database(remote: Callable[[], str], name: str, table: str) -> Credentials | None:
    with _open(remote(), name, table, 2.0) as session:
        return credentials.of(session.rows(table)[0])


def _open(remote: str, name: str, table: str, timeout: float) -> Session:
    tables = {table: ["ssl"], credentials.TABLE: credentials.COLUMNS}
    # This host's own, which need not be the leader of its cluster.
    return Session.open(remote, name, tables, timeout=timeout, any_member=True)
