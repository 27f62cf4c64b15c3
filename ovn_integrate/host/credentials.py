"""The host's own key and certificate, as the table SSL of its database names them.

ovn-controller takes them from there (ovs-vswitchd.conf.db(5), SSL), ``ovs-vsctl set-ssl`` writes
the same, and this program uses them for Southbound and the IPAM server.
"""

from __future__ import annotations

import ssl
from dataclasses import asdict, dataclass

from ovn_integrate.errors import NotConfigured
from ovn_integrate.ovsdb import Change, Row, Session

TABLE = "SSL"
COLUMNS = ["private_key", "certificate", "ca_cert"]


@dataclass(frozen=True)
class Credentials:
    """Paths of PEM files, named as the columns of the table SSL are."""

    private_key: str
    certificate: str
    ca_cert: str

    def context(self) -> ssl.SSLContext:
        """For connections to servers that are to be trusted by ``ca_cert``.

        :raises NotConfigured: a file is missing, or does not fit the others.
        """
        if not self.ca_cert:
            # Without any, Python would trust those of the distribution: the web's.
            raise unusable(self, FileNotFoundError("no CA certificate is named"))
        try:
            context = ssl.create_default_context(cafile=self.ca_cert)
            context.load_cert_chain(self.certificate, self.private_key)
        except OSError as error:  # an SSLError is one
            raise unusable(self, error) from None
        return context


def unusable(credentials: Credentials, error: OSError) -> NotConfigured:
    """The error of files that cannot be used."""
    subject = f"{credentials.certificate} with {credentials.ca_cert}"
    return NotConfigured(subject, f"cannot be used ({error})", "ovn-integrate join TOKEN")


def of(root: Row) -> Credentials | None:
    """What the row of Open_vSwitch has; None when it has nothing, or was not asked for it."""
    rows = getattr(root, "ssl", None) or []
    return Credentials(*(getattr(rows[0], column) for column in COLUMNS)) if rows else None


def write(session: Session, root: str, credentials: Credentials | None) -> bool:
    """Set or unset them; whether anything had to change.

    :param root: the table with the one row that refers to SSL: Open_vSwitch, NB_Global, SB_Global.
    """

    def change(draft: Change) -> None:
        row = next(iter(draft.rows(root)))
        if of(row) == credentials:
            return
        made = [draft.insert(TABLE, **asdict(credentials))] if credentials is not None else []
        draft.set(row, ssl=made)

    return session.transact(change, "certificates").changed
