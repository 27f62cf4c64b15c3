"""The process with the authority's key, apart from the one that reads what strangers send.

It is root's, on a Unix socket that root and the account of the IPAM server may use, and does three
things: it signs for a join token, it signs for who proves to have the key of a certificate that is
good, and it hands out connections to Northbound, whose socket is root's too. It checks
every claim itself: a token against the ledger, a proof against its certificate.
"""
