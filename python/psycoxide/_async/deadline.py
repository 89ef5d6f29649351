"""Blocks whose statements must end in time: who watches the clock."""

from __future__ import annotations

from .._base.deadline import BaseDeadline
from . import waiting

TYPE_CHECKING = False
if TYPE_CHECKING:
    # unasync: insert
    # import threading
    # unasync: end
    # unasync: remove
    import asyncio

    # unasync: end
    from types import TracebackType


class AsyncDeadline(BaseDeadline):
    """A block whose statements must end in time: what :meth:`AsyncConnection.deadline` returns."""

    __module__ = "psycoxide"

    #: Set when the block is left.
    # unasync: remove
    _left: asyncio.Event
    _watcher: asyncio.Task[None]
    # unasync: end
    # unasync: insert
    # _left: threading.Event
    # _watcher: threading.Thread
    # unasync: end

    async def __aenter__(self) -> AsyncDeadline:
        self._enter()
        # unasync: insert
        # import threading
        #
        # self._left = threading.Event()
        # self._watcher = threading.Thread(
        #     target=self._watch, name="psycoxide-deadline", daemon=True
        # )
        # self._watcher.start()
        # unasync: end
        # unasync: remove
        import asyncio

        self._left = asyncio.Event()
        self._watcher = asyncio.create_task(self._watch())
        # unasync: end
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._left.set()
        # A cancel request on its way must not hit what follows the block.
        # unasync: insert
        # self._watcher.join()
        # unasync: end
        # unasync: remove
        await self._watcher
        # unasync: end
        self._leave(exc_val)

    async def _watch(self) -> None:
        while (pause := self._pause()) is not None and not await self._is_left(pause):
            if self._look():
                try:
                    await waiting.cancel(self._conn.pgconn, self._patience)
                except Exception as ex:
                    self._not_cancelled(ex)

    async def _is_left(self, seconds: float) -> bool:
        """Wait; whether the block was left meanwhile."""
        # unasync: insert
        # return self._left.wait(seconds)
        # unasync: end
        # unasync: remove
        import asyncio

        try:
            await asyncio.wait_for(self._left.wait(), seconds)
        except (asyncio.TimeoutError, TimeoutError):
            return False
        return True
        # unasync: end
