# Generated from ../_async/copy.py by tools/unasync.py: edit that, then `make twins`.
"""COPY: data in bulk, to and from the server."""

from __future__ import annotations

from .._base import copy as base
from . import waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    import queue
    import threading
    from typing import IO

    from collections.abc import Iterable, Iterator, Iterable, Sequence
    from types import TracebackType
    from typing import Any, TypeVar

    from ..abc import Buffer
    from .connection import Connection  # noqa: F401 (named in a string)
    from .cursor import Cursor

    Self = TypeVar("Self", bound="Copy")


class Copy(base.BaseCopy["Connection[Any]"]):
    """The data of a COPY, for asyncio: what `with` :meth:`Cursor.copy` gives.

    :param cursor: the cursor to work for; it performs a COPY, unless there is a writer which sends
        the data elsewhere.
    :param binary: whether rows are written in binary format; by default as the COPY wants them.
    :param writer: what takes the data; by default they go to the server.

    See "Using COPY TO and COPY FROM" of the psycopg manual.
    """

    __module__ = "psycoxide"

    writer: Writer
    """What takes the data that are written."""

    def __init__(
        self,
        cursor: Cursor[Any],
        *,
        binary: bool | None = None,
        writer: Writer | None = None,
    ):
        self._set_up_for(cursor, binary, writer)
        # Without a writer of the user's, data go from the core to the server.
        self._direct = writer is None
        self._finished = False
        self.writer = LibpqWriter(cursor) if writer is None else writer

    def __enter__(self: Self) -> Self:
        if self._finished:
            raise TypeError("a copy cannot be entered again after its end")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        try:
            self.finish(exc_val)
        except Exception as ex:
            if exc_val is None:
                raise
            base.log_ignored(self, ex)

    def read(self) -> Buffer:
        """Read the next piece as the server has sent it: a row, mostly.

        :returns: the data, empty at the end.
        :raises Error: what the server says.
        """
        while (data := self._next()) is None:
            if not self._receive():
                return memoryview(b"")
        return data

    def __iter__(self) -> Iterator[Buffer]:
        """Read all data, piece by piece as the server has sent them."""
        return self._iterator(False)

    def read_row(self) -> tuple[Any, ...] | None:
        """Read a row.

        Without :meth:`set_types` its values are `str`, or `bytes` in binary format.

        :returns: the row, or `None` at the end.
        :raises Error: what the server says.
        """
        while (row := self._next_row()) is None:
            if not self._receive():
                return None
        return row

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        """Read all rows; see :meth:`rows`."""
        while True:
            while (row := self._next_row()) is not None:
                yield row
            if not self._receive():
                return

    def _row_lists(self, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Read all rows, many at a time."""
        if size < 1:
            raise ValueError(f"size must be at least 1, not {size}")
        rows: list[tuple[Any, ...]] = []
        while True:
            if self._next_rows(rows, size):
                yield rows
                rows = []
            elif not self._receive():
                break
        if rows:
            yield rows

    @base.extends(_rows)
    def rows(self, size: int | None = None) -> Iterator[Any]:
        """Read all rows, as :meth:`read_row` does.

        :param size: give lists of so many rows (the last one of fewer) instead of single rows:
            faster for many rows.
        :raises Error: what the server says.
        """
        if size is not None:
            return self._row_lists(size)
        return self._iterator(True)

    def write(self, buffer: Buffer | str) -> None:
        """Write data that are formatted already.

        They need not be whole rows. They are sent when enough have been gathered.

        :param buffer: the data; a `str` (not in binary format) is sent in the client encoding.
        :raises Error: what the server says of data sent earlier.
        """
        if self._add_data(buffer):
            self._flush()

    if TYPE_CHECKING:
        # The core has it: no frame of Python stands between.

        def write_row(self, row: Sequence[Any]) -> None:
            """Write a row.

            It is sent when enough have been gathered.

            :param row: the values, in the order of the columns.
            :raises DataError: if a value does not suit its type, or there are not as many as
                types; it names the row. Nothing of the row is written then.
            :raises ProgrammingError: for a value of a class that has no dumper.
            :raises Error: what the server says of rows sent earlier.
            """

    def write_rows(
        self, rows: Iterable[Sequence[Any]] | Iterable[Sequence[Any]]
    ) -> None:
        """Write many rows; faster than :meth:`write_row` for each.

        :param rows: the rows, taken as they are needed: memory does not grow with their number.
        :raises Error: as :meth:`write_row`.
        """
        iterator = iter(rows)
        if self._direct:
            self._send_rows(iterator)
            return
        while self._add_rows(iterator):
            self._flush()

    def _flush(self) -> None:
        """Send what was gathered."""
        if self._direct:
            self._send()
        elif data := self._take():
            self.writer.write(data)

    def finish(self, exc: BaseException | None) -> None:
        """End the COPY; the `with` block does it.

        :param exc: what has gone wrong, if anything: then the server takes none of the data.
        :raises Error: what the server says.
        """
        if self._finished:
            return
        self._finished = True
        if self._outgoing:
            self._finish_reading(exc)
        if self._outgoing and self._direct:
            return
        try:
            if exc is not None:
                self._forget()
            elif self._add_end():
                self._flush()
        except BaseException as ex:
            self._finish_writing(ex)
            raise
        self._finish_writing(exc)

    def _finish_writing(self, exc: BaseException | None) -> None:
        """End a COPY to the server, and the writer."""
        self.writer.finish(exc)
        if not self._direct and self._incoming:
            # The writer may have left the server waiting.
            last = base.NO_ROWS if self.formatter.format else b""
            self.cursor._copy_end(base.reason_of(exc), last=last)

    def _finish_reading(self, exc: BaseException | None) -> None:
        """End a COPY from the server: read a short rest, do not wait for a long one."""
        patience = base.DRAIN if exc is None else 0
        quiet = exc is not None or self._told
        if self.cursor._copy_end(patience=patience, quiet=quiet):
            return
        try:
            waiting.cancel(self.connection.pgconn, base.CANCEL_TIMEOUT)
        except Exception as ex:
            base.log_ignored(self, ex)
        self.cursor._copy_end(quiet=True)


class CopyContext(base.BaseCopyContext):
    """What :meth:`Cursor.copy` returns: entering it begins the COPY, leaving it ends it."""

    __slots__ = ()

    def __enter__(self) -> Copy:
        self._check()
        self._cursor._copy_begin(self._statement, self._params)
        try:
            copy = Copy(self._cursor, writer=self._writer)
            self._copy = copy
            copy._set_progress(self._progress)
            return copy.__enter__()
        except BaseException:
            self._cursor._copy_release()
            raise

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        try:
            self._copy.__exit__(exc_type, exc_val, exc_tb)
        finally:
            self._cursor._copy_release()


class Writer:
    """Takes the data of a COPY, formatted: subclass it to send them elsewhere."""

    __module__ = "psycoxide.copy"

    def write(self, data: Buffer) -> None:
        """Take some data.

        :param data: not necessarily whole rows.
        """
        raise NotImplementedError

    def finish(self, exc: BaseException | None = None) -> None:
        """Take note that there are no more data.

        :param exc: what has ended the block, if it was an exception.
        """


class LibpqWriter(Writer):
    """Sends the data to the server: the writer that is used without another.

    :param cursor: the cursor that performs the COPY.
    :param flush_threshold: ignored: what is on its way is bounded by the core.
    """

    __module__ = "psycoxide.copy"

    def __init__(self, cursor: Cursor[Any], *, flush_threshold: int = 1048576):
        self.cursor = cursor
        self.connection = cursor.connection
        self.flush_threshold = flush_threshold

    def write(self, data: Buffer) -> None:
        self.cursor._copy_send(data)

    def finish(self, exc: BaseException | None = None) -> None:
        self.cursor._copy_end(base.reason_of(exc))


class QueuedLibpqWriter(LibpqWriter):
    """Sends the data to the server from a thread of its own, so that they are made meanwhile.

    :param cursor: the cursor that performs the COPY.
    :param flush_threshold: see :class:`LibpqWriter`.
    """

    __module__ = "psycoxide.copy"

    def __init__(self, cursor: Cursor[Any], *, flush_threshold: int = 1048576):
        import queue

        super().__init__(cursor, flush_threshold=flush_threshold)
        self._queue: queue.Queue[Buffer | None] = queue.Queue(base.QUEUE_SIZE)
        self._worker: threading.Thread | None = None
        self._worker_error: BaseException | None = None

    def worker(self) -> None:
        """Send what is in the queue, until there is `None` in it."""
        try:
            while (data := self._queue.get()) is not None:
                super().write(data)
        except BaseException as ex:
            self._worker_error = ex
            # Whoever waits for room in the queue must come to see the error.
            while not self._queue.empty():
                self._queue.get_nowait()

    def write(self, data: Buffer) -> None:
        if self._worker is None:
            import threading

            self._worker = threading.Thread(target=self.worker, daemon=True)
            self._worker.start()
        if self._worker_error is not None:
            raise self._worker_error
        self._queue.put(data)

    def finish(self, exc: BaseException | None = None) -> None:
        if self._worker is not None:
            if self._worker_error is None:
                self._queue.put(None)
            self._worker.join()
            self._worker = None
        if exc is None:
            exc = self._worker_error
        super().finish(exc)
        if self._worker_error is not None:
            raise self._worker_error


class FileWriter(Writer):
    """Writes the data into a file, to be copied into a table later.

    Use it with a :class:`Copy` of its own, without a COPY on the server::

        with Copy(cursor, writer=FileWriter(file)) as copy:
            copy.write_rows(rows)

    :param file: a file that is open for writing bytes; it stays open.
    """

    __module__ = "psycoxide.copy"

    def __init__(self, file: IO[bytes]):
        self.file = file

    def write(self, data: Buffer) -> None:
        self.file.write(data)
