"""Changes of the packet filter's rules, as nf_tables tells of them (nft(8), ``nft monitor``)."""

from __future__ import annotations

import errno
import select
import socket

# linux/netlink.h, linux/netfilter/nfnetlink.h
_NETLINK_NETFILTER = 12
_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_NFNLGRP_NFTABLES = 7

_PACKET = 1 << 16
_AT_MOST = 10_000  # packets that are taken away at once: others may change rules without an end


class RuleChanges:
    """Tells that rules of this network namespace have changed, by whomever.

    The old kind of iptables tells nobody, and neither does a kernel without nf_tables: who waits
    has to look by the clock as well.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        kernel = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER
        )
        try:
            kernel.bind((0, 0))
            kernel.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _NFNLGRP_NFTABLES)
            kernel.setblocking(False)
        except OSError:
            kernel.close()
        else:
            self._socket = kernel

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def wait(self, timeout: float) -> bool:
        """Whether something has changed since the last call, waiting for it.

        :param timeout: seconds.
        """
        waited = [self._socket] if self._socket is not None else []
        ready, _, _ = select.select(waited, [], [], timeout)
        if not ready:
            return False
        self._take_away()
        return True

    def _take_away(self) -> None:
        assert self._socket is not None
        for _ in range(_AT_MOST):
            try:
                self._socket.recv(_PACKET)
            except BlockingIOError:
                return
            except OSError as error:
                # More than the buffer holds has changed: that something has is all that counts.
                if error.errno != errno.ENOBUFS:
                    raise
