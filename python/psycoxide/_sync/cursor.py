# Generated from ../_async/cursor.py by tools/unasync.py: edit that, then `make twins`.
"""Cursors: execute a query, fetch its rows."""

from __future__ import annotations

from .. import _errors_base as e

from .. import _core
from .._base.copy import extends
from .._base.cursor import BaseCursor
from .._generic import Row
from . import waiting
from .copy import CopyContext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Callable, Iterable
    from types import TracebackType
    from typing import Any, TypeVar, overload

    from .._row_protocols import RowFactory
    from ..abc import Params, Query
    from .connection import Connection
    from .copy import Writer

    Self = TypeVar("Self", bound="Cursor[Any]")


class Cursor(BaseCursor["Connection[Any]", Row]):
    """Executes queries on an :class:`Connection` and fetches their rows.

    :param connection: the connection to use.
    :param row_factory: makes rows out of values, see :mod:`psycoxide.rows`; the connection's own
        if not given.

    See "Cursor classes" of the psycopg manual.
    """

    __module__ = "psycoxide"

    if TYPE_CHECKING:
        row_factory: RowFactory[Row]

        @overload
        def __init__(self, connection: Connection[Row]) -> None: ...
        @overload
        def __init__(
            self, connection: Connection[Any], *, row_factory: RowFactory[Row] | None
        ) -> None: ...
        def __init__(
            self,
            connection: Connection[Any],
            *,
            row_factory: RowFactory[Row] | None = None,
        ) -> None: ...

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._close()

    def close(self) -> None:
        """Close the cursor and forget its results. A closed cursor cannot be used again."""
        self._close()

    def execute(
        self: Self,
        query: Query,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        """Execute a query.

        :param query: the SQL: `str`, `bytes`, :class:`~psycoxide.sql.Composable` or a template
            string. It may hold several statements if it has no parameters.
        :param params: a sequence for `%s`, a mapping for `%(name)s`.
        :param prepare: whether to prepare it on the server; by default it is once it has been
            executed `prepare_threshold` times.
        :param binary: whether the values shall come in binary format; by default as the cursor's
            `format` says.
        :returns: the cursor, so that a fetch can be chained to it.
        :raises ProgrammingError: if the query and its parameters do not fit each other.
        :raises Error: what the server says, as the class of its SQLSTATE.

        See "Passing parameters to SQL queries" of the psycopg manual.
        """
        self._execute(query, params, prepare, binary)
        return self

    def executemany(
        self, query: Query, params_seq: Iterable[Params], *, returning: bool = False
    ) -> None:
        """Execute a query once for each set of parameters, all in one go.

        In autocommit mode, and outside of a pipeline, all rows are committed or none.

        :param query: the SQL, with placeholders.
        :param params_seq: the sets of parameters; they are taken as they are needed.
        :param returning: whether to keep the results: the first is current, `nextset()` goes on.
        :raises Error: what the server says of the first set that failed; those behind it are not
            executed.

        `rowcount` is the number of rows touched by all executions together.
        """
        self._executemany(query, params_seq, returning)

    def stream(
        self,
        query: Query,
        params: Params | None = None,
        *,
        binary: bool | None = None,
        size: int = 1,
    ) -> Iterator[Row]:
        """Execute a query and give out its rows while the server still produces them.

        The memory needed does not grow with the result. Until the last row has come, or the
        generator is closed, the connection can do nothing else: its other users wait. A stream that
        is left early cancels the query.

        :param query: the SQL of one statement that returns rows.
        :param params: a sequence for `%s`, a mapping for `%(name)s`.
        :param binary: whether the values shall come in binary format; by default as the cursor's
            `format` says.
        :param size: how many rows are taken at a time; more are faster, and need more memory.
        :raises ProgrammingError: if the statement returns no rows.
        :raises Error: what the server says, as the class of its SQLSTATE.

        See "Cursor.stream()" of the psycopg manual.
        """
        stream = self._stream(query, params, binary, size)
        try:
            while not stream.finished:
                for row in stream.fetch():
                    yield row
        finally:
            if stream.leave():
                self._cancel_stream()
                stream.finish()

    def _cancel_stream(self) -> None:
        """Cancel the query of a stream that nobody reads; it ends in any case."""
        try:
            waiting.cancel(self.connection.pgconn, 5.0)
        except e.Error as ex:
            _log_ignored(self, ex)

    def fetchone(self) -> Row | None:
        """Return the next row, or `None` if there is none left.

        :raises ProgrammingError: if the last operation gave no rows.
        """
        if self._pending:
            self._receive()
        return self._fetchone()

    def fetchmany(self, size: int = 0) -> list[Row]:
        """Return the next rows, none if there is none left.

        :param size: how many at most; 0: as many as `arraysize` says.
        :raises ProgrammingError: if the last operation gave no rows.
        """
        if self._pending:
            self._receive()
        return self._fetchmany(size)

    def fetchall(self) -> list[Row]:
        """Return all rows that are left.

        :raises ProgrammingError: if the last operation gave no rows.
        """
        if self._pending:
            self._receive()
        return self._fetchall()

    def __iter__(self: Self) -> Self:
        return self

    if TYPE_CHECKING:

        def __next__(self) -> Row: ...

    else:
        __next__ = _core.CursorBase._next_row

    def scroll(self, value: int, mode: str = "relative") -> None:
        """Move to another row of the current result: the one fetched next.

        :param value: how many rows to move, or where to.
        :param mode: `"relative"` or `"absolute"`.
        :raises IndexError: if there is no such row; nothing is moved then.
        """
        if self._pending:
            self._receive()
        self._scroll(value, mode)

    def set_result(self: Self, index: int) -> Self:
        """Go to a result by its number; negative numbers count from the last.

        :raises IndexError: if there is no such result.
        """
        if self._pending:
            self._receive()
        self._set_result(index)
        return self

    def results(self: Self) -> Iterator[Self]:
        """Go through the results, each becoming the current one."""
        if self._pending:
            self._receive()
        if self._result_count():
            yield self
            while self._nextset():
                yield self

    def _copy(
        self, statement: Query, params: Params | None = None, *, writer: Writer | None = None
    ) -> CopyContext:
        """Copy, without a `progress`; see :meth:`copy`."""
        return CopyContext(self, statement, params, writer, None)

    @extends(_copy)
    def copy(
        self,
        statement: Query,
        params: Params | None = None,
        *,
        writer: Writer | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> CopyContext:
        """Copy data to or from the server, inside `with`::

            with cursor.copy("COPY t FROM STDIN") as copy:
                copy.write_rows(rows)

        Leaving the block ends the COPY; leaving it by an exception undoes it. Meanwhile the
        connection does nothing else.

        :param statement: a `COPY ... FROM STDIN` or `COPY ... TO STDOUT`.
        :param params: for its placeholders; they become literals on the client.
        :param writer: what takes the data that are written; by default they go to the server.
        :param progress: called with the number of bytes and of rows so far, each time some have
            been sent or received. Rows in data written with :meth:`Copy.write` are not
            counted.
        :raises ProgrammingError: for any other statement.
        :raises Error: what the server says.

        See "Using COPY TO and COPY FROM" of the psycopg manual.
        """
        return CopyContext(self, statement, params, writer, progress)


def _log_ignored(cursor: Cursor[Any], ex: Exception) -> None:
    """Whoever left the stream has another reason to hear of; this one is told in the log."""
    import logging

    logging.getLogger("psycopg").warning("error ignored in stream() on %s: %s", cursor, ex)
