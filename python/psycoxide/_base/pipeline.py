"""Pipelines: what does not wait.

In a pipeline queries are sent without waiting for their results; a Sync ends a sequence of them.
The queue, and the results that come in, live in the core. One connection has at most one pipeline:
a nested block is a Sync at its beginning and another at its end.
<https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..pq import PGconn, PipelineStatus
    from .connection import BaseConnection


class BasePipeline:
    """The base of :class:`Pipeline` and :class:`AsyncPipeline`.

    :param conn: the connection to use.
    """

    __module__ = "psycoxide"

    def __init__(self, conn: BaseConnection[Any], _no_lock: bool = False):
        self._conn = conn
        #: How many blocks of this pipeline were entered and not left yet.
        self.level = 0

    def __repr__(self) -> str:
        from ..pq.misc import connection_summary
        from .connection import _module_name

        cls = f"{_module_name()}.{type(self).__qualname__}"
        summary = connection_summary(self._conn.pgconn)
        return f"<{cls} {summary} at 0x{id(self):x}>"

    @property
    def pgconn(self) -> PGconn:
        """The connection, at the level of libpq's interface."""
        return self._conn.pgconn

    @property
    def status(self) -> PipelineStatus:
        """Whether the connection is in pipeline mode, and whether a query in it has failed."""
        return self._conn.pgconn.pipeline_status

    @staticmethod
    def is_supported() -> bool:
        """Whether pipelines can be used: they always can."""
        return True

    @property
    def result_queue(self) -> range:
        """As long as the list of queries whose results have not come in yet."""
        return range(self._conn._pipeline_pending())

    @property
    def command_queue(self) -> range:
        """As long as the list of commands that the core has not taken yet: empty."""
        return range(0)

    def _entered(self) -> None:
        """Note that a block has begun."""
        self.level += 1
        self._conn._pipeline = self

    def _leaving(self) -> bool:
        """Note that a block ends; whether it is the outermost."""
        self.level -= 1
        if self.level > 0:
            return False
        self._conn._pipeline = None
        return True

    def _ignore(self, ex: Exception) -> None:
        """The exception that ended the block goes on; this other one is told in the log."""
        import logging

        logging.getLogger("psycopg").warning("error ignored terminating %r: %s", self, ex)
