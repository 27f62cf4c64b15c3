"""A container network as the driver knows it: options, and its logical network."""
