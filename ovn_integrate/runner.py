"""Running the commands of the host. A failure carries the command, its status and its words."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ovn_integrate.errors import CommandFailed

TIMEOUT = 30.0
_LAST = 1.0  # seconds for what a killed command leaves in its pipes

Process = subprocess.Popen[bytes]
StillRunning = subprocess.TimeoutExpired


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float = TIMEOUT,
    env: Mapping[str, str] | None = None,
    input: str = "",
) -> str:
    """Run a command to its end and return what it printed.

    :param timeout: seconds until the command is killed.
    :param env: variables set beside the caller's environment.
    :param input: what it reads from its standard input.
    :raises CommandFailed: it is missing, took too long, or its status was not zero.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=timeout,
            input=input,
            env={**os.environ, **(env or {})},
            check=False,
        )
    except FileNotFoundError as error:
        raise CommandFailed(words[0], "is not installed", f"tried: {shlex.join(words)}") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(shlex.join(words), f"did not end within {timeout:g} s") from error
    if done.returncode != 0:
        raise CommandFailed(shlex.join(words), f"status {done.returncode}: {_last_words(done)}")
    return done.stdout


@dataclass(frozen=True)
class Captured:
    """What a command did.

    :ivar status: None when it was killed at the end of its time.
    """

    status: int | None
    output: bytes
    errors: bytes


def capture(argv: Sequence[str | Path], timeout: float) -> Captured:
    """Run a command, and return all that it said, also when it failed or was killed.

    It and what it started are killed when its time is over; one that cannot be is left.

    :param timeout: in seconds.
    :raises CommandFailed: it is not installed.
    """
    words = [str(word) for word in argv]
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise CommandFailed(words[0], "is not installed", f"tried: {shlex.join(words)}") from error
    try:
        output, errors = process.communicate(timeout=timeout)
        return Captured(process.returncode, output, errors)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    try:
        output, errors = process.communicate(timeout=_LAST)
    except subprocess.TimeoutExpired as late:
        output, errors = late.output or b"", late.stderr or b""
    return Captured(None, output, errors)


def spawn(argv: Sequence[str | Path], log: Path) -> Process:
    """Start a command that outlives the caller: a session of its own, its output in a log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def orphan(argv: Sequence[str | Path], log: Path) -> int:
    """Start a command that is nobody's child, as :func:`spawn` does otherwise.

    :returns: its process id.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    script = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'
    words = ["/bin/sh", "-c", script, "sh", str(log), *(str(word) for word in argv)]
    done = subprocess.run(words, stdout=subprocess.PIPE, start_new_session=True, check=True)
    return int(done.stdout)


def child(argv: Sequence[str | Path]) -> int:
    """Start a command as a child, with this process's output and in a process group of its own.

    No signal is blocked in it, whatever the caller blocks.

    :returns: its process id; whoever calls reaps it.
    :raises CommandFailed: it is missing.
    """
    words = [str(word) for word in argv]
    try:
        return os.posix_spawnp(words[0], words, os.environ, setpgroup=0, setsigmask=())
    except FileNotFoundError as error:
        raise CommandFailed(words[0], "is not installed", f"tried: {shlex.join(words)}") from error


def installed(command: str) -> bool:
    """Whether a command is on the PATH."""
    return shutil.which(command) is not None


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else "it said nothing"
