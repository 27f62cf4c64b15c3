"""Certificates: an authority on the central host, and what it signs.

There are two certification authorities. What *central* signs is a server of OVN central, trusted
by every host, and let into Northbound; what *hosts* signs is a chassis, and may come to Southbound
and to the IPAM server only. One for both would open Northbound, which has no roles (ovn-nb(5)), to
every host. An organizational unit (OU) names the role, the common name (CN) who has it: OVN's
role-based access control compares it with the name of the chassis (ovn-sb(5), RBAC).

A key and its certificate are one file: two could be read one old and one new while they are
replaced. Open vSwitch, Python's ssl and requests all take one file for both.
"""
