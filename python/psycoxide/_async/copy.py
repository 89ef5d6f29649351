"""COPY: data in bulk, to and from the server."""

from __future__ import annotations

from .._base import copy as base
from . import waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    # unasync: remove
    import asyncio

    # unasync: end
    # unasync: insert
    # import queue
    # import threading
    # from typing import IO
    #
    # unasync: end
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
    from types import TracebackType
    from typing import Any, TypeVar

    from ..abc import Buffer
    from .connection import AsyncConnection  # noqa: F401 (named in a string)
    from .cursor import AsyncCursor

    Self = TypeVar("Self", bound="AsyncCopy")


class AsyncCopy(base.BaseCopy["AsyncConnection[Any]"]):
    """The data of a COPY, for asyncio: what `async with` :meth:`AsyncCursor.copy` gives.

    :param cursor: the cursor to work for; it performs a COPY, unless there is a writer which sends
        the data elsewhere.
    :param binary: whether rows are written in binary format; by default as the COPY wants them.
    :param writer: what takes the data; by default they go to the server.

    See "Using COPY TO and COPY FROM" of the psycopg manual.
    """

    __module__ = "psycoxide"

    writer: AsyncWriter
    """What takes the data that are written."""

    def __init__(
        self,
        cursor: AsyncCursor[Any],
        *,
        binary: bool | None = None,
        writer: AsyncWriter | None = None,
    ):
        self._set_up_for(cursor, binary, writer)
        # Without a writer of the user's, data go from the core to the server.
        self._direct = writer is None
        self._finished = False
        self.writer = AsyncLibpqWriter(cursor) if writer is None else writer

    async def __aenter__(self: Self) -> Self:
        if self._finished:
            raise TypeError("a copy cannot be entered again after its end")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        try:
            await self.finish(exc_val)
        except Exception as ex:
            if exc_val is None:
                raise
            base.log_ignored(self, ex)

    async def read(self) -> Buffer:
        """Read the next piece as the server has sent it: a row, mostly.

        :returns: the data, empty at the end.
        :raises Error: what the server says.
        """
        while (data := self._next()) is None:
            if not await self._receive():
                return memoryview(b"")
        return data

    # unasync: remove
    async def __aiter__(self) -> AsyncIterator[Buffer]:
        """Read all data, piece by piece as the server has sent them."""
        while True:
            while (data := self._next()) is not None:
                yield data
            if not await self._receive():
                return

    # unasync: end
    # unasync: insert
    # def __iter__(self) -> Iterator[Buffer]:
    #     """Read all data, piece by piece as the server has sent them."""
    #     return self._iterator(False)
    # unasync: end

    async def read_row(self) -> tuple[Any, ...] | None:
        """Read a row.

        Without :meth:`set_types` its values are `str`, or `bytes` in binary format.

        :returns: the row, or `None` at the end.
        :raises Error: what the server says.
        """
        while (row := self._next_row()) is None:
            if not await self._receive():
                return None
        return row

    async def _rows(self) -> AsyncIterator[tuple[Any, ...]]:
        """Read all rows; see :meth:`rows`."""
        while True:
            while (row := self._next_row()) is not None:
                yield row
            if not await self._receive():
                return

    async def _row_lists(self, size: int) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Read all rows, many at a time."""
        if size < 1:
            raise ValueError(f"size must be at least 1, not {size}")
        rows: list[tuple[Any, ...]] = []
        while True:
            if self._next_rows(rows, size):
                yield rows
                rows = []
            elif not await self._receive():
                break
        if rows:
            yield rows

    @base.extends(_rows)
    def rows(self, size: int | None = None) -> AsyncIterator[Any]:
        """Read all rows, as :meth:`read_row` does.

        :param size: give lists of so many rows (the last one of fewer) instead of single rows:
            faster for many rows.
        :raises Error: what the server says.
        """
        if size is not None:
            return self._row_lists(size)
        # unasync: insert
        # return self._iterator(True)
        # unasync: end
        # unasync: remove
        return self._rows()
        # unasync: end

    async def write(self, buffer: Buffer | str) -> None:
        """Write data that are formatted already.

        They need not be whole rows. They are sent when enough have been gathered.

        :param buffer: the data; a `str` (not in binary format) is sent in the client encoding.
        :raises Error: what the server says of data sent earlier.
        """
        if self._add_data(buffer):
            await self._flush()

    # unasync: remove
    async def write_row(self, row: Sequence[Any]) -> None:
        """Write a row.

        It is sent when enough have been gathered.

        :param row: the values, in the order of the columns.
        :raises DataError: if a value does not suit its type, or there are not as many as types; it
            names the row. Nothing of the row is written then.
        :raises ProgrammingError: for a value of a class that has no dumper.
        :raises Error: what the server says of rows sent earlier.
        """
        if self._add_row(row):
            await self._flush()

    # unasync: end
    # unasync: insert
    # if TYPE_CHECKING:
    #     # The core has it: no frame of Python stands between.
    #
    #     def write_row(self, row: Sequence[Any]) -> None:
    #         """Write a row.
    #
    #         It is sent when enough have been gathered.
    #
    #         :param row: the values, in the order of the columns.
    #         :raises DataError: if a value does not suit its type, or there are not as many as
    #             types; it names the row. Nothing of the row is written then.
    #         :raises ProgrammingError: for a value of a class that has no dumper.
    #         :raises Error: what the server says of rows sent earlier.
    #         """
    #
    # unasync: end
    async def write_rows(
        self, rows: Iterable[Sequence[Any]] | AsyncIterable[Sequence[Any]]
    ) -> None:
        """Write many rows; faster than :meth:`write_row` for each.

        :param rows: the rows, taken as they are needed: memory does not grow with their number.
        :raises Error: as :meth:`write_row`.
        """
        # unasync: remove
        if hasattr(rows, "__aiter__"):
            async for row in rows:
                await self.write_row(row)
            return
        # unasync: end
        iterator = iter(rows)
        if self._direct:
            await self._send_rows(iterator)
            return
        while self._add_rows(iterator):
            await self._flush()

    async def _flush(self) -> None:
        """Send what was gathered."""
        if self._direct:
            await self._send()
        elif data := self._take():
            await self.writer.write(data)

    async def finish(self, exc: BaseException | None) -> None:
        """End the COPY; the `with` block does it.

        :param exc: what has gone wrong, if anything: then the server takes none of the data.
        :raises Error: what the server says.
        """
        if self._finished:
            return
        self._finished = True
        if self._outgoing:
            await self._finish_reading(exc)
        if self._outgoing and self._direct:
            return
        try:
            if exc is not None:
                self._forget()
            elif self._add_end():
                await self._flush()
        except BaseException as ex:
            await self._finish_writing(ex)
            raise
        await self._finish_writing(exc)

    async def _finish_writing(self, exc: BaseException | None) -> None:
        """End a COPY to the server, and the writer."""
        await self.writer.finish(exc)
        if not self._direct and self._incoming:
            # The writer may have left the server waiting.
            last = base.NO_ROWS if self.formatter.format else b""
            await self.cursor._copy_end(base.reason_of(exc), last=last)

    async def _finish_reading(self, exc: BaseException | None) -> None:
        """End a COPY from the server: read a short rest, do not wait for a long one."""
        patience = base.DRAIN if exc is None else 0
        quiet = exc is not None or self._told
        if await self.cursor._copy_end(patience=patience, quiet=quiet):
            return
        try:
            await waiting.cancel(self.connection.pgconn, base.CANCEL_TIMEOUT)
        except Exception as ex:
            base.log_ignored(self, ex)
        await self.cursor._copy_end(quiet=True)


class AsyncCopyContext(base.BaseCopyContext):
    """What :meth:`AsyncCursor.copy` returns: entering it begins the COPY, leaving it ends it."""

    __slots__ = ()

    async def __aenter__(self) -> AsyncCopy:
        self._check()
        await self._cursor._copy_begin(self._statement, self._params)
        try:
            copy = AsyncCopy(self._cursor, writer=self._writer)
            self._copy = copy
            copy._set_progress(self._progress)
            return await copy.__aenter__()
        except BaseException:
            self._cursor._copy_release()
            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        try:
            await self._copy.__aexit__(exc_type, exc_val, exc_tb)
        finally:
            self._cursor._copy_release()


class AsyncWriter:
    """Takes the data of a COPY, formatted: subclass it to send them elsewhere."""

    __module__ = "psycoxide.copy"

    async def write(self, data: Buffer) -> None:
        """Take some data.

        :param data: not necessarily whole rows.
        """
        raise NotImplementedError

    async def finish(self, exc: BaseException | None = None) -> None:
        """Take note that there are no more data.

        :param exc: what has ended the block, if it was an exception.
        """


class AsyncLibpqWriter(AsyncWriter):
    """Sends the data to the server: the writer that is used without another.

    :param cursor: the cursor that performs the COPY.
    :param flush_threshold: ignored: what is on its way is bounded by the core.
    """

    __module__ = "psycoxide.copy"

    def __init__(self, cursor: AsyncCursor[Any], *, flush_threshold: int = 1048576):
        self.cursor = cursor
        self.connection = cursor.connection
        self.flush_threshold = flush_threshold

    async def write(self, data: Buffer) -> None:
        await self.cursor._copy_send(data)

    async def finish(self, exc: BaseException | None = None) -> None:
        await self.cursor._copy_end(base.reason_of(exc))


# unasync: remove
class AsyncQueuedLibpqWriter(AsyncLibpqWriter):
    """Sends the data to the server from a task of its own, so that they are made meanwhile.

    :param cursor: the cursor that performs the COPY.
    :param flush_threshold: see :class:`AsyncLibpqWriter`.
    """

    __module__ = "psycoxide.copy"

    def __init__(self, cursor: AsyncCursor[Any], *, flush_threshold: int = 1048576):
        import asyncio

        super().__init__(cursor, flush_threshold=flush_threshold)
        self._queue: asyncio.Queue[Buffer | None] = asyncio.Queue(base.QUEUE_SIZE)
        self._worker: asyncio.Task[None] | None = None
        self._worker_error: BaseException | None = None

    async def worker(self) -> None:
        """Send what is in the queue, until there is `None` in it."""
        try:
            while (data := await self._queue.get()) is not None:
                await super().write(data)
        except BaseException as ex:
            self._worker_error = ex
            # Whoever waits for room in the queue must come to see the error.
            while not self._queue.empty():
                self._queue.get_nowait()

    async def write(self, data: Buffer) -> None:
        if self._worker is None:
            import asyncio

            self._worker = asyncio.create_task(self.worker())
        if self._worker_error is not None:
            raise self._worker_error
        await self._queue.put(data)

    async def finish(self, exc: BaseException | None = None) -> None:
        if self._worker is not None:
            if self._worker_error is None:
                await self._queue.put(None)
            # It raises nothing: what has gone wrong is in _worker_error.
            await self._worker
            self._worker = None
        if exc is None:
            exc = self._worker_error
        await super().finish(exc)
        if self._worker_error is not None:
            raise self._worker_error


# unasync: end
# unasync: insert
# class QueuedLibpqWriter(LibpqWriter):
#     """Sends the data to the server from a thread of its own, so that they are made meanwhile.
#
#     :param cursor: the cursor that performs the COPY.
#     :param flush_threshold: see :class:`LibpqWriter`.
#     """
#
#     __module__ = "psycoxide.copy"
#
#     def __init__(self, cursor: Cursor[Any], *, flush_threshold: int = 1048576):
#         import queue
#
#         super().__init__(cursor, flush_threshold=flush_threshold)
#         self._queue: queue.Queue[Buffer | None] = queue.Queue(base.QUEUE_SIZE)
#         self._worker: threading.Thread | None = None
#         self._worker_error: BaseException | None = None
#
#     def worker(self) -> None:
#         """Send what is in the queue, until there is `None` in it."""
#         try:
#             while (data := self._queue.get()) is not None:
#                 super().write(data)
#         except BaseException as ex:
#             self._worker_error = ex
#             # Whoever waits for room in the queue must come to see the error.
#             while not self._queue.empty():
#                 self._queue.get_nowait()
#
#     def write(self, data: Buffer) -> None:
#         if self._worker is None:
#             import threading
#
#             self._worker = threading.Thread(target=self.worker, daemon=True)
#             self._worker.start()
#         if self._worker_error is not None:
#             raise self._worker_error
#         self._queue.put(data)
#
#     def finish(self, exc: BaseException | None = None) -> None:
#         if self._worker is not None:
#             if self._worker_error is None:
#                 self._queue.put(None)
#             self._worker.join()
#             self._worker = None
#         if exc is None:
#             exc = self._worker_error
#         super().finish(exc)
#         if self._worker_error is not None:
#             raise self._worker_error
#
#
# class FileWriter(Writer):
#     """Writes the data into a file, to be copied into a table later.
#
#     Use it with a :class:`Copy` of its own, without a COPY on the server::
#
#         with Copy(cursor, writer=FileWriter(file)) as copy:
#             copy.write_rows(rows)
#
#     :param file: a file that is open for writing bytes; it stays open.
#     """
#
#     __module__ = "psycoxide.copy"
#
#     def __init__(self, file: IO[bytes]):
#         self.file = file
#
#     def write(self, data: Buffer) -> None:
#         self.file.write(data)
# unasync: end
