"""Blocks whose reads may be answered by followers."""

from __future__ import annotations

from .._base.follower_reads import BaseFollowerReads
from .transaction import AsyncTransaction


class AsyncFollowerReads(BaseFollowerReads, AsyncTransaction):
    """A read-only transaction block: what :meth:`AsyncConnection.follower_reads` returns."""

    __module__ = "psycoxide"

    async def __aenter__(self) -> AsyncFollowerReads:
        try:
            await super().__aenter__()
        except BaseException:
            # The server may know no such setting, having begun the transaction already.
            if self.status is self.Status.FAILED and not self._conn.closed:
                await self._conn.pgconn._command(b"ROLLBACK", True)
            raise
        return self
