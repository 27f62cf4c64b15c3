"""Network namespaces that have no name: whatever ends their process, kill -9 included, ends them
and the links in them (network_namespaces(7))."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from ovn_integrate.errors import CommandFailed, NotPermitted

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_OWN = "/proc/thread-self/ns/net"


class Namespace:
    """A new network namespace and a thread in it. A socket belongs to the namespace in which it was
    made, and may then be used by any thread.

    :ivar descriptor: of the namespace, to move links into it.
    :raises NotPermitted: root is needed (CAP_SYS_ADMIN).
    :raises CommandFailed: the kernel refused.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "netns")
        try:
            self.descriptor = self.run(_unshare)
        except BaseException:
            self._thread.shutdown()
            raise

    def __enter__(self) -> Namespace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, do: Callable[[], T]) -> T:
        """Do something inside, and return what comes of it."""
        return self._thread.submit(do).result()

    def close(self) -> None:
        """It goes when the sockets that were made inside are closed as well."""
        self._thread.shutdown()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _unshare() -> int:
    # os.unshare() came with Python 3.12. The other threads stay where they are.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        if code in (errno.EPERM, errno.EACCES):
            raise NotPermitted("network namespace", "root is needed", "run it with sudo")
        raise CommandFailed("network namespace", os.strerror(code))
    return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)
