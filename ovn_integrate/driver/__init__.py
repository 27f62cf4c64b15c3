"""The Docker network driver: libnetwork's remote driver protocol in front of Neutron and OVS."""
