"""Make a plain Linux host an OVN chassis, and give Docker a network driver on OVN."""

__version__ = "0.1.0"
