# Generated from ../_async/pipeline.py by tools/unasync.py: edit that, then `make twins`.
"""Pipelines, entered, synchronised and left."""

from __future__ import annotations

from .._base.pipeline import BasePipeline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, TypeVar

    from .connection import Connection

    Self = TypeVar("Self", bound="Pipeline")


class Pipeline(BasePipeline):
    """Queries that are sent without waiting for their results.

    Results come in when one of them is fetched, at :meth:`sync`, at the end of a transaction and at
    the end of the block. Errors are raised there too: once a query has failed the server skips
    those behind it, up to the next :meth:`sync`, and they raise
    :class:`~psycoxide.errors.PipelineAborted`.

    Not to be created by hand: call `connection.pipeline()`. See "Pipeline mode support" of the
    psycopg manual.
    """

    __module__ = "psycoxide"

    _conn: Connection[Any]

    def sync(self) -> None:
        """Send everything with a Sync, and receive all results.

        :raises Error: what the server says of the first query that failed.
        """
        self._conn._sync_pipeline()

    def __enter__(self: Self) -> Self:
        if self.level:
            self._conn._settle_pipeline()
        else:
            self._conn._enter_pipeline()
        self._entered()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        try:
            if self._leaving():
                self._conn._leave_pipeline()
            else:
                self._conn._settle_pipeline()
        except Exception as ex:
            if exc_val is None:
                raise
            self._ignore(ex)
