# Generated from ../_async/follower_reads.py by tools/unasync.py: edit that, then `make twins`.
"""Blocks whose reads may be answered by followers."""

from __future__ import annotations

from .._base.follower_reads import BaseFollowerReads
from .transaction import Transaction


class FollowerReads(BaseFollowerReads, Transaction):
    """A read-only transaction block: what :meth:`Connection.follower_reads` returns."""

    __module__ = "psycoxide"

    def __enter__(self) -> FollowerReads:
        try:
            super().__enter__()
        except BaseException:
            # The server may know no such setting, having begun the transaction already.
            if self.status is self.Status.FAILED and not self._conn.closed:
                self._conn.pgconn._command(b"ROLLBACK", True)
            raise
        return self
