"""Tests of the network between two chassis."""
