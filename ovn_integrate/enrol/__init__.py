"""How a host comes to its certificate: what the central host answers, and what a host asks.

A host that joins knows from its token the fingerprint of the central host's authority, and asks for
that by HTTPS with nothing verified; what it is given counts if it has that fingerprint, and all
that follows is verified by it. The private key is made on the host and never leaves it.
"""
