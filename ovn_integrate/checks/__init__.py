"""What can be wrong with a host, each with how it is found out and what mends it."""
