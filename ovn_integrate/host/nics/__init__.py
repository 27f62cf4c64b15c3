"""NICs into bridges of Open vSwitch and out of them, with all that the host has on them."""
