# Generated from ../_async/server_cursor.py by tools/unasync.py: edit that, then `make twins`.
"""Cursors on the server."""

from __future__ import annotations

from .. import _errors_base as e

from .. import _core
from .._base.server_cursor import ServerCursorMixin
from .cursor import Cursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Any, TypeVar, overload

    from .._row_protocols import RowFactory, Row
    from ..abc import Params, Query
    from .connection import Connection

    Self = TypeVar("Self", bound="ServerCursor[Any]")
else:
    from .._generic import Row


class ServerCursor(ServerCursorMixin, Cursor[Row]):
    """A named cursor: the rows of its query stay on the server until they are fetched.

    :param connection: the connection to use.
    :param name: the name of the cursor. One of that name which exists can be fetched from without
        `execute()`.
    :param row_factory: makes rows out of values, see :mod:`psycoxide.rows`; the connection's own
        if not given.
    :param scrollable: whether it goes backwards; `None`: as the server decides by the query.
    :param withhold: whether it outlives its transaction.

    See "Server-side cursors" of the psycopg manual, and DECLARE of the PostgreSQL manual.
    """

    __module__ = "psycoxide"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            connection: Connection[Row],
            name: str,
            *,
            scrollable: bool | None = None,
            withhold: bool = False,
        ) -> None: ...
        @overload
        def __init__(
            self,
            connection: Connection[Any],
            name: str,
            *,
            row_factory: RowFactory[Row] | None,
            scrollable: bool | None = None,
            withhold: bool = False,
        ) -> None: ...

    def __init__(
        self,
        connection: Connection[Any],
        name: str,
        *,
        row_factory: RowFactory[Row] | None = None,
        scrollable: bool | None = None,
        withhold: bool = False,
    ):
        super().__init__(connection, row_factory=row_factory)
        self._init_server(name, scrollable, withhold)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the cursor, on the server too. A closed cursor cannot be used again."""
        try:
            if self._server_must_close():
                self._server_close()
        finally:
            self._close()

    def execute(
        self: Self,
        query: Query,
        params: Params | None = None,
        *,
        binary: bool | None = None,
        **kwargs: Any,
    ) -> Self:
        """Declare the cursor for a query.

        :param query: the SQL of one `SELECT` or `VALUES`.
        :param params: a sequence for `%s`, a mapping for `%(name)s`.
        :param binary: whether the values shall come in binary format; by default as the cursor's
            `format` says.
        :returns: the cursor, so that a fetch can be chained to it.
        :raises TypeError: for any other keyword.
        :raises Error: what the server says, as the class of its SQLSTATE.

        A cursor that was declared before is closed first.
        """
        if kwargs:
            raise TypeError(f"keyword not supported: {next(iter(kwargs))}")
        self._server_execute(query, params, binary)
        return self

    def executemany(
        self, query: Query, params_seq: Iterable[Params], *, returning: bool = True
    ) -> None:
        """Not supported: a cursor has one query.

        :raises NotSupportedError: always.
        """
        raise e.NotSupportedError("executemany not supported on server-side cursors")

    def fetchone(self) -> Row | None:
        """Fetch the next row, or `None` if there is none left.

        :raises Error: what the server says, as when there is no such cursor.
        """
        row: Row | None = self._server_fetchone()
        return row

    def fetchmany(self, size: int = 0) -> list[Row]:
        """Fetch the next rows, none if there is none left.

        :param size: how many at most; 0: as many as `arraysize` says.
        :raises Error: what the server says, as when there is no such cursor.
        """
        rows: list[Row] = self._server_fetch(size)
        return rows

    def fetchall(self) -> list[Row]:
        """Fetch all rows that are left.

        :raises Error: what the server says, as when there is no such cursor.
        """
        rows: list[Row] = self._server_fetch(None)
        return rows

    if TYPE_CHECKING:

        def __next__(self) -> Row: ...

    else:
        __next__ = _core.CursorBase._server_next

    def scroll(self, value: int, mode: str = "relative") -> None:
        """Move the cursor: to what is fetched next.

        :param value: how many rows to move, or where to.
        :param mode: `"relative"` or `"absolute"`.
        :raises OperationalError: if it is not scrollable and was to go backwards.
        """
        self._server_scroll(value, mode)
