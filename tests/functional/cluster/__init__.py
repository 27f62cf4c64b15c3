"""Several IPAM servers over a raft cluster of Northbound."""
