"""What the driver and the IPAM server must both know."""
