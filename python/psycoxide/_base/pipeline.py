"""Pipelines: what does not wait.

In a pipeline queries are sent without waiting for their results; a Sync ends a sequence of them.
The queue, and the results that come in, live in the core: `psycoxide._core.ConnectionBase`.
<https://www.postgresql.org/docs/current/libpq-pipeline-mode.html>
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..pq import PipelineStatus
    from .connection import BaseConnection


class BasePipeline:
    """The base of :class:`Pipeline` and :class:`AsyncPipeline`.

    :param conn: the connection to use.
    """

    __module__ = "psycoxide"

    def __init__(self, conn: BaseConnection[Any], _no_lock: bool = False):
        self._conn = conn

    def __repr__(self) -> str:
        from ..pq.misc import connection_summary
        from .connection import _module_name

        cls = f"{_module_name()}.{type(self).__qualname__}"
        summary = connection_summary(self._conn.pgconn)
        return f"<{cls} {summary} at 0x{id(self):x}>"

    @property
    def status(self) -> PipelineStatus:
        """Whether the connection is in pipeline mode, and whether a query in it has failed."""
        return self._conn.pgconn.pipeline_status

    @classmethod
    def is_supported(cls) -> bool:
        """Whether pipelines can be used: they always can."""
        return False
