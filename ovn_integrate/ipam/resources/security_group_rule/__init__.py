"""The rules of security groups."""
