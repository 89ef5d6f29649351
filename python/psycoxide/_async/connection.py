"""Connections: open, execute, commit, close."""

from __future__ import annotations

from .. import _errors_base as e
from .._base.connection import BaseConnection, take_address_map
from .._generic import Row
from .._tpc import RECOVER, Xid
from ..rows import tuple_row
from . import waiting
from .cursor import AsyncCursor
from .pipeline import AsyncPipeline
from .server_cursor import AsyncServerCursor
from .transaction import AsyncTransaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    # unasync: insert
    # import _thread
    #
    # unasync: end
    import asyncio
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from types import TracebackType
    from typing import Any, TypeVar, overload

    from typing_extensions import Self

    from .._base.notify import Notify
    from .._base.retry import Jitter
    from .._enums import IsolationLevel
    from .._row_protocols import AsyncRowFactory
    from ..abc import RV, AdaptContext, AddressMap, ConnDict, ConnParam, Params, PQGen, Query
    from ..pq import PGconn
    from .deadline import AsyncDeadline

    CursorRow = TypeVar("CursorRow")
    Result = TypeVar("Result")


class AsyncConnection(BaseConnection[Row]):
    """A connection to a database, for asyncio.

    :param pgconn: an established connection; use :meth:`connect` instead.
    :param row_factory: makes rows out of values, see :mod:`psycoxide.rows`.

    See "Connection classes" of the psycopg manual.
    """

    __module__ = "psycoxide"

    cursor_factory: type[AsyncCursor[Row]]
    """What :meth:`cursor` makes."""
    server_cursor_factory: type[AsyncServerCursor[Row]]
    """What :meth:`cursor` makes if it is given a name."""
    row_factory: AsyncRowFactory[Row]
    """Makes rows out of values, for cursors that are not told otherwise."""
    _pipeline: AsyncPipeline | None = None
    _lock: Any = None

    def __init__(self, pgconn: PGconn, row_factory: AsyncRowFactory[Row] = tuple_row):  # type: ignore[assignment]
        super().__init__(pgconn)
        self.row_factory = row_factory
        self.cursor_factory = AsyncCursor
        self.server_cursor_factory = AsyncServerCursor

    @classmethod
    async def connect(
        cls,
        conninfo: str = "",
        *,
        autocommit: bool = False,
        prepare_threshold: int | None = 5,
        context: AdaptContext | None = None,
        row_factory: AsyncRowFactory[Row] | None = None,
        cursor_factory: type[AsyncCursor[Row]] | None = None,
        **kwargs: ConnParam | AddressMap,
    ) -> Self:
        """Connect to a database.

        :param conninfo: a connection string, `key=value …` or `postgresql://…`.
        :param autocommit: whether each statement commits by itself.
        :param prepare_threshold: after how many executions a query is prepared; `None`: never.
        :param context: whose adapters to start with.
        :param row_factory: makes rows out of values.
        :param cursor_factory: the class of the connection's cursors.
        :param kwargs: connection parameters; they go before those of `conninfo`. `yb_address_map`
            may be a function, see :obj:`psycoxide.abc.AddressMap`.
        :raises ProgrammingError: for a bad parameter, before anything is connected.
        :raises OperationalError: if no connection could be made: the message lists all attempts.

        See "Connection Strings" of the PostgreSQL manual, section libpq; what nobody sets has the
        defaults of YugabyteDB (see :func:`psycoxide.conninfo.set_default_profile`).
        """
        address_map = take_address_map(kwargs)
        params = await cls._get_connection_params(conninfo, **kwargs)
        pgconn = await waiting.connect(params, address_map)
        self = cls(pgconn)
        if row_factory is not None:
            self.row_factory = row_factory
        if cursor_factory is not None:
            self.cursor_factory = cursor_factory
        if context is not None:
            self._set_adapters(context.adapters)
        self.prepare_threshold = prepare_threshold
        self._autocommit = bool(autocommit)
        return self

    @classmethod
    async def _get_connection_params(cls, conninfo: str, **kwargs: Any) -> ConnDict:
        """Override it to change the parameters that are connected with."""
        from ..conninfo import conninfo_to_dict

        return conninfo_to_dict(conninfo, **kwargs)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if self.closed:
            return
        if exc_val is not None:
            try:
                await self.rollback()
            except Exception as ex:
                _log_ignored(self, ex)
        else:
            await self.commit()
        # A pool's connection goes back to the pool, it is not closed.
        if getattr(self, "_pool", None) is None:
            await self.close()

    async def close(self) -> None:
        """Close the connection. An open transaction is undone."""
        # A lost connection stays lost: `broken` goes on telling.
        if not self.closed:
            self.pgconn.finish()

    if TYPE_CHECKING:

        @overload
        def cursor(self, *, binary: bool = False) -> AsyncCursor[Row]: ...
        @overload
        def cursor(
            self, *, binary: bool = False, row_factory: AsyncRowFactory[CursorRow]
        ) -> AsyncCursor[CursorRow]: ...
        @overload
        def cursor(
            self,
            name: str,
            *,
            binary: bool = False,
            scrollable: bool | None = None,
            withhold: bool = False,
        ) -> AsyncServerCursor[Row]: ...
        @overload
        def cursor(
            self,
            name: str,
            *,
            binary: bool = False,
            row_factory: AsyncRowFactory[CursorRow],
            scrollable: bool | None = None,
            withhold: bool = False,
        ) -> AsyncServerCursor[CursorRow]: ...

    def cursor(
        self,
        name: str = "",
        *,
        binary: bool = False,
        row_factory: AsyncRowFactory[Any] | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ) -> AsyncCursor[Any] | AsyncServerCursor[Any]:
        """Return a new cursor.

        :param name: of a cursor on the server; empty for an ordinary one.
        :param binary: whether values shall come in binary format.
        :param row_factory: makes rows out of values; the connection's own if not given.
        :param scrollable: of a cursor on the server: whether it goes backwards.
        :param withhold: of a cursor on the server: whether it outlives its transaction.
        :raises OperationalError: if the connection is closed.
        """
        self._check_connection_ok()
        cursor: AsyncCursor[Any]
        row_factory = row_factory or self.row_factory
        if name:
            cursor = self.server_cursor_factory(
                self, name=name, row_factory=row_factory, scrollable=scrollable, withhold=withhold
            )
        else:
            cursor = self.cursor_factory(self, row_factory=row_factory)
        if binary:
            cursor.format = 1
        return cursor

    async def execute(
        self,
        query: Query,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool = False,
    ) -> AsyncCursor[Row]:
        """Execute a query on a new cursor, and return that; see :meth:`AsyncCursor.execute`."""
        cursor = self.cursor()
        if binary:
            cursor.format = 1
        return await cursor.execute(query, params, prepare=prepare)

    async def commit(self) -> None:
        """Make the work of the transaction in progress permanent."""
        self._check_commit("commit")
        await self._end_transaction(False)

    async def rollback(self) -> None:
        """Undo the work of the transaction in progress."""
        self._check_commit("rollback")
        await self._end_transaction(True)

    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> AsyncTransaction:
        """Return a block that is a transaction, or a savepoint within one.

        :param savepoint_name: of the savepoint; one is made up if needed.
        :param force_rollback: undo the block in any case.

        See "Transaction contexts" of the psycopg manual.
        """
        self._check_connection_ok()
        if self._tpc is not None:
            raise e.ProgrammingError("transaction() cannot be used during a two-phase transaction")
        return AsyncTransaction(self, savepoint_name, force_rollback)

    async def run_transaction(
        self,
        # unasync: remove
        function: Callable[[Self], Awaitable[Result]],
        # unasync: end
        # unasync: insert
        # function: Callable[[Self], Result],
        # unasync: end
        *,
        max_attempts: int = 10,
        base: float = 0.002,
        factor: float = 2,
        max: float = 1,
        jitter: Jitter = "full",
        idempotent: bool = False,
    ) -> Result | None:
        """Run a function in a transaction, and again if the server undid that for a conflict.

        The transaction is committed when the function returns, and undone when it raises. If the
        server reports SQLSTATE 40001 or 40P01 (see :func:`is_retryable`), it is begun anew after a
        pause and the function called again: it may be called many times, and what it does outside
        of the database it may do many times.

        :param function: called with the connection; what it returns is returned.
        :param max_attempts: how often it is called at most.
        :param base: the longest pause before the second attempt, in seconds.
        :param factor: by how much pauses grow.
        :param max: the longest pause of all, in seconds.
        :param jitter: `"full"`: each pause is of a random length up to that, `"equal"`: from half
            of that, `"none"`: exactly that.
        :param idempotent: whether it does no harm to run a transaction again that was committed.
            It is run again then if the server does not know what became of it; a connection that
            is lost in `COMMIT` is reported as any other is.
        :return: what the function returned, `None` if it raised :class:`Rollback`.
        :raises CommitOutcomeUnknown: if the connection was lost in `COMMIT`.
        :raises InFailedSqlTransaction: if the function returns although a statement of the
            transaction failed: nothing was committed.
        :raises ProgrammingError: if a transaction is open already.
        :raises Error: the last one, if all attempts failed, and what is not retryable at once.
        """
        from .._base.retry import Attempts
        from . import retry

        attempts = Attempts(self, max_attempts, base, factor, max, jitter, idempotent)
        result: Result | None = await retry.run(self, function, attempts)
        return result

    def follower_reads(
        self, staleness_ms: int | None = None, *, strict: bool = False
    ) -> AsyncTransaction:
        """Return a block of reads which YugabyteDB may answer from the nearest replica.

        The block is a read-only transaction. What it reads may be as old as YugabyteDB's
        `yb_follower_read_staleness_ms` says. On PostgreSQL it is a read-only transaction, no more.

        :param staleness_ms: how old the data may be, in milliseconds; the server's setting,
            normally 30000, if not given.
        :param strict: raise an exception on a server without follower reads.
        :raises ProgrammingError: on entering, if a transaction is open already.
        :raises NotSupportedError: on entering, on PostgreSQL, with `strict`.

        See "Follower reads" of YugabyteDB's documentation.
        """
        from .follower_reads import AsyncFollowerReads

        self._check_connection_ok()
        return AsyncFollowerReads(self, staleness_ms, strict)

    def deadline(self, seconds: float, *, grace: float = 5.0) -> AsyncDeadline:
        """Return a block whose statements must end in time.

        What runs on the connection when the time is over is cancelled, and so is what is found
        running later in the block. What the server has not ended a grace time after that costs the
        connection: it is closed without a word. The clock is that of this process, so it works also
        where the server does not answer at all, unlike `statement_timeout`.

        :param seconds: the time for all of the block.
        :param grace: how long the server may take to end what was cancelled, in seconds.
        :raises QueryCanceled: by the block, if what ended it is a statement that was cancelled.
        :raises OperationalError: by the block, if the connection had to be closed; on entering, if
            it is closed.
        :raises ValueError: if one of the times is negative.
        """
        from .deadline import AsyncDeadline

        return AsyncDeadline(self, seconds, grace)

    def pipeline(self) -> AsyncPipeline:
        """Return a block in which queries are sent without waiting for their results.

        In a pipeline already, it is that pipeline, with a Sync at either end of the block.

        See "Pipeline mode support" of the psycopg manual.
        """
        return self._pipeline or AsyncPipeline(self)

    async def notifies(
        self, *, timeout: float | None = None, stop_after: int | None = None
    ) -> AsyncGenerator[Notify, None]:
        """Go through the notifications, as they arrive.

        Those that arrived before come first, unless a handler has got them. The connection can be
        used meanwhile.

        :param timeout: how long to wait, in seconds; `None`: for ever.
        :param stop_after: stop once so many have arrived; more are given if they came together.
        :raises OperationalError: if the connection is closed, or lost.

        See "Asynchronous notifications" of the psycopg manual.
        """
        with self._listening(timeout) as listening:
            while listening.goes_on:
                await waiting.notification(self.pgconn, listening.time_left)
                for notify in listening.arrived():
                    yield notify
                    listening.count += 1
                if stop_after is not None and 0 < stop_after <= listening.count:
                    break

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Ask the server to cancel what runs on this connection; see :meth:`cancel`.

        :param timeout: how long to try, in seconds.
        :raises CancellationTimeout: if the request was not taken in time.
        """
        if self._should_cancel():
            await waiting.cancel(self.pgconn, timeout)

    async def tpc_begin(self, xid: Xid | str) -> None:
        """Begin a two-phase transaction.

        :param xid: its identifier; see :meth:`xid`.
        :raises ProgrammingError: in a transaction, or in autocommit mode.
        :raises NotSupportedError: on YugabyteDB.

        See "Two-Phase Commit protocol support" of the psycopg manual, and PEP 249.
        """
        identifier = self._tpc_beginning(xid)
        await self.pgconn._command(self._begin_statement())
        self._tpc = (identifier, False)

    async def tpc_prepare(self) -> None:
        """Prepare the two-phase transaction: from now on it can be committed for certain.

        :raises ProgrammingError: outside of a two-phase transaction, or if it is prepared already.
        :raises InFailedSqlTransaction: if it has failed, so that it can only be rolled back.
        :raises NotSupportedError: if the server does not allow it.
        """
        xid, command = self._tpc_preparing()
        try:
            await self.pgconn._command(command)
        except Exception:
            raise
        except BaseException:
            # It is not known whether it was in time.
            self._tpc = (xid, self._nothing_to_end())
            raise
        self._tpc = (xid, True)

    async def tpc_commit(self, xid: Xid | str | None = None) -> None:
        """Commit a two-phase transaction.

        :param xid: one that was prepared earlier, maybe on another connection; if not given, the
            one in progress, prepared or not.
        :raises ProgrammingError: without `xid` outside of a two-phase transaction, with it inside.
        """
        await self._tpc_end("commit", xid)

    async def tpc_rollback(self, xid: Xid | str | None = None) -> None:
        """Undo a two-phase transaction; the parameter is as in :meth:`tpc_commit`."""
        await self._tpc_end("rollback", xid)

    async def _tpc_end(self, method: str, xid: Xid | str | None) -> None:
        command = self._tpc_ending(method, xid)
        try:
            await self.pgconn._command(command, method == "rollback")
        except e.ProgrammingError as ex:
            if ex.sqlstate == "42704":
                # The server does not know it (any more): nothing is left to be ended.
                self._tpc = None
            raise
        self._tpc = None

    async def tpc_recover(self) -> list[Xid]:
        """Find the transactions that are prepared on the server, to commit or undo them.

        The transaction status is left as it was.
        """
        self._check_tpc()
        was_idle = self._nothing_to_end()
        cursor = AsyncCursor(self, row_factory=tuple_row)
        await cursor.execute(RECOVER)
        found = [Xid._from_record(*record) for record in await cursor.fetchall()]
        if was_idle and not self._nothing_to_end():
            await self.pgconn._command(b"ROLLBACK")
        return found

    async def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Run a generator which yields what it waits for, on the connection's socket.

        :param gen: a generator of :mod:`psycoxide.generators`, or one like them.
        :param interval: how often to look for signals, in seconds.
        :param timeout: how long to wait, in seconds.
        :returns: what the generator returns.
        """
        from ..waiting import wait_async as wait

        return await wait(gen, self.fileno(), interval, timeout)

    # unasync: remove
    @property
    def lock(self) -> asyncio.Lock:
        """A lock that users of the connection may share. The connection itself needs none."""
        import asyncio

        if self._lock is None:
            self._lock = asyncio.Lock()
        lock: asyncio.Lock = self._lock
        return lock

    # unasync: end
    # unasync: insert
    # @property
    # def lock(self) -> _thread.LockType:
    #     """A lock that users of the connection may share. The connection itself needs none."""
    #     import _thread
    #
    #     if self._lock is None:
    #         self._lock = _thread.allocate_lock()
    #     lock: _thread.LockType = self._lock
    #     return lock
    #
    # unasync: end
    # unasync: remove
    def _set_autocommit_here(self, value: bool) -> None:
        self._read_only_on_async("autocommit")

    def _set_isolation_level_here(self, value: IsolationLevel | None) -> None:
        self._read_only_on_async("isolation_level")

    def _set_read_only_here(self, value: bool | None) -> None:
        self._read_only_on_async("read_only")

    def _set_deferrable_here(self, value: bool | None) -> None:
        self._read_only_on_async("deferrable")

    if not TYPE_CHECKING:
        # For type checkers they are as they were inherited.
        autocommit = BaseConnection.autocommit.setter(_set_autocommit_here)
        isolation_level = BaseConnection.isolation_level.setter(_set_isolation_level_here)
        read_only = BaseConnection.read_only.setter(_set_read_only_here)
        deferrable = BaseConnection.deferrable.setter(_set_deferrable_here)

    # unasync: end

    async def set_autocommit(self, value: bool) -> None:
        """Set :attr:`autocommit`."""
        self._set_autocommit(value)

    async def set_isolation_level(self, value: IsolationLevel | None) -> None:
        """Set :attr:`isolation_level`."""
        self._set_isolation_level(value)

    async def set_read_only(self, value: bool | None) -> None:
        """Set :attr:`read_only`."""
        self._set_read_only(value)

    async def set_deferrable(self, value: bool | None) -> None:
        """Set :attr:`deferrable`."""
        self._set_deferrable(value)


def _log_ignored(connection: AsyncConnection[Any], ex: Exception) -> None:
    """The exception that ended the block goes on; the one of its end is told in the log."""
    import logging

    logging.getLogger("psycopg").warning("error ignored in rollback on %s: %s", connection, ex)
