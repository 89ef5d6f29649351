"""Running generators which yield what they wait for.

The driver's own operations wait in Rust. The functions here are for generators written in Python
upon :class:`psycoxide.pq.PGconn`, such as those of :mod:`psycoxide.generators`: one yields a
:class:`Wait`, and is sent the :class:`Ready` that came of it. They run the driver's operations as
well, which answer `__next__` and `send`.

Each function takes

- the generator,
- `fileno`, the descriptor to wait for (the generators for `wait_conn` yield it themselves),
- `interval`, in seconds: how often the generator is sent :attr:`Ready.NONE` when nothing happens,
  so that signals are handled; 0: at once, which keeps a processor busy,
- `timeout`, in seconds: how long all of it may take; `None`: any time; a generator that has not
  ended by then is still told once what has happened,

and returns what the generator returns. It raises what the generator raises, `_WaitTimeout` of
:mod:`psycoxide.errors` when the time is over, and :exc:`~psycoxide.OperationalError` if the
descriptor is closed.
"""

from __future__ import annotations

import errno
import math
import os
import select
import selectors
from time import monotonic

from . import _errors_base as e
from ._enums import Ready as Ready
from ._enums import Wait as Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from .abc import RV, PQGen, PQGenConn

    Poll: TypeAlias = Callable[[int, Wait, float], Ready]

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
        if interval is None:
            raise ValueError("the interval of a wait is a number of seconds, not None")
        self._interval = max(interval, 0.0)
        self._end = None if timeout is None else monotonic() + timeout

    def slice(self) -> float:
        """The seconds to wait for at most."""
        if self._end is None:
            return self._interval
        return max(0.0, min(self._end - monotonic(), self._interval))

    def check(self) -> None:
        """Raise an error if the time is over.

        :raises _WaitTimeout: then.
        """
        if self._end is not None and monotonic() >= self._end:
            raise e._WaitTimeout("the generator did not end in time")


def _check_open(fileno: int) -> None:
    """Is there a socket to which anything can happen?

    Only `poll` tells. The others do not notice what is closed while they wait, and before that the
    number may have become that of the selector itself.

    :raises OperationalError: if there is none.
    """
    try:
        os.fstat(fileno)
    except OSError as ex:
        # It may as well be what a signal's handler raised.
        if ex.errno != errno.EBADF:
            raise
        raise e.OperationalError(f"connection socket closed: descriptor {fileno}") from ex


def _run(gen: PQGen[RV], fileno: int, interval: float, timeout: float | None, poll: Poll) -> RV:
    time = _Time(interval, timeout)
    try:
        wait = next(gen)
        while True:
            wait = gen.send(poll(fileno, wait, time.slice()))
            time.check()
    except StopIteration as ex:
        result: RV = ex.value
        return result


def wait_selector(
    gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None
) -> RV:
    """Run a generator, waiting with :class:`selectors.DefaultSelector`."""
    return _run(gen, fileno, interval, timeout, _poll_selector)


def _poll_selector(fileno: int, wait: Wait, seconds: float) -> Ready:
    _check_open(fileno)
    with selectors.DefaultSelector() as selector:
        # The flags are the same: 1 to read, 2 to write.
        selector.register(fileno, int(wait))
        ready = selector.select(seconds)
    if ready:
        return Ready(ready[0][1])
    _check_open(fileno)
    return READY_NONE


def wait_select(
    gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None
) -> RV:
    """Run a generator, waiting with :func:`select.select`: also where that was replaced."""
    return _run(gen, fileno, interval, timeout, _poll_select)


def _poll_select(fileno: int, wait: Wait, seconds: float) -> Ready:
    _check_open(fileno)
    readable, writable, _ = select.select(
        [fileno] if wait & WAIT_R else [], [fileno] if wait & WAIT_W else [], [], seconds
    )
    # Newer kernels call ready what is closed meanwhile.
    _check_open(fileno)
    return Ready((READY_R if readable else 0) | (READY_W if writable else 0))


def wait_poll(
    gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None
) -> RV:
    """Run a generator, waiting with :func:`select.poll`."""
    return _run(gen, fileno, interval, timeout, _poll_poll)


def _poll_poll(fileno: int, wait: Wait, seconds: float) -> Ready:
    events = (select.POLLIN if wait & WAIT_R else 0) | (select.POLLOUT if wait & WAIT_W else 0)
    poll = select.poll()
    poll.register(fileno, events)
    found = poll.poll(math.ceil(seconds * 1000))
    if not found:
        return READY_NONE
    event = found[0][1]
    if event & select.POLLNVAL:
        _check_open(fileno)
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


def _poll_epoll(fileno: int, wait: Wait, seconds: float) -> Ready:
    events = (select.EPOLLIN if wait & WAIT_R else 0) | (select.EPOLLOUT if wait & WAIT_W else 0)
    _check_open(fileno)
    with select.epoll() as epoll:
        epoll.register(fileno, events)
        found = epoll.poll(seconds)
    if not found:
        _check_open(fileno)
        return READY_NONE
    event = found[0][1]
    if event & ~(select.EPOLLIN | select.EPOLLOUT):
        return Ready(int(wait))
    return Ready(
        (READY_R if event & select.EPOLLIN else 0) | (READY_W if event & select.EPOLLOUT else 0)
    )


def wait(gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None) -> RV:
    """Run a generator, waiting in the best way there is."""
    return _run(gen, fileno, interval, timeout, _best())


def wait_conn(gen: PQGenConn[RV], interval: float = 0.0, timeout: float | None = None) -> RV:
    """Run a generator that yields also the descriptor, which may change: one that connects."""
    poll = _best()
    time = _Time(interval, timeout)
    try:
        fileno, wait = next(gen)
        while True:
            fileno, wait = gen.send(poll(fileno, wait, time.slice()))
            time.check()
    except StopIteration as ex:
        result: RV = ex.value
        return result


def _best() -> Poll:
    # A `select` that was replaced lets other green threads run.
    replaced = select.select.__module__ != "select"
    return _poll_select if replaced or not hasattr(select, "poll") else _poll_poll


async def wait_async(
    gen: PQGen[RV], fileno: int, interval: float = 0.0, timeout: float | None = None
) -> RV:
    """Run a generator on the running event loop."""
    time = _Time(interval, timeout)
    try:
        wait = next(gen)
        while True:
            wait = gen.send(await _poll_async(fileno, wait, time.slice()))
            time.check()
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
            time.check()
    except StopIteration as ex:
        result: RV = ex.value
        return result


async def _poll_async(fileno: int, wait: Wait, seconds: float) -> Ready:
    # Imported here: a program without asyncio shall not pay for it.
    import asyncio

    if seconds <= 0:
        # Loops differ in whether they look at sockets before they call what is due.
        ready_now = _best()(fileno, wait, 0.0)
        await asyncio.sleep(0)
        return ready_now
    _check_open(fileno)
    # Not asyncio.wait_for(): before Python 3.12 it forgets a cancellation that comes together with
    # the result.
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    ready = 0

    def wake(what: int) -> None:
        nonlocal ready
        ready |= what
        if not future.done():
            future.set_result(None)

    added: list[Callable[[int], bool]] = []
    timer = loop.call_later(seconds, wake, 0)
    try:
        if wait & WAIT_R:
            loop.add_reader(fileno, wake, READY_R)
            added.append(loop.remove_reader)
        if wait & WAIT_W:
            loop.add_writer(fileno, wake, READY_W)
            added.append(loop.remove_writer)
        await future
    finally:
        timer.cancel()
        for remove in added:
            try:
                remove(fileno)
            except OSError:
                pass  # It was closed meanwhile, and some loops complain.
    if not ready:
        _check_open(fileno)
    return Ready(ready)
