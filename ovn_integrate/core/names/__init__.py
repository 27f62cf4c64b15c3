"""The names of containers, for the DNS of OVN."""
