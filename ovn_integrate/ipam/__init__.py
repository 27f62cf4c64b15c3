"""The embedded IPAM server: a part of Neutron's v2.0 API with OVN Northbound as its only store.

From the inside out: ``allocate`` (which address) and ``neutron_errors`` (the errors in Neutron's
words); the models in ``resources`` (what there is); ``plan`` (what is known, whose it is, and what
one request adds to it); ``resources`` (for each kind of thing the rules, how it stands in NB, and
what a request may say); ``permit`` (who may do what); ``engine`` (the database, the verbs and
lists); ``audit`` (what contradicts itself in NB, and its repair); ``http`` (the API, its documents,
who asks, and what an operator sees of it).
"""
