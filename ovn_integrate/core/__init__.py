"""What any front end needs on this host, by way of Neutron and Open vSwitch."""
