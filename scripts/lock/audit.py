#!/usr/bin/env python3
"""Holds what scripts/lock pins against known advisories. What scripts/audit starts; see there."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version

LOCK = Path(__file__).parent
RECORD = LOCK / "advisories.json"
NAMES = ("build", "program", "dev", "tools")

_PIN = re.compile(r"^([a-z0-9-]+)==([^\s;]+)", re.MULTILINE)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", type=Path, metavar="CHECKOUT")
    given = parser.parse_args()
    if given.record:
        RECORD.write_text(json.dumps(recorded(given.record), indent=1, sort_keys=True) + "\n")
    record = json.loads(RECORD.read_text())
    pinned = sorted({pin for name in NAMES for pin in pins((LOCK / f"{name}.txt").read_text())})
    hits = list(findings(pinned, record))
    for line in hits:
        print(line, file=sys.stderr)
    unknown = sorted({name for name, _ in pinned} - set(record["packages"]))
    for name in unknown:
        print(f"{name}: not in the record; scripts/audit --record CHECKOUT", file=sys.stderr)
    print(
        f"{len(pinned)} packages held against the advisories of {record['date']}:"
        f" {len(hits)} known to be vulnerable"
    )
    sys.exit(1 if hits or unknown else 0)


def pins(text: str) -> list[tuple[str, str]]:
    """Returns the names and versions in a lock."""
    return _PIN.findall(text)


def findings(pinned: list[tuple[str, str]], record: dict[str, Any]) -> Iterator[str]:
    """Yields a line for each advisory that a pinned version falls under."""
    for name, version in pinned:
        for advisory in record["packages"].get(name, ()):
            if affects(advisory, Version(version)):
                ids = ", ".join([advisory["id"], *advisory["aliases"]])
                fixed = [end["fixed"] for _, end in advisory["ranges"] if "fixed" in end]
                hint = f"; mended in {', '.join(fixed)}" if fixed else ""
                yield f"{name} {version}: {ids}{hint}"


def affects(advisory: dict[str, Any], version: Version) -> bool:
    """Tells whether a version is listed, or lies in a range.

    A range is where it begins, and the first version that is mended or the last that is not; one
    without an end goes on.
    """
    if str(version) in advisory["versions"]:
        return True
    for start, end in advisory["ranges"]:
        after = start == "0" or version >= Version(start)
        below = "fixed" not in end or version < Version(end["fixed"])
        within = "last_affected" not in end or version <= Version(end["last_affected"])
        if after and below and within:
            return True
    return False


def recorded(checkout: Path) -> dict[str, Any]:
    """Returns the record: what a checkout of the advisory database has of the pinned names."""
    git = ("git", "-C", str(checkout), "log", "-1", "--format=%H %cs")
    commit, date = subprocess.run(git, capture_output=True, text=True, check=True).stdout.split()
    names = sorted({name for lock in NAMES for name, _ in pins((LOCK / f"{lock}.txt").read_text())})
    packages = {}
    for name in names:
        files = sorted((checkout / "vulns" / name).glob("*.yaml"))
        documents = [yaml.safe_load(file.read_text()) for file in files]
        packages[name] = [
            entry
            for document in documents
            if not document.get("withdrawn")
            for entry in entries(document, name)
        ]
    return {
        "source": "PyPA Advisory Database (CC-BY-4.0), ids and versions only",
        "commit": commit,
        "date": date,
        "packages": packages,
    }


def entries(document: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Yields of an advisory (OSV format) what it says about a package's versions."""
    for affected in document["affected"]:
        if affected["package"]["name"].lower() != name:
            continue
        ranges = [
            pair
            for each in affected.get("ranges", ())
            if each["type"] == "ECOSYSTEM"
            for pair in spans(each["events"])
        ]
        yield {
            "id": document["id"],
            "aliases": sorted(document.get("aliases", ())),
            "ranges": ranges,
            # The list repeats what the ranges say, where there are some.
            "versions": [] if ranges else affected.get("versions", []),
        }


def spans(events: list[dict[str, str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields where each range begins, and its end."""
    start = None
    for event in events:
        if "introduced" in event:
            if start is not None:
                yield start, {}
            start = event["introduced"]
        elif start is not None and ("fixed" in event or "last_affected" in event):
            yield start, dict(event)
            start = None
    if start is not None:
        yield start, {}


if __name__ == "__main__":
    main()
