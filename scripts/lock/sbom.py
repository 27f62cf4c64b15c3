#!/usr/bin/env python3
"""Writes a bill of materials: what is installed in a folder of Python packages, and if it is asked
for the Debian packages of a root file system, as CycloneDX 1.6 in JSON, on standard output.

    sbom.py --version VERSION [--lock FILE] [--debian ROOT] FOLDER

The same packages give the same text, byte by byte: it names neither a time nor a place. Nothing but
the standard library is used, so that an image's own Python can run it.
"""

from __future__ import annotations

import argparse
import email.parser
import json
import re
import sys
import uuid
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

PROGRAM = "ovn-integrate"

_PIN = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_SEPARATORS = re.compile(r"[-_.]+")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", required=True, help="the program's")
    parser.add_argument("--lock", type=Path, help="only what this names")
    parser.add_argument("--debian", type=Path, metavar="ROOT")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    distributions = sorted(metadata.distributions(path=[str(given.folder)]), key=_key)
    if given.lock:
        named = set(_PIN.findall(given.lock.read_text()))
        distributions = [each for each in distributions if _key(each) in named]
    if not distributions:
        sys.exit(f"{given.folder}: has no packages")
    debian = list(packages(given.debian)) if given.debian else []
    json.dump(bill(given.version, distributions, debian), sys.stdout, indent=1, sort_keys=True)
    print()


def bill(
    version: str, distributions: Iterable[metadata.Distribution], debian: list[dict[str, Any]]
) -> dict[str, Any]:
    """Returns the document: the components, and which of them needs which."""
    others = {_key(each): each for each in distributions if _key(each) != PROGRAM}
    references = {name: purl(each) for name, each in others.items()}
    program = {
        "type": "application",
        "bom-ref": f"pkg:pypi/{PROGRAM}@{version}",
        "name": PROGRAM,
        "version": version,
        "purl": f"pkg:pypi/{PROGRAM}@{version}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    needs = [
        {"ref": references[name], "dependsOn": sorted(set(needed(each, references)))}
        for name, each in others.items()
    ]
    within = {reference for each in needs for reference in each["dependsOn"]}
    top = sorted(set(references.values()) - within)
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": program},
        "components": [*(component(each) for each in others.values()), *debian],
        "dependencies": [{"ref": program["bom-ref"], "dependsOn": top}, *needs],
    }
    text = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, text)}"
    return document


def component(distribution: metadata.Distribution) -> dict[str, Any]:
    """Returns what the document says about a Python package."""
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl(distribution),
        "name": _key(distribution),
        "version": distribution.version,
        "purl": purl(distribution),
    }
    expression = distribution.metadata.get("License-Expression")
    if expression:
        entry["licenses"] = [{"expression": expression}]
    elif names := _licenses(distribution):
        entry["licenses"] = [{"license": {"name": name}} for name in names]
    return entry


def needed(distribution: metadata.Distribution, references: dict[str, str]) -> Iterator[str]:
    """Yields the references of those that are installed of what a package needs.

    What only an extra asks for is left out, although it may be there for another's sake.
    """
    for line in distribution.requires or ():
        match = _NAME.match(line)
        if match is not None and "extra ==" not in line:
            reference = references.get(_normalized(match[0]))
            if reference is not None:
                yield reference


def packages(root: Path) -> Iterator[dict[str, Any]]:
    """Yields what the document says about each Debian package that is installed in a root."""
    release = (root / "etc" / "os-release").read_text().splitlines()
    values = {key: value.strip('"') for key, _, value in (line.partition("=") for line in release)}
    vendor, codename = values.get("ID", "debian"), values.get("VERSION_CODENAME", "")
    read = email.parser.HeaderParser().parsestr
    paragraphs = map(read, (root / "var/lib/dpkg/status").read_text().split("\n\n"))
    for each in sorted(paragraphs, key=lambda each: (each["Package"] or "", each["Architecture"])):
        if not each["Package"] or not each["Status"].endswith(" installed"):
            continue
        qualifiers = f"arch={each['Architecture']}" + (f"&distro={codename}" if codename else "")
        name, version = quote(each["Package"]), quote(each["Version"])
        reference = f"pkg:deb/{vendor}/{name}@{version}?{qualifiers}"
        yield {
            "type": "library",
            "bom-ref": reference,
            "name": each["Package"],
            "version": each["Version"],
            "purl": reference,
        }


def purl(distribution: metadata.Distribution) -> str:
    """Returns the package URL of a Python package."""
    return f"pkg:pypi/{_key(distribution)}@{quote(distribution.version)}"


def _licenses(distribution: metadata.Distribution) -> list[str]:
    """Returns the names of its licences: by its classifiers, or else its own short word."""
    classifiers = distribution.metadata.get_all("Classifier") or []
    names = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    word = distribution.metadata.get("License") or ""
    return sorted(set(names)) or ([word] if 0 < len(word) < 60 and "\n" not in word else [])


def _key(distribution: metadata.Distribution) -> str:
    return _normalized(distribution.metadata["Name"])


def _normalized(name: str) -> str:
    """Returns a package's name as an index compares it (PEP 503)."""
    return _SEPARATORS.sub("-", name).lower()


if __name__ == "__main__":
    main()
