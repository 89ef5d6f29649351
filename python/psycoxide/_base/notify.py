"""A notification of `LISTEN` and `NOTIFY`."""

from __future__ import annotations

from collections import namedtuple


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
