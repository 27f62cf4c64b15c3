"""Port forwardings."""
