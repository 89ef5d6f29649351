"""Transaction blocks, entered and left."""

from __future__ import annotations

from .._base.transaction import BaseTransaction, OutOfOrderTransactionNesting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from .connection import AsyncConnection


class AsyncTransaction(BaseTransaction):
    """A transaction block: what :meth:`AsyncConnection.transaction` returns.

    The block is committed when it is left normally, and undone when it is left by an exception.
    See "Transaction contexts" of the psycopg manual.
    """

    __module__ = "psycoxide"

    @property
    def connection(self) -> AsyncConnection[Any]:
        """The connection that the block is on."""
        return self._conn  # type: ignore[return-value]

    async def __aenter__(self) -> AsyncTransaction:
        self._check_unused()
        if self._conn._pipeline is not None:
            await self._conn._settle_pipeline()
        try:
            await self._conn.pgconn._command(self._enter)
        except BaseException:
            self._enter_failed()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool:
        if self._conn.closed:
            # What was lost is undone already; the error that tells is on its way.
            self._leave()
            self.status = self.Status.FAILED
            if exc_val is None and self._conn.broken:
                self._conn._check_connection_ok()
            return False
        if (pipeline := self._conn._pipeline) is not None:
            try:
                await self._conn._settle_pipeline()
            except Exception as ex:
                if exc_val is None:
                    await self._end(ex)
                    raise
                pipeline._ignore(ex)
        return await self._end(exc_val)

    async def _end(self, exc_val: BaseException | None) -> bool:
        """Commit the block or undo it; whether the exception ends here."""
        try:
            await self._conn.pgconn._command(lambda: self._exit(exc_val))
        except OutOfOrderTransactionNesting:
            raise
        except BaseException as ex:
            self._leave()
            self.status = self.Status.FAILED
            if exc_val is None or self._swallows(exc_val) or not isinstance(ex, Exception):
                raise
            _log_ignored(self, ex)
        return self._swallows(exc_val)


def _log_ignored(transaction: AsyncTransaction, ex: Exception) -> None:
    """The exception that ended the block goes on; the one of its end is told in the log."""
    import logging

    logging.getLogger("psycopg").warning("error ignored in rollback of %s: %s", transaction, ex)
