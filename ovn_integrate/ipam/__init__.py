"""The embedded IPAM server: a part of Neutron's v2.0 API with OVN Northbound as its only store.

From the inside out: ``model`` (what there is), ``allocate`` (which address), ``rows`` (how it
stands in NB), ``index`` and ``draft`` (what is known, and what one change adds to it), ``store``
(the database), ``networks``, ``subnets``, ``ports``, ``routers`` and ``floatingips`` (the rules),
``service`` (the verbs), ``bodies``, ``convert`` and ``query`` (what a request may say),
``documents``, ``api`` and ``server`` (HTTP), ``watched``, ``accesslog``, ``metrics`` and ``pages``
(what an operator sees of it). ``l3``, ``l3_rows`` and ``l3_writer`` are what
``model``, ``rows`` and ``store`` are, for routers, ``security_*`` for security groups, and
``subnetpool*`` and ``portforwarding*`` for subnet pools and port forwardings.
``ownership`` has whose things are, ``leaving`` and ``heritage`` who else they become, and
``permit*`` who may do what. ``neutron_errors`` has the errors in Neutron's words.
"""
