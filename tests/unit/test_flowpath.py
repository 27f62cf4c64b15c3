"""What is read out of ovn-trace and ofproto/trace, as OVN 23.03 and OVS 3.1 print it."""

from __future__ import annotations

from ovn_integrate.checks import flowpath

DROPPED = """\
# tcp,reg14=0x1,vlan_tci=0x0000,nw_src=192.168.8.2,nw_dst=192.168.8.3,tp_dst=81

ingress(dp="neutron-6a75", inport="f95a")
-----------------------------------------
 0. ls_in_check_port_sec (northd.c:8432): 1, priority 50, uuid a8265454
    reg0[15] = check_in_port_sec();
    next;
 6. ls_in_pre_stateful (northd.c:6140): reg0[0] == 1, priority 100, uuid 15963852
    ct_next;

ct_next(ct_state=new|trk)
-------------------------
 7. ls_in_acl_hint (northd.c:6190): ct.new && !ct.est, priority 7, uuid b2bbae13
    next;
 8. ls_in_acl (northd.c:6445): reg0[7] == 1 && (inport == @pg_94c7 && ip4), priority 2002, uuid 19
    reg0[1] = 1;
    next;
25. ls_in_l2_lkup (northd.c:9122): eth.dst == 02:42:75:ed:5d:c0, priority 50, uuid a085f739
    outport = "9903";
    output;

egress(dp="neutron-6a75", inport="f95a", outport="9903")
--------------------------------------------------------
 4. ls_out_acl (northd.c:6543): (outport == @neutron_pg_drop && ip), priority 2000, uuid 66
    drop;
"""

ROUTED = """\
ingress(dp="neutron-69e2", inport="lrp-8121")
---------------------------------------------
13. lr_in_ip_routing (northd.c:10388): reg7 == 0 && ip4.dst == 0.0.0.0/0, priority 1, uuid 64758e2e
    ip.ttl--;
    reg0 = 100.64.0.1;
    reg1 = 100.64.0.2;
    next;
17. lr_in_arp_resolve (northd.c:12250): ip4, priority 1, uuid 7878cf8b
    /* No MAC binding. */
    next;

egress(dp="neutron-69e2", inport="lrp-8121", outport="lrp-cbee")
----------------------------------------------------------------
 3. lr_out_snat (northd.c:14030): ip && ip4.src == 192.168.7.0/24, priority 153, uuid 0e4b
    ct_snat_in_czone(100.64.0.2);
 6. lr_out_delivery (northd.c:12995): outport == "lrp-cbee", priority 100, uuid c418bc88
    output;
    /* output to "lrp-cbee", type "patch" */

ingress(dp="neutron-5503", inport="cbee")
-----------------------------------------
 9. ls_out_apply_port_sec (northd.c:5777): 1, priority 0, uuid 4b834518
    output;
    /* output to "provnet-e0c9", type "localnet" */
"""

PHYSICAL = """\
Flow: tcp,in_port=7

bridge("br-int")
----------------
 0. in_port=7, priority 100, cookie 0x6dd0
    resubmit(,8)
41. priority 0
    ct(table=42,zone=NXM_NX_REG13[0..15])
    -> A clone of the packet is forked to recirculate.

Final flow: unchanged
Megaflow: recirc_id=0
Datapath actions: ct(zone=12),recirc(0x4)

===============================================================================
recirc(0x4) - resume conntrack with ct_state=new|trk
===============================================================================

bridge("br-int")
----------------
    thaw
37. reg15=0x2,metadata=0x3, priority 100
    output:3
     -> output to native tunnel

bridge("br-ex")
---------------
 0. priority 0
    NORMAL
    output:9

Datapath actions: tnl_push(tnl_port(6081),out_port(2)),3
"""


def test_what_a_policy_drops() -> None:
    hops = flowpath.logical(DROPPED)
    assert [hop.kind for hop in hops] == ["datapath", "acl", "acl", "drop"]
    assert (hops[0].where, hops[0].port) == ("neutron-6a75", "f95a")
    assert (hops[-1].stage, hops[-1].uuid) == ("ls_out_acl", "66")


def test_what_a_router_does() -> None:
    hops = flowpath.logical(ROUTED)
    told = [(hop.kind, hop.what) for hop in hops if hop.kind != "datapath"]
    assert told == [
        ("route", "reg7 == 0 && ip4.dst == 0.0.0.0/0 by 100.64.0.1"),
        ("nat", "the source becomes 100.64.0.2"),
        ("output", "patch"),
        ("output", "localnet"),
    ]


NEWER = """\
egress(dp="neutron-6a75", inport="f95a", outport="9903")
--------------------------------------------------------
 6. ls_out_acl_eval (northd.c:7606): (outport == @neutron_pg_drop && ip), priority 2000, uuid 5f
    reg8[17] = 1;
    next;
 8. ls_out_acl_action (northd.c:7779): reg8[17] == 1, priority 1000, uuid 91ccf1bb
    reg8[16] = 0;
    reg8[17] = 0;
"""


def test_a_policy_of_ovn_26_drops_without_a_word() -> None:
    hops = flowpath.logical(NEWER)
    told = [(hop.kind, hop.stage) for hop in hops]
    assert told == [("acl", "ls_out_acl_eval"), ("drop", "ls_out_acl_action")]


def test_no_match_is_a_drop() -> None:
    (hop,) = flowpath.logical(" 9. ls_in_acl_eval: no match (implicit drop)")
    assert (hop.kind, hop.stage) == ("drop", "ls_in_acl_eval")


def test_what_a_hosts_flows_do() -> None:
    found = flowpath.physical(PHYSICAL, "br-int")
    assert (found.goes, found.outputs, found.asks) == (True, (3,), False)


def test_what_a_hosts_flows_drop() -> None:
    text = 'bridge("br-int")\n 0. dl_src=02:00, priority 9\n    drop\nDatapath actions: drop\n'
    found = flowpath.physical(text, "br-int")
    assert (found.goes, found.dropped) == (False, "table 0: dl_src=02:00, priority 9")
    asked = text.replace("drop\nData", "controller(userdata=00)\nData")
    assert flowpath.physical(asked, "br-int").goes
