"""How this host stands in its network, at one glance."""

from __future__ import annotations

from typing import Any

from ovn_integrate.checks import certificates, services, southbound, vms
from ovn_integrate.checks.facts import Facts
from ovn_integrate.errors import Error
from ovn_integrate.host import bridge, controller
from ovn_integrate.host.packet_filter.published import ENDPOINT
from ovn_integrate.ovsdb import split_remotes

_SILENT = "does not answer"

Answer = dict[str, Any]


def describe(facts: Facts) -> Answer:
    """This chassis, the servers that it needs, the others and the tunnels to them.

    What is wrong stands under ``problems``, a line for each.

    :raises DatabaseUnavailable: Open vSwitch does not answer.
    """
    now = facts.settings
    answer: Answer = {
        "chassis": now.system_id or "",
        "tunnel endpoints": list(now.encap_ips),
        "encap types": list(now.encap_types),
        "registered": _registered(facts),
        "controller": controller.connection_status(),
        "remotes": [_remote(facts, one) for one in split_remotes(now.remote or "")],
        "ipam": [_ipam(facts, url) for url in now.ipam_urls],
        "driver": _driver(),
        "certificates": certificates.describe(facts),
        "endpoints": sum(ENDPOINT in row.external_ids for row in facts.interfaces()),
        "vms without interface": _vms(facts),
        "others": _others(facts),
    }
    return {**answer, "problems": _problems(answer)}


def _registered(facts: Facts) -> bool:
    try:
        return controller.complete(facts.southbound, facts.settings)
    except Error:
        return False


def _remote(facts: Facts, remote: str) -> Answer:
    found = southbound.member(facts, remote)
    if found is None:
        return {"remote": remote, "state": _SILENT}
    if found.model == "standalone":
        return {"remote": remote, "state": "answers"}
    if not found.connected:
        return {"remote": remote, "state": "has lost the cluster"}
    return {"remote": remote, "state": "leads" if found.leader else "follows"}


def _ipam(facts: Facts, url: str) -> Answer:
    answers = services.ipam_answers(facts, url)
    return {"url": url, "state": "answers" if answers else _SILENT}


def _driver() -> str:
    status = services.driver_status()
    if status is None:
        return "not running"
    return "serves" if status == 200 else f"refuses Docker with status {status}"


def _vms(facts: Facts) -> list[str]:
    """Their ports; that is no problem of this host: a VM may just not run."""
    try:
        return vms.absent(facts)
    except Error:
        return []


def _others(facts: Facts) -> list[Answer]:
    """The other chassis; without the Southbound database those that there are tunnels to."""
    made = {one["chassis"]: one for one in bridge.tunnels(facts.host)}
    try:
        hosts = {row.name: row.hostname for row in facts.others()}
    except Error:
        hosts = dict.fromkeys(made, "")
    none = {"type": "", "remote_ip": "", "state": "no tunnel"}
    return [
        {"chassis": name, "hostname": host, **{key: made.get(name, none)[key] for key in none}}
        for name, host in sorted(hosts.items(), key=lambda pair: pair[1])
    ]


def _problems(answer: Answer) -> list[str]:
    found = [] if answer["registered"] else ["this chassis is not registered as it is set"]
    if answer["controller"] != "connected":
        found.append(f"ovn-controller: {answer['controller']}")
    if answer["driver"].startswith("refuses"):
        found.append(f"driver: {answer['driver']}")
    bad = (_SILENT, "has lost the cluster")
    found += [
        f"{one['remote']}: {one['state']}" for one in answer["remotes"] if one["state"] in bad
    ]
    found += [f"{one['url']}: {one['state']}" for one in answer["ipam"] if one["state"] in bad]
    found += [f"{one['file']}: {one['state']}" for one in answer["certificates"] if one["days"] < 0]
    found += [
        f"tunnel to {one['hostname'] or one['chassis']}: {one['state']}"
        for one in answer["others"]
        if one["state"] != "up"
    ]
    return found
