"""Cursors that bind on the client."""

from __future__ import annotations

from .._base.client_cursor import ClientCursorMixin
from .cursor import AsyncCursor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._row_protocols import Row
else:
    from .._generic import Row


class AsyncClientCursor(ClientCursorMixin, AsyncCursor[Row]):
    """An :class:`AsyncCursor` that puts the parameters into the query itself.

    See "Client-side-binding cursors" of the psycopg manual.
    """

    __module__ = "psycoxide"
