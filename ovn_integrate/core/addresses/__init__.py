"""Pools, and addresses that are reserved for endpoints, gateways and DNS."""
