"""The embedded IPAM server: a part of Neutron's v2.0 API with OVN Northbound as its only store.

From the inside out: ``model`` (what there is), ``allocate`` (which address), ``rows`` (how it
stands in NB), ``index`` and ``draft`` (what is known, and what one change adds to it), ``store``
(the database), ``networks``, ``subnets`` and ``ports`` (the rules), ``service`` (the verbs),
``bodies``, ``convert`` and ``query`` (what a request may say), ``documents``, ``api`` and
``server`` (HTTP). ``faults`` has the errors in Neutron's words. Security groups have modules of
their own at each step, ``security_*``.
"""
