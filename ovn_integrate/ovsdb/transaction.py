"""A transaction on its way: sent, and answered some time later."""

from __future__ import annotations

from typing import Any

import ovs.db.idl
import ovs.json
import ovs.jsonrpc

from ovn_integrate.ovsdb.replica import Replica

PENDING = "pending"
DONE = "done"
REFUSED = "refused"
AGAIN = ovs.db.idl.Transaction.TRY_AGAIN
"""What it relied on had changed, or the connection was lost before the answer."""


class Transaction:
    """One request to the server.

    :ivar number: what the operation of ``number_at`` says, when it is done.
    :ivar error: why it was refused.
    :ivar io_error: what the system of the server said that could not write it down (a full disk).
    """

    def __init__(
        self, replica: Replica, operations: list[dict[str, Any]], number_at: int | None = None
    ) -> None:
        """Send it.

        :param number_at: the place of an operation that selects one column of one row.
        """
        self.number: int | None = None
        self.error = ""
        self.io_error = ""
        self._number_at = number_at
        # ovs.db.idl.Idl sets this when the connection is lost.
        self._status = PENDING
        request = ovs.jsonrpc.Message.create_request("transact", [replica._db.name, *operations])
        if replica.state != replica.IDL_S_MONITORING or replica._session.send(request):
            self._status = AGAIN
        else:
            replica._outstanding_txns[request.id] = self

    @property
    def status(self) -> str:
        return self._status

    def ended(self) -> bool:
        return self._status != PENDING

    def _process_reply(self, message: Any) -> None:
        """What ovs.db.idl.Idl calls with the answer."""
        results = message.result
        if message.type == ovs.jsonrpc.Message.T_ERROR:
            self._refuse(message.error)
            return
        # An operation that was not come to has null; a commit that fails adds a result.
        errors = [one for one in results if one and "error" in one]
        hard = [one for one in errors if one["error"] not in ("timed out", "aborted")]
        if hard:
            self._refuse(hard[0])
        elif errors or None in results:
            self._status = AGAIN
        else:
            self._status = DONE
            if self._number_at is not None:
                (row,) = results[self._number_at]["rows"]
                (self.number,) = row.values()

    def _refuse(self, error: Any) -> None:
        self._status = REFUSED
        self.error = ovs.json.to_string(error)
        if isinstance(error, dict):
            self.io_error = str(error.get("io-error", ""))
