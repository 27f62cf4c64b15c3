"""Endpoints: a port in Neutron, and the link on this host that is bound to it."""
