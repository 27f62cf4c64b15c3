"""One suite of API cases for the IPAM server and for a real Neutron.

``cases/`` has what is asked, a module for each resource; ``answers/`` what a real Neutron 29
answered, with what differs from run to run replaced; ``different.py`` what differs on purpose. The
IPAM server is always compared with the answers, a real Neutron with ``REQUIRE=neutron``; and
``REQUIRE=neutron scripts/test tests/functional/ipam_api --record`` writes the answers anew.
"""
