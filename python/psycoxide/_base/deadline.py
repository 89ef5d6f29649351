"""Blocks whose statements must end in time: when to cancel, and when to give the connection up.

The rule this file guards: what runs when the time is over is cancelled; what the server has not
ended a grace time later costs the connection. Nothing happens to a connection once the block is
left, so that no cancel request reaches a statement behind it.

The block's watcher (a thread, a task) does what is decided here: it pauses for `_pause()`, looks
(`_look()`), and sends a cancel request if that says so.

See `Canceling Requests in Progress
<https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS>`__.
"""

from __future__ import annotations

import time

from .. import _errors_base as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .connection import BaseConnection

LOOK_AGAIN = 0.02
"""How often to look for something to cancel once the time is over, in seconds."""

LONGEST_PAUSE = 3600.0
"""The longest pause, in seconds: not every number of seconds can be waited for."""

LEAST_PATIENCE = 1.0
"""How long a cancel request may take at least, in seconds: it is not to be given up at once."""


class BaseDeadline:
    """The base of the blocks that `deadline()` returns.

    :param connection: whose statements.
    :param seconds: how long the block may take.
    :param grace: how long the server may take to end what was cancelled, in seconds.
    """

    __module__ = "psycoxide"

    def __init__(self, connection: BaseConnection[Any], seconds: float, grace: float):
        # Written so that NaN is refused.
        if not seconds >= 0 or not grace >= 0:
            raise ValueError(f"seconds and grace are at least 0, not {seconds} and {grace}")
        self._conn = connection
        self._seconds, self._grace = seconds, grace
        #: When the time is over, as :func:`time.monotonic` counts; `None` before the block.
        self._end: float | None = None
        #: When to look at the connection next.
        self._due = 0.0
        #: The number of the operation that was cancelled last.
        self._target: int | None = None
        #: Until when that may go on, and what follows it is left alone.
        self._grace_end = 0.0
        #: Whether anything was cancelled.
        self._cancelled = False
        #: Whether the connection was given up.
        self._lost = False

    @property
    def time_left(self) -> float:
        """The time left, in seconds; 0 when it is over, all of it before the block is entered."""
        if self._end is None:
            return self._seconds
        return max(self._end - time.monotonic(), 0.0)

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.time_left == 0

    def __repr__(self) -> str:
        return f"<{type(self).__qualname__} {self._seconds:g} s, {self.time_left:.3f} s left>"

    def _enter(self) -> None:
        """Begin.

        :raises OperationalError: if the connection is closed.
        :raises ProgrammingError: if the block was entered before.
        """
        if self._end is not None:
            raise e.ProgrammingError("a deadline is for one block: call deadline() for each")
        self._conn._check_connection_ok()
        self._end = self._due = time.monotonic() + self._seconds

    def _pause(self) -> float | None:
        """How long to wait before the next look; `None`: there is nothing to look at any more."""
        if self._conn.closed:
            return None
        return min(max(self._due - time.monotonic(), 0.0), LONGEST_PAUSE)

    def _look(self) -> bool:
        """Look at what the connection does if it is time to; whether to cancel that."""
        now = time.monotonic()
        if now < self._due:
            return False
        running = self._conn.pgconn._running()
        if running is not None and running == self._target:
            # A request that came before the statement did nothing, so there is a second one.
            self._due = self._grace_end
            if now < self._grace_end:
                return True
            self._lost = True
            self._conn.pgconn._lose()
            return False
        if running is None or now < self._grace_end:
            # What begins later in the block is too late, but who cleans up is left in peace.
            self._due = max(now + LOOK_AGAIN, self._grace_end)
            return False
        self._target, self._cancelled = running, True
        self._grace_end = now + self._grace
        self._due = now + self._grace / 2
        return True

    @property
    def _patience(self) -> float:
        """How long sending a cancel request may take, in seconds."""
        return max(self._grace, LEAST_PATIENCE)

    def _not_cancelled(self, ex: Exception) -> None:
        """Note that a cancel request did not arrive: the grace time goes on, and decides."""
        import logging

        logging.getLogger("psycoxide").warning(
            "the deadline of %g s is over, and cancelling failed on %s: %s",
            *(self._seconds, self._conn, ex),
        )

    def _leave(self, ex: BaseException | None) -> None:
        """Raise what tells of the deadline, if the block ended because of it.

        :param ex: the exception that ended the block.
        """
        if not (ex is None or isinstance(ex, e.Error)) or isinstance(ex, e.CommitOutcomeUnknown):
            return
        over = f"the deadline of {self._seconds:g} s is over"
        if self._lost:
            raise e.OperationalError(
                f"{over}, and the server had not ended the statement {self._grace:g} s later: the"
                " connection is closed"
            ) from ex
        if self._cancelled and ex is not None and ex.sqlstate == "57014":
            from ..errors import QueryCanceled

            raise QueryCanceled(f"{over}: {ex}", info=ex._info, encoding=ex._encoding) from ex
