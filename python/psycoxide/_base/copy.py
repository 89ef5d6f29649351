"""What COPY has in common on connections of both kinds."""

from __future__ import annotations

from .. import _core
from .. import _errors_base as e
from .._generic import ConnectionType, Generic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

#: How many bytes may still come from the server, when a block is left early, before the COPY is
#: cancelled instead of being read to its end.
DRAIN = 1024 * 1024

#: How long a cancel request may take, in seconds.
CANCEL_TIMEOUT = 5.0

#: What binary data are when there are no rows.
NO_ROWS = b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"

#: How many pieces the queued writers keep before they hold the caller back.
QUEUE_SIZE = 128


def extends(original: Any) -> Callable[[F], F]:
    """Mark a method that takes more than psycopg's does.

    Tools that compare signatures see the one of `original`: calls written for that are right here.
    """

    def mark(method: F) -> F:
        method.__wrapped__ = original  # type: ignore[attr-defined]
        return method

    return mark


class TextFormatter:
    """Rows are text: fields between tabs, one line a row."""

    format = 0


class BinaryFormatter:
    """Rows are binary: the format that begins with `PGCOPY`."""

    format = 1


class BaseCopy(_core.CopyBase, Generic[ConnectionType]):
    """The base of :class:`Copy` and :class:`AsyncCopy`."""

    __module__ = "psycoxide"

    formatter: TextFormatter | BinaryFormatter

    _outgoing: bool
    """Whether data come from the server."""
    _incoming: bool
    """Whether the server waits for data."""

    def _set_up_for(self, cursor: Any, binary: bool | None, writer: Any) -> None:
        """Begin to work for a cursor."""
        result = cursor.pgresult
        self._outgoing = self._incoming = no_columns = False
        if result is not None:
            status = result.status
            # A cursor keeps the result of a COPY that is over.
            going_on = cursor.connection.pgconn.transaction_status == 1
            self._outgoing = status == 3 and going_on
            self._incoming = status == 4 and going_on
            no_columns = self._outgoing and not result.nfields
            if status not in (3, 4) and writer is None:
                raise e.ProgrammingError(
                    "the cursor should have performed a COPY operation;"
                    f" its status is {status.name} instead"
                )
            if binary is None:
                binary = bool(result.binary_tuples) and status in (3, 4)
        self._set_up(cursor, bool(binary), no_columns, self._outgoing and writer is None)
        self.formatter = BinaryFormatter() if binary else TextFormatter()

    @property
    def connection(self) -> Any:
        """The connection of the cursor."""
        return self.cursor.connection

    def __repr__(self) -> str:
        from ..pq.misc import connection_summary
        from .connection import _module_name

        cls = f"{_module_name()}.{type(self).__qualname__}"
        summary = connection_summary(self.connection.pgconn)
        return f"<{cls} {summary} at 0x{id(self):x}>"

    def set_types(self, types: Sequence[int | str]) -> None:
        """Set the types of the columns, one for each.

        They decide which dumpers and loaders are used; in binary format the server requires the
        very types of its columns. They cannot be found out: COPY does not tell them.

        :param types: names or OIDs.
        :raises KeyError: for a name that is not in `adapters.types`.

        See "Binary copy" of the psycopg manual.
        """
        registry = self.cursor.adapters.types
        self._set_types([oid if isinstance(oid, int) else registry.get_oid(oid) for oid in types])


def reason_of(exc: BaseException | None) -> bytes | None:
    """Return what the server is told when an exception ends a COPY; `None` if there is none."""
    if exc is None:
        return None
    text = f"error from Python: {type(exc).__qualname__} - {exc}"
    return text.replace("\0", " ").encode("utf-8", "replace")


def log_ignored(copy: object, exc: BaseException) -> None:
    """The exception that ended the block goes on; the one of its end is told in the log."""
    import logging

    logging.getLogger("psycopg").warning("error ignored terminating %r: %s", copy, exc)


class BaseCopyContext:
    """What `copy()` returns: entering it begins the COPY, leaving it ends it."""

    __slots__ = ("_copy", "_cursor", "_params", "_progress", "_statement", "_writer")

    def __init__(
        self,
        cursor: Any,
        statement: Any,
        params: Any,
        writer: Any,
        progress: Callable[[int, int], object] | None,
    ):
        self._cursor = cursor
        self._statement = statement
        self._params = params
        self._writer = writer
        self._progress = progress
        self._copy: Any = None

    def _check(self) -> None:
        """Check that a COPY can begin here."""
        if self._copy is not None:
            raise e.ProgrammingError("copy() cannot be entered twice")
        if self._cursor.connection.pgconn.pipeline_status:
            raise e.NotSupportedError("COPY cannot be used in pipeline mode")
