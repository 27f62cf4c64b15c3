"""Which containers of a network may reach each other: security groups in Neutron."""
