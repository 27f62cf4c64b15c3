"""This host as an OVN chassis: its settings, bridge, controller and, where asked, OVN central."""
