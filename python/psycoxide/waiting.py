"""Running generators which yield what they wait for.

The driver's own operations wait in Rust. The functions here are for generators written in Python
upon :class:`psycoxide.pq.PGconn`, such as those of :mod:`psycoxide.generators`: one yields a
:class:`Wait`, and is sent the :class:`Ready` that came of it. They run the driver's operations as
well, which answer `__next__` and `send`.

Each function takes

- the generator,
- `fileno`, the descriptor to wait for (the generators for `wait_conn` yield it themselves),
- `interval`, in seconds: how often the generator is sent :attr:`Ready.NONE` when nothing happens,
  so that signals are handled; 0: never,
- `timeout`, in seconds: how long all of it may take; `None`: any time,

and returns what the generator returns.
"""

from __future__ import annotations

import select
import selectors
from time import monotonic

from . import _errors_base as e
from ._enums import Ready as Ready
from ._enums import Wait as Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from .abc import RV, PQGen, PQGenConn

    Poll: TypeAlias = Callable[[int, Wait, float | None], Ready]

WAIT_R = Wait.R
WAIT_W = Wait.W
WAIT_RW = Wait.RW
READY_NONE = Ready.NONE
READY_R = Ready.R
READY_W = Ready.W
READY_RW = Ready.RW

#: What can be read or written without being ready: the next call will say what is wrong with it.
_BROKEN = ~(select.POLLIN | select.POLLOUT) if hasattr(select, "poll") else 0


class _Time:
    """The time that a generator may take, in slices."""

    def __init__(self, interval: float, timeout: float | None):
        self._interval = interval if interval > 0 else None
        self._end = None if timeout is None else monotonic() + timeout

    def slice(self) -> float | None:
        """The seconds to wait for at most.

        :raises TimeoutError: when the time is over.
        """
        if self._end is None:
            return self._interval
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("wait timeout expired")
        return left if self._interval is None else min(left, self._interval)


def _run(gen: PQGen[RV], fileno: int, interval: float, timeout: float | None, poll: Poll) -> RV:
    time = _Time(interval, timeout)
    try:
        wait = next(gen)
        while True:
            wait = gen.send(poll(fileno, wait, time.slice()))
    except StopIteration as ex:
        result: RV = ex.value
        return result


def wait_selector(
    gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None
) -> RV:
    """Run a generator, waiting with :class:`selectors.DefaultSelector`."""
    return _run(gen, fileno, interval, timeout, _poll_selector)


def _poll_selector(fileno: int, wait: Wait, seconds: float | None) -> Ready:
    with selectors.DefaultSelector() as selector:
        # The flags are the same: 1 to read, 2 to write.
        selector.register(fileno, int(wait))
        ready = selector.select(seconds)
    return Ready(ready[0][1]) if ready else READY_NONE


def wait_select(
    gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None
) -> RV:
    """Run a generator, waiting with :func:`select.select`: also where that was replaced."""
    return _run(gen, fileno, interval, timeout, _poll_select)


def _poll_select(fileno: int, wait: Wait, seconds: float | None) -> Ready:
    readable, writable, _ = select.select(
        [fileno] if wait & WAIT_R else [], [fileno] if wait & WAIT_W else [], [], seconds
    )
    return Ready((READY_R if readable else 0) | (READY_W if writable else 0))


def wait_poll(
    gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None
) -> RV:
    """Run a generator, waiting with :func:`select.poll`.

    :raises OperationalError: if the socket is closed.
    """
    return _run(gen, fileno, interval, timeout, _poll_poll)


def _poll_poll(fileno: int, wait: Wait, seconds: float | None) -> Ready:
    events = (select.POLLIN if wait & WAIT_R else 0) | (select.POLLOUT if wait & WAIT_W else 0)
    poll = select.poll()
    poll.register(fileno, events)
    found = poll.poll(None if seconds is None else int(seconds * 1000) + 1)
    if not found:
        return READY_NONE
    event = found[0][1]
    if event & select.POLLNVAL:
        raise e.OperationalError("connection socket closed")
    if event & _BROKEN:
        return Ready(int(wait))
    return Ready(
        (READY_R if event & select.POLLIN else 0) | (READY_W if event & select.POLLOUT else 0)
    )


def wait_epoll(
    gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None
) -> RV:
    """Run a generator, waiting with :func:`select.epoll`."""
    return _run(gen, fileno, interval, timeout, _poll_epoll)


def _poll_epoll(fileno: int, wait: Wait, seconds: float | None) -> Ready:
    events = (select.EPOLLIN if wait & WAIT_R else 0) | (select.EPOLLOUT if wait & WAIT_W else 0)
    with select.epoll() as epoll:
        epoll.register(fileno, events)
        found = epoll.poll(seconds)
    if not found:
        return READY_NONE
    event = found[0][1]
    if event & ~(select.EPOLLIN | select.EPOLLOUT):
        return Ready(int(wait))
    return Ready(
        (READY_R if event & select.EPOLLIN else 0) | (READY_W if event & select.EPOLLOUT else 0)
    )


def wait(gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None) -> RV:
    """Run a generator, waiting in the best way there is."""
    replaced = select.select.__module__ != "select"
    function = wait_select if replaced or not hasattr(select, "poll") else wait_poll
    return function(gen, fileno, interval, timeout)


def wait_conn(gen: PQGenConn[RV], interval: float = 0.0, timeout: float | None = None) -> RV:
    """Run a generator that yields also the descriptor, which may change: one that connects."""
    poll = _poll_select if select.select.__module__ != "select" else _poll_selector
    time = _Time(interval, timeout)
    try:
        fileno, wait = next(gen)
        while True:
            fileno, wait = gen.send(poll(fileno, wait, time.slice()))
    except StopIteration as ex:
        result: RV = ex.value
        return result


async def wait_async(
    gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None
) -> RV:
    """Run a generator on the running event loop."""
    time = _Time(interval, timeout)
    try:
        wait = next(gen)
        while True:
            wait = gen.send(await _poll_async(fileno, wait, time.slice()))
    except StopIteration as ex:
        result: RV = ex.value
        return result


async def wait_conn_async(
    gen: PQGenConn[RV], interval: float = 0.0, timeout: float | None = None
) -> RV:
    """Run a generator that yields also the descriptor on the running event loop."""
    time = _Time(interval, timeout)
    try:
        fileno, wait = next(gen)
        while True:
            fileno, wait = gen.send(await _poll_async(fileno, wait, time.slice()))
    except StopIteration as ex:
        result: RV = ex.value
        return result


async def _poll_async(fileno: int, wait: Wait, seconds: float | None) -> Ready:
    import asyncio

    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    ready = 0

    def wake(what: Ready) -> None:
        nonlocal ready
        ready |= what
        if not future.done():
            future.set_result(None)

    if wait & WAIT_R:
        loop.add_reader(fileno, wake, READY_R)
    if wait & WAIT_W:
        loop.add_writer(fileno, wake, READY_W)
    try:
        await asyncio.wait_for(future, seconds)
    except (asyncio.TimeoutError, TimeoutError):
        pass
    finally:
        if wait & WAIT_R:
            loop.remove_reader(fileno)
        if wait & WAIT_W:
            loop.remove_writer(fileno)
    return Ready(ready)
