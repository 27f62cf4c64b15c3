"""Figures of libnetwork drivers on OVN: this project's, the one that OVN ships, and the floor.

`scripts/bench` runs it. Each contender gets a host of its own (a lab host: namespaces with their
own Open vSwitch, OVN and databases), so that none works off the others' changes, and all take
turns round by round, so that the noise of the machine falls on all of them.

- `arena`: the hosts and what runs in them; `worker`: the part inside a host, told what to do.
- `client`: libnetwork's side of the protocol; `load`: lives of endpoints, 1 or 8 at a time.
- `ready`: sees when OVN has installed an endpoint; `jsonrpc`: OVSDB without a library.
- `floor`: the same work, raw; `shipped`: OVN's own driver, mended; `northbound`: thousands of
  ports; `verbs`: whole commands; `stats`, `goals`, `report`: what comes out.
- `ipam`: the IPAM server by itself, beside a Neutron that runs; `neutron`: ports by its API;
  `crowd`: thousands of ports as the server writes them.
"""
