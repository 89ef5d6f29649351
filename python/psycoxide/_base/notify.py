"""Notifications of `LISTEN` and `NOTIFY`, and who listens to them."""

from __future__ import annotations

from collections import namedtuple
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .connection import BaseConnection


class Notify(namedtuple("Notify", "channel payload pid")):  # typing.NamedTuple costs too much
    """A notification received from the server: `(channel, payload, pid)`.

    See "Asynchronous notifications" of the psycopg manual.
    """

    __slots__ = ()
    __module__ = "psycoxide"

    channel: str
    """The channel it was sent to."""
    payload: str
    """What was sent, maybe empty."""
    pid: int
    """The process that sent it."""


class Listening:
    """A `notifies()` that is going on.

    As long as it does, notifications are kept for it even if handlers get them.

    :param connection: whose notifications.
    :param timeout: how long it goes on, in seconds.
    """

    def __init__(self, connection: BaseConnection[Any], timeout: float | None):
        self._conn = connection
        self._pgconn = connection.pgconn
        self._end = None if timeout is None else monotonic() + timeout
        #: Whether there is any time left; there always is for a first look.
        self.goes_on = True
        #: How many notifications were given out.
        self.count = 0

    def __enter__(self) -> Listening:
        if self._pgconn._listen(1):
            from warnings import warn

            warn(
                "notifies() is used together with notify handlers: both will get what comes now",
                RuntimeWarning,
                stacklevel=4,
            )
        return self

    def __exit__(self, *error: object) -> None:
        self._pgconn._listen(-1)

    @property
    def time_left(self) -> float | None:
        """The seconds left; `None`: any number."""
        if self._end is None:
            return None
        left = self._end - monotonic()
        if left <= 0:
            self.goes_on = False
            return 0
        return left

    def arrived(self) -> list[Notify]:
        """What has arrived since the last call."""
        arrived = self._pgconn._take_notifications()
        if not arrived:
            self._conn._check_connection_ok()
        return [self._conn._notify(notification) for notification in arrived]
