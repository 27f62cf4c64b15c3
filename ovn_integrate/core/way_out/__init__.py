"""The way out of a logical network: its router, floating addresses, and this host's part."""
