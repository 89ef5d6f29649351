# Generated from ../_async/deadline.py by tools/unasync.py: edit that, then `make twins`.
"""Blocks whose statements must end in time: who watches the clock."""

from __future__ import annotations

from .._base.deadline import BaseDeadline
from . import waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from types import TracebackType


class Deadline(BaseDeadline):
    """A block whose statements must end in time: what :meth:`Connection.deadline` returns."""

    __module__ = "psycoxide"

    #: Set when the block is left.
    _left: threading.Event
    _watcher: threading.Thread

    def __enter__(self) -> Deadline:
        self._enter()
        import threading

        self._left = threading.Event()
        self._watcher = threading.Thread(
            target=self._watch, name="psycoxide-deadline", daemon=True
        )
        self._watcher.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._left.set()
        # A cancel request on its way must not hit what follows the block.
        self._watcher.join()
        self._leave(exc_val)

    def _watch(self) -> None:
        while (pause := self._pause()) is not None and not self._is_left(pause):
            if self._look():
                try:
                    waiting.cancel(self._conn.pgconn, self._patience)
                except Exception as ex:
                    self._not_cancelled(ex)

    def _is_left(self, seconds: float) -> bool:
        """Wait; whether the block was left meanwhile."""
        return self._left.wait(seconds)
