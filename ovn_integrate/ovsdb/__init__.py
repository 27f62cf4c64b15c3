"""One connection to one OVSDB database (RFC 7047), with deadlines.

The ``ovs`` package's IDL keeps the connection and asks for the columns that are wanted. This one
is its only user. The replica and the transactions are its own, in plain values (``column``), and so
without the IDL's sharp edges: a call that blocks without a timeout, a value of a wrong type that is
logged and dropped, a write of the same value that counts as a change.
"""

from ovn_integrate.ovsdb.change import Change, Result, Row, table_of
from ovn_integrate.ovsdb.schema import TIMEOUT, connect_by, get_schema, present, split_remotes
from ovn_integrate.ovsdb.session import Rejected, Session, Tables

HOST = "Open_vSwitch"
NB = "OVN_Northbound"
SB = "OVN_Southbound"

__all__ = [
    "HOST",
    "NB",
    "SB",
    "TIMEOUT",
    "Change",
    "Rejected",
    "Result",
    "Row",
    "Session",
    "Tables",
    "connect_by",
    "get_schema",
    "present",
    "split_remotes",
    "table_of",
]
