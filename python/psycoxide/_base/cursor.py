"""What cursors of both kinds have in common."""

from __future__ import annotations

from .. import _core
from .._generic import ConnectionType, Generic, Row
from .descriptors import core_property

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._column import Column


class BaseCursor(_core.CursorBase, Generic[ConnectionType, Row]):
    """The base of :class:`Cursor` and :class:`AsyncCursor`."""

    __module__ = "psycoxide"

    #: Who binds the parameters, as the core counts: 0 the server, 1 the client, 2 the server and
    #: the query has its placeholders.
    _binding = 0
    if TYPE_CHECKING:
        # What the core has, with the types that it cannot know.

        @property
        def connection(self) -> ConnectionType:
            """The connection that the cursor works on."""

        def _fetchone(self) -> Row | None: ...
        def _fetchmany(self, size: int) -> list[Row]: ...
        def _fetchall(self) -> list[Row]: ...

        def __init__(self, connection: Any, *, row_factory: Any = None) -> None: ...

    else:
        __init__ = _core.CursorBase._initialise
        row_factory = core_property(_core.CursorBase, "row_factory")

    def __repr__(self) -> str:
        from ..pq.misc import connection_summary
        from .connection import _module_name

        cls = f"{_module_name()}.{type(self).__qualname__}"
        if self.closed:
            status = "closed"
        elif (result := self.pgresult) is None:
            status = "no result"
        else:
            status = result.status.name
        summary = connection_summary(self.connection.pgconn)
        return f"<{cls}{self._label()} [{status}] {summary} at 0x{id(self):x}>"

    def _label(self) -> str:
        """What stands behind the class in a representation."""
        return ""

    @property
    def description(self) -> list[Column] | None:
        """The columns of the current result, or `None` if it has no rows.

        See `PEP 249 <https://peps.python.org/pep-0249/#description>`__.
        """
        if not self._has_columns():
            return None
        from .._column import Column

        result = self.pgresult
        assert result is not None
        return [Column(self, index) for index in range(result.nfields)]

    def nextset(self) -> bool | None:
        """Go on to the next result, of `executemany(returning=True)` or of several statements.

        :returns: `True`, or `None` if there is no other.
        """
        return self._nextset()

    def setinputsizes(self, sizes: Any) -> None:
        """Do nothing: required by the DB-API."""

    def setoutputsize(self, size: Any, column: Any = None) -> None:
        """Do nothing: required by the DB-API."""
