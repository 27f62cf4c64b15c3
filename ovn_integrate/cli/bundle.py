"""``bundle``."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import click

from ovn_integrate import __version__, paths, servers
from ovn_integrate.cli import output
from ovn_integrate.cli.app import App, verb


@verb()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def bundle(app: App, file: Path | None, form: str) -> None:
    """Collect a support bundle in one FILE.tar.gz: databases, flows, logs, versions, doctor.

    Each item has --timeout seconds; what cannot be collected is listed with the reason, so it works
    with any daemon dead. Passwords, tokens and private keys are removed, and so is what may be one:
    the arguments of other programs, and the values of variables and labels. Without FILE it is
    ovn-integrate-HOST-TIME.tar.gz in this folder; an existing file is replaced.
    """
    from ovn_integrate.checks.bundle import archive, items, redact, views
    from ovn_integrate.checks.facts import Facts

    path = file or Path(f"ovn-integrate-{platform.node()}-{time.strftime('%Y%m%dT%H%M%S')}.tar.gz")
    begun = time.monotonic()
    facts = Facts(app.db or paths.host_remote(), app.timeout)
    try:
        known = items.known(facts)
    finally:
        facts.close()
    wanted = items.everything(facts.remote, known, app.timeout)
    done = archive.gather(wanted, app.timeout, _progress)
    pids = filter(None, (servers.pid("driver"), servers.pid("ipam")))
    ids = views.ids(one.gathered.data for one in done if one.item.name.startswith("docker/"))
    redactor = redact.Redactor(redact.known_here(items.ENV_FILES, pids), ids)
    root = os.geteuid() == 0
    about = {
        "host": platform.node(),
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "ovn-integrate": __version__,
        "root": root,
        "seconds": round(time.monotonic() - begun, 1),
    }
    size = archive.write(path, done, redactor, about)
    if not root:
        output.warn("not root: much of it could not be read; run it with sudo")
    failures = archive.failures(done)
    answer = {"file": str(path), "bytes": size, "items": len(done), "failures": failures}
    if not output.data({**answer, **about}, form):
        said = f"; {failures} could not be had, manifest.json in it says why" if failures else ""
        output.line(f"{path}: {len(done)} items, {size / 1e6:.1f} MB{said}")


def _progress(done: int, of: int, name: str) -> None:
    output.over(f"{done}/{of} {name}", last=done == of)
