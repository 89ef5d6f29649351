"""Reading from followers: which statements open the block.

YugabyteDB answers from the nearest replica, with data of a little while ago, if both
`yb_read_from_followers` is on and the transaction is read-only. The rule this file guards: the
settings are local to the transaction, so that nothing is left of them on a pooled connection.

See "Follower reads" of YugabyteDB's documentation.
"""

from __future__ import annotations

from .. import _errors_base as e
from ..pq._enums import TransactionStatus
from .transaction import BaseTransaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .connection import BaseConnection

READ_ONLY = b" READ ONLY"
READ_WRITE = b" READ WRITE"


class BaseFollowerReads(BaseTransaction):
    """The base of the blocks that `follower_reads()` returns.

    :param connection: where the block is to be.
    :param staleness_ms: how old the data may be; `None`: the server's setting.
    :param strict: refuse servers that have no follower reads.
    """

    def __init__(self, connection: BaseConnection[Any], staleness_ms: int | None, strict: bool):
        super().__init__(connection)
        if staleness_ms is not None and (
            not isinstance(staleness_ms, int) or isinstance(staleness_ms, bool) or staleness_ms < 1
        ):
            raise e.ProgrammingError(
                f"staleness_ms is a whole number of milliseconds above 0, not {staleness_ms!r}"
            )
        self._staleness_ms = staleness_ms
        self._strict = strict

    def _enter(self) -> list[bytes]:
        conn = self._conn
        conn._check_connection_ok()
        if conn._transaction_status != TransactionStatus.IDLE:
            raise e.ProgrammingError(
                "follower_reads() begins a read-only transaction, and a transaction is open"
                " already: end it by commit() or rollback() first"
            )
        is_yugabyte = conn.info.vendor == "YugabyteDB"
        if self._strict and not is_yugabyte:
            raise e.NotSupportedError(
                "the server is not YugabyteDB and has no follower reads; without strict=True the"
                " block is a read-only transaction there"
            )
        begin, *others = super()._enter()
        commands = [read_only(begin), *others]
        if is_yugabyte:
            commands.append(b"SET LOCAL yb_read_from_followers = on")
            if self._staleness_ms is not None:
                commands.append(
                    b"SET LOCAL yb_follower_read_staleness_ms = %d" % self._staleness_ms
                )
        return commands


def read_only(begin: bytes) -> bytes:
    """Return the BEGIN statement with READ ONLY in it, whatever the connection's setting is."""
    if READ_WRITE in begin:
        return begin.replace(READ_WRITE, READ_ONLY)
    return begin if READ_ONLY in begin else begin + READ_ONLY
