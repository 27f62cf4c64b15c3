"""Clients of what others serve: Neutron's API, and the Docker engine's."""
