"""Thousands of containers that come and go, and what the servers need for it over time."""
