"""A client of the Docker engine's HTTP API on this host."""
