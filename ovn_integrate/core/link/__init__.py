"""An endpoint's link on this host: a veth pair, and a port on the integration bridge."""
