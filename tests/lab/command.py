"""Running a command to its end; a failure tells all that the command told."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence

Done = subprocess.CompletedProcess[str]
Process = subprocess.Popen[str]

# What an init gives its services. The caller's own variables (OVS_RUNDIR, DOCKER_HOST, PYTHONPATH)
# would lead a host's programs out of the host.
ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "LOGNAME": "root",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "SHELL": "/bin/sh",
    "USER": "root",
}


class CommandError(AssertionError):
    """A command of the lab failed. An AssertionError, so that `wait_for` takes it as "not yet"."""


def run(
    argv: Sequence[str],
    *,
    shown: str | None = None,
    input: str | None = None,
    check: bool = True,
    timeout: float = 60,
    env: Mapping[str, str] | None = None,
) -> Done:
    """Run a command, its output captured.

    A daemon that goes into the background and keeps standard output open shows here as a timeout.

    :param shown: what a failure calls the command, where argv wraps it.
    :param env: variables beside those that an init gives.
    :raises CommandError: with the command, its status and all its output.
    """
    words = shlex.join(argv) if shown is None else shown
    try:
        done = subprocess.run(
            argv,
            input="" if input is None else input,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**ENVIRONMENT, **(env or {})},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(
            f"{words}: still running after {timeout:g} s\n"
            f"stdout: {_text(error.stdout)}\nstderr: {_text(error.stderr)}"
        ) from error
    if check and done.returncode != 0:
        raise CommandError(
            f"{words}: status {done.returncode}\nstdout: {done.stdout}\nstderr: {done.stderr}"
        )
    return done


def _text(output: str | bytes | None) -> str:
    """TimeoutExpired carries bytes, even of a process in text mode."""
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""
