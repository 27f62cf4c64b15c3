"""The bill of materials, and the check of what is pinned against known advisories."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients import cyclonedx

CHECKOUT = Path(__file__).parents[2]
LOCK = CHECKOUT / "scripts" / "lock"

_VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
print(JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read()) or "valid")
"""


def make(*words: str) -> str:
    """What scripts/make-sbom, or the writer with words of its own, writes."""
    argv = [str(CHECKOUT / "scripts" / "make-sbom")]
    if words:
        argv = [sys.executable, str(LOCK / "sbom.py"), "--version", "1.0", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def schema_says(text: str) -> str:
    """``valid``, or what CycloneDX's own schema has against a bill."""
    argv = [str(cyclonedx()), "-c", _VALIDATE]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr


def install(folder: Path, name: str, *lines: str) -> None:
    """Lay down a package as pip does: what it says about itself."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    head = ("Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *lines)
    (info / "METADATA").write_text("\n".join(head) + "\n")


def needs(bill: dict[str, Any], name: str) -> list[str]:
    """The names of what a component needs, by the bill."""
    named = {each["bom-ref"]: each["name"] for each in bill["components"]}
    named[bill["metadata"]["component"]["bom-ref"]] = "ovn-integrate"
    entries = {named[each["ref"]]: each.get("dependsOn", []) for each in bill["dependencies"]}
    return [named[reference] for reference in entries[name]]


def test_the_bill_has_each_locked_package_and_is_valid() -> None:
    text = make()
    bill = json.loads(text)
    listed = {(each["name"], each["version"]) for each in bill["components"]}
    pins = re.findall(r"^([a-z0-9-]+)==([^\s;]+)( ;)?", (LOCK / "program.txt").read_text(), re.M)
    assert {(name, version) for name, version, marker in pins if not marker} <= listed
    assert listed <= {(name, version) for name, version, _ in pins}
    assert "werkzeug" in needs(bill, "flask")
    assert schema_says(text) == "valid"
    assert make() == text


def test_a_bill_of_a_root_has_its_debian_packages_that_are_installed(tmp_path: Path) -> None:
    packages, root = tmp_path / "site-packages", tmp_path / "root"
    install(packages, "Some.Thing", "Requires-Dist: other_thing>=1", "License: as is")
    install(packages, "other-thing", "License-Expression: MIT", "Requires-Dist: x; extra == 'y'")
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "os-release").write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    (root / "var/lib/dpkg").mkdir(parents=True)
    states = {"libc6": "install ok installed", "gone": "deinstall ok config-files"}
    (root / "var/lib/dpkg/status").write_text(
        "\n".join(
            f"Package: {name}\nStatus: {state}\nArchitecture: amd64\nVersion: 2:1.0+deb12u1\n"
            for name, state in states.items()
        )
    )
    text = make("--debian", str(root), str(packages))
    bill = json.loads(text)
    assert [each["name"] for each in bill["components"]] == ["other-thing", "some-thing", "libc6"]
    (libc,) = (each for each in bill["components"] if each["name"] == "libc6")
    assert libc["purl"] == "pkg:deb/debian/libc6@2%3A1.0%2Bdeb12u1?arch=amd64&distro=bookworm"
    assert needs(bill, "some-thing") == ["other-thing"]
    assert needs(bill, "ovn-integrate") == ["some-thing"]
    assert schema_says(text) == "valid"


def test_a_folder_without_packages_has_no_bill(tmp_path: Path) -> None:
    argv = [sys.executable, str(LOCK / "sbom.py"), "--version", "1.0", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{tmp_path}: has no packages\n"


def audit(tmp_path: Path, *pins: str) -> subprocess.CompletedProcess[str]:
    """Run the check on a lock of its own, with the record of the checkout."""
    for name in ("audit.py", "advisories.json"):
        shutil.copy(LOCK / name, tmp_path)
    for name in ("build", "program", "dev", "tools"):
        (tmp_path / f"{name}.txt").write_text("".join(f"{pin} \\\n    --hash=x\n" for pin in pins))
    argv = [sys.executable, str(tmp_path / "audit.py")]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_nothing_that_is_pinned_is_known_to_be_vulnerable() -> None:
    done = subprocess.run(
        [str(CHECKOUT / "scripts" / "audit")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("pin", "known"),
    [
        ("requests==2.30.0", "PYSEC-2023-74"),
        ("requests==2.31.0", None),
        ("certifi==2022.12.7", "PYSEC-2023-135"),
        ("certifi==2022.9.24", "PYSEC-2022-42986"),
        ("werkzeug==2.3.7", "PYSEC-2023-221"),
        # Of two ranges the later one.
        ("urllib3==2.0.5", "PYSEC-2023-192"),
        ("urllib3==1.26.17", "PYSEC-2023-212"),
    ],
)
def test_an_old_version_is_known(tmp_path: Path, pin: str, known: str | None) -> None:
    done = audit(tmp_path, pin)
    assert done.returncode == (1 if known else 0), done.stdout + done.stderr
    assert (known or "") in done.stderr


def test_a_package_that_the_record_lacks_is_not_taken_for_sound(tmp_path: Path) -> None:
    done = audit(tmp_path, "never-heard-of==1.0")
    assert done.returncode == 1
    assert done.stderr.startswith("never-heard-of: not in the record")
