"""Docker's remote driver and remote IPAM protocols (libnetwork), in front of the core."""
