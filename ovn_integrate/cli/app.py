"""What every verb shares: the global options, the output format, the lazy group."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ovn_integrate import audit, paths
from ovn_integrate.cli import output
from ovn_integrate.cli.groups import Group
from ovn_integrate.cli.progress import Progress
from ovn_integrate.errors import Error

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ovn_integrate.clients.neutron.client import Client
    from ovn_integrate.ovsdb import Session, Tables


@dataclass
class App:
    """The global options of this run.

    :ivar progress: of the verb that runs.
    :ivar changed: ids of what it changed, for the audit log.
    """

    db: str = ""
    timeout: float = 10.0
    verbose: bool = False
    progress: Progress = field(default_factory=lambda: Progress(""))
    changed: list[str] = field(default_factory=list)

    def host(self, tables: Tables) -> Session:
        """A session on the host's Open_vSwitch database.

        :raises DatabaseUnavailable: it does not answer in time.
        """
        # ovs takes 50 ms to import, which `--help` need not pay.
        from ovn_integrate.ovsdb import HOST, Session

        return Session.open(self.db or paths.host_remote(), HOST, tables, timeout=self.timeout)

    def neutron(self, address: str | None = None) -> Client:
        """A client of the IPAM server that is set on this host.

        :param address: of one that is to be asked instead.
        :raises NotConfigured: none is.
        """
        from ovn_integrate.clients.neutron import keystone
        from ovn_integrate.clients.neutron.client import Client
        from ovn_integrate.host import settings

        if address is not None:
            urls = [settings.ipam_url(address)]
            return Client(urls, timeout=self.timeout, access=keystone.access())
        with self.host(settings.TABLES) as session:
            now = settings.read(session)
        settings.require(now, settings.IPAM)
        return Client(
            now.ipam_urls,
            timeout=self.timeout,
            access=keystone.access(),
            credentials=now.credentials,
        )

    def neutron_of_central(self, address: str | None = None) -> Client:
        """The same as this central host itself, which may free what a chassis may not.

        :param address: of the IPAM server; None for that of this host in the secure mode, else for
            the one that is set.
        """
        from ovn_integrate.host import central, secure, settings

        if secure.fingerprint() is None:
            return self.neutron(address)
        from ovn_integrate.clients.neutron.client import Client

        here = secure.ipam_address() if address is None else address
        url = settings.ipam_url(central.ANY.get(here, here), "https")
        return Client([url], timeout=self.timeout, credentials=secure.own())


F = TypeVar("F", bound="Callable[..., Any]")

# In which an answer can be printed.
FORMS = ("table", "json", "yaml")

pass_app = click.make_pass_decorator(App)


def output_option(forms: Sequence[str]) -> Callable[[F], F]:
    """The option that says how to print the answer."""
    return click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(forms),
        default="table",
        show_default=True,
        help="How to print the answer.",
    )


dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Print what would change, and change nothing."
)


class LazyGroup(Group):
    """A group whose verbs are imported when they are used.

    :param verbs: for each verb, ``module:attribute`` and its line in the help.
    """

    def __init__(self, *args: Any, verbs: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._verbs:
            return None
        module, _, attribute = self._verbs[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What a shell can put here, out of the table: click would import every verb for it."""
        from click.shell_completion import CompletionItem

        fitting = {
            name: line for name, (_, line) in self._verbs.items() if name.startswith(incomplete)
        }
        verbs = [CompletionItem(name, help=line) for name, line in fitting.items()]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, line) for name, (_, line) in self._verbs.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


Audited = Callable[[Mapping[str, Any]], "list[str] | None"]
"""Of the options of a verb: the ids that it is about; None where it changes nothing."""


def verb(
    *, forms: Sequence[str] = FORMS, audited: Audited | None = None, **settings: Any
) -> Callable[[Callable[..., None]], click.Command]:
    """A verb that takes the :class:`App` first and ``form`` among its options.

    One that serves, or that draws by itself, ends the :attr:`App.progress` first.

    :param forms: what its ``-o`` takes.
    :param audited: of a verb that changes who may do what, or what only central may change, past
        the IPAM server.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        @functools.wraps(function)
        def shown(app: App, *arguments: Any, **options: Any) -> None:
            path = click.get_current_context().command_path.partition(" ")[2]
            ids = None if audited is None else audited(options)
            written = nullcontext() if ids is None else _written_down(app, path, ids)
            with Progress(path) as app.progress, written:
                function(app, *arguments, **options)

        command: click.Command = click.command(**settings)(pass_app(shown))
        output_option(forms)(command)
        command.audited = audited is not None  # type: ignore[attr-defined]  # for a test
        return command

    return decorate


@contextmanager
def _written_down(app: App, path: str, ids: list[str]) -> Iterator[None]:
    """A line in the audit log for what a verb does, or is refused."""
    why, status = "", 0
    try:
        yield
    except Error as error:
        why, status = f"{type(error).__name__}: {error}", error.exit_code
        raise
    except BaseException as error:
        why, status = type(error).__name__, 1
        raise
    finally:
        name, role = audit.here()
        event = audit.Event("command", name, role, "", path, "", [*ids, *app.changed], why, status)
        try:
            audit.open_log(audit.default()).write(event)
        except OSError as error:
            if role == "root":
                output.warn(f"audit: {audit.default()}: cannot be written: {error.strerror}")
