"""A client of Neutron's v2.0 API, of this program's IPAM server or a real Neutron."""
