"""The cases, a module for each resource."""

from __future__ import annotations

from tests.functional.ipam_api.cases import (
    bulks,
    documents,
    floatingips,
    lists,
    networks,
    northbound,
    pages,
    ports,
    ports_wrong,
    routers,
    security_groups,
    security_rules,
    subnets,
    subnets_v6,
    subnets_wrong,
    tags,
)
from tests.functional.ipam_api.steps import Case

MODULES: dict[str, tuple[Case, ...]] = {
    "documents": documents.CASES,
    "networks": networks.CASES,
    "subnets": subnets.CASES,
    "subnets_v6": subnets_v6.CASES,
    "subnets_wrong": subnets_wrong.CASES,
    "ports": ports.CASES,
    "ports_wrong": ports_wrong.CASES,
    "bulks": bulks.CASES,
    "lists": lists.CASES,
    "pages": pages.CASES,
    "tags": tags.CASES,
    "security_groups": security_groups.CASES,
    "security_rules": security_rules.CASES,
    "routers": routers.CASES,
    "floatingips": floatingips.CASES,
    "northbound": northbound.CASES,
}
