"""Cursors with PostgreSQL's own placeholders."""

from __future__ import annotations

from .._base.raw_cursor import RawCursorMixin
from .cursor import AsyncCursor
from .server_cursor import AsyncServerCursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._row_protocols import Row
else:
    from .._generic import Row


class AsyncRawCursor(RawCursorMixin, AsyncCursor[Row]):
    """An :class:`AsyncCursor` for queries with `$1`, `$2`…

    See "Raw query cursors" of the psycopg manual.
    """

    __module__ = "psycoxide"


class AsyncRawServerCursor(RawCursorMixin, AsyncServerCursor[Row]):
    """An :class:`AsyncServerCursor` for queries with `$1`, `$2`…

    See "Raw query cursors" of the psycopg manual.
    """

    __module__ = "psycoxide"
