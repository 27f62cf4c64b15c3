"""The errors that reach a user, each with its exit code and its HTTP status.

Every error is one line: the subject, what happened to it, and a hint that says what to try.
A class name is also the ``type`` of the error in Neutron's API, so the subclasses keep Neutron's
names.
"""

from __future__ import annotations

from typing import ClassVar


def one_line(text: str) -> str:
    """The same with what a terminal or a log would not show written out: somebody else may have
    chosen a part of it, a name for example."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


class Error(Exception):
    """Something failed in a way that was foreseen.

    :param subject: the thing that the error is about (a setting, a remote, a network …).
    :param what: what happened to it, without a full stop.
    :param hint: what to try next, best a command; empty when there is nothing to try.
    """

    exit_code: ClassVar[int] = 1
    status: ClassVar[int] = 500

    def __init__(self, subject: str, what: str, hint: str = "") -> None:
        super().__init__(subject, what, hint)
        self.subject = subject
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        line = f"{self.subject}: {self.what}"
        return one_line(f"{line}; {self.hint}" if self.hint else line)


class Invalid(Error):
    """A bad argument or a bad request body."""

    exit_code = 2
    status = 400


class NotConfigured(Error):
    """A setting that is needed is missing; the hint names the verb that sets it."""

    exit_code = 3
    status = 503


class DatabaseUnavailable(Error):
    """An OVSDB server is out of reach, or did not answer before the deadline."""

    exit_code = 4
    status = 503


class NotFound(Error):
    """A thing that was named does not exist."""

    exit_code = 5
    status = 404


class NetworkNotFound(NotFound):
    pass


class SubnetNotFound(NotFound):
    pass


class PortNotFound(NotFound):
    pass


class SecurityGroupNotFound(NotFound):
    pass


class RouterNotFound(NotFound):
    pass


class Conflict(Error):
    """The state of things does not allow it now."""

    exit_code = 6
    status = 409


class IpAddressAlreadyAllocated(Conflict):
    pass


class IpAddressGenerationFailure(Conflict):
    pass


class MacAddressInUse(Conflict):
    pass


class NetworkInUse(Conflict):
    pass


class SubnetInUse(Conflict):
    pass


class SecurityGroupInUse(Conflict):
    pass


class SecurityGroupRuleExists(Conflict):
    pass


class CommandFailed(Error):
    """A command of the host (ip, ovn-ctl, systemctl …) failed."""

    exit_code = 7
    status = 500


class ServiceFailed(Error):
    """The IPAM server refused, or is out of reach."""

    exit_code = 8
    status = 502


class NotPermitted(Error):
    """Root or a credential is needed; the hint is the exact command."""

    exit_code = 9
    status = 403


class Unhealthy(Error):
    """A check found a fault."""

    exit_code = 10
    status = 500
