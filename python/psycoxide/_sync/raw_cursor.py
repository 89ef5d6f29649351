# Generated from ../_async/raw_cursor.py by tools/unasync.py: edit that, then `make twins`.
"""Cursors with PostgreSQL's own placeholders."""

from __future__ import annotations

from .._base.raw_cursor import RawCursorMixin
from .cursor import Cursor
from .server_cursor import ServerCursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._row_protocols import Row
else:
    from .._generic import Row


class RawCursor(RawCursorMixin, Cursor[Row]):
    """An :class:`Cursor` for queries with `$1`, `$2`…

    See "Raw query cursors" of the psycopg manual.
    """

    __module__ = "psycoxide"


class RawServerCursor(RawCursorMixin, ServerCursor[Row]):
    """An :class:`ServerCursor` for queries with `$1`, `$2`…

    See "Raw query cursors" of the psycopg manual.
    """

    __module__ = "psycoxide"
