"""`psycoxide.waiting`: plain generators over raw descriptors, run in every way there is."""

from __future__ import annotations

import asyncio
import os
import resource
import select
import selectors
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

import psycoxide
from psycoxide import errors, generators, waiting
from psycoxide.pq import ConnStatus, PGconn
from psycoxide.waiting import Ready, Wait
from support.loops import Run, run_on_uvloop

BLOCKING = ["wait", "wait_selector", "wait_select", "wait_poll", "wait_epoll"]
#: A function, and what runs it.
WAYS = [*BLOCKING, "wait_async", "wait_async on uvloop"]
WAYS_TO_CONNECT = ["wait_conn", "wait_conn_async", "wait_conn_async on uvloop"]

SOON = 0.05
LATE = 5.0


def caller(name: str) -> Callable[..., Any]:
    """A function of the module, to call without an event loop."""
    name, _, loop = name.partition(" on ")
    function = getattr(waiting, name)
    if not name.endswith("_async"):
        return function
    if loop:
        pytest.importorskip("uvloop")
    run: Run = run_on_uvloop if loop else asyncio.run

    async def body(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return lambda *args, **kwargs: run(body(*args, **kwargs))


@pytest.fixture(params=WAYS)
def wait(request: pytest.FixtureRequest, first_loop: None, no_leaks: None) -> Callable[..., Any]:
    """Each function that is given the descriptor."""
    return caller(request.param)


@pytest.fixture(params=WAYS_TO_CONNECT)
def wait_conn(
    request: pytest.FixtureRequest, first_loop: None, no_leaks: None
) -> Callable[..., Any]:
    """Each function whose generator yields the descriptor."""
    return caller(request.param)


@pytest.fixture
def pair(no_leaks: None) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets, connected with each other."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def once(*waits: Any) -> Generator[Any, Any, list[Any]]:
    """Yields each, and returns what came of it."""
    found = []
    for wish in waits:
        found.append((yield wish))
    return found


def patient(wish: Any) -> Generator[Any, Any, list[Any]]:
    """Yields until something comes of it, and returns all that came."""
    found = []
    while not found or not found[-1]:
        found.append((yield wish))
    return found


def fill(sock: socket.socket) -> None:
    """Leave no room to write."""
    try:
        while True:
            sock.send(bytes(65536))
    except BlockingIOError:
        pass


@pytest.mark.parametrize(
    "wish, data, room, ready",
    [
        (Wait.R, True, True, Ready.R),
        (Wait.W, True, True, Ready.W),
        (Wait.RW, True, True, Ready.RW),
        (Wait.RW, False, True, Ready.W),
        (Wait.RW, True, False, Ready.R),
        (Wait.RW, False, False, Ready.NONE),
        (Wait.R, False, True, Ready.NONE),
        (Wait.W, True, False, Ready.NONE),
    ],
)
def test_ready(wait, pair, wish, data, room, ready):
    ours, theirs = pair
    if data:
        theirs.send(b"x")
    if not room:
        fill(ours)
    assert wait(once(wish), ours.fileno(), interval=SOON) == [ready]
    assert wait(once(int(wish)), ours.fileno(), SOON) == [ready]


def test_one_after_the_other(wait, pair):
    ours, theirs = pair

    def gen():
        yield Wait.W
        theirs.send(b"1")
        yield Wait.R
        assert ours.recv(1) == b"1"
        assert (yield Wait.RW) == Ready.W
        return "done"

    assert wait(gen(), ours.fileno(), LATE, LATE) == "done"


def test_nothing_to_wait_for(wait, pair):
    assert wait(once(), pair[0].fileno()) == []


def test_more_than_select_can(wait, pair, request):
    """Numbers from 1024 on, which `select()` does not know."""
    if "select]" in request.node.name:
        pytest.skip("select()")
    ours, theirs = pair
    theirs.send(b"x")
    number = 1500
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 2 * number), limits[1]))
    try:
        os.dup2(ours.fileno(), number)
        assert wait(once(Wait.RW), number, LATE, LATE) == [Ready.RW]
        os.close(number)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


# -- time


def later(seconds: float, function: Callable[..., Any], *args: Any) -> threading.Timer:
    timer = threading.Timer(seconds, function, args)
    timer.start()
    return timer


def test_interval(wait, pair):
    """Nothing is said of every interval, until something happens."""
    ours, theirs = pair
    timer = later(0.3, theirs.send, b"x")
    found = wait(patient(Wait.R), ours.fileno(), SOON)
    timer.join()
    assert found[-1] == Ready.R
    assert 2 <= len(found) <= 8


def test_without_interval(wait, pair):
    """It looks, and does not wait."""
    ours, theirs = pair
    assert wait(once(Wait.R, Wait.W, Wait.RW), ours.fileno()) == [Ready.NONE, Ready.W, Ready.W]
    timer = later(0.1, theirs.send, b"x")
    found = wait(patient(Wait.R), ours.fileno(), 0)
    timer.join()
    assert len(found) > 3


@pytest.mark.parametrize("interval, error", [(None, ValueError), ("1", TypeError)])
def test_interval_is_a_number(wait, pair, interval, error):
    with pytest.raises(error):
        wait(once(Wait.R), pair[0].fileno(), interval)


def test_something_may_have_happened_when_the_time_is_over(wait, pair):
    ours, theirs = pair
    theirs.send(b"x")
    assert wait(once(Wait.R), ours.fileno(), LATE, 0) == [Ready.R]
    with pytest.raises(errors._WaitTimeout):
        wait(once(Wait.R, Wait.R), ours.fileno(), LATE, 0)


def test_timeout_is_for_all_of_it(wait, pair):
    ours, _ = pair
    for interval in (SOON, LATE, 0.0):
        began = time.monotonic()
        with pytest.raises(errors._WaitTimeout):
            wait(patient(Wait.R), ours.fileno(), interval, 0.2)
        assert 0.2 <= time.monotonic() - began < 2


def test_timeout_is_an_operational_error(wait, pair):
    with pytest.raises(psycoxide.OperationalError) as raised:
        wait(patient(Wait.R), pair[0].fileno(), SOON, 0)
    assert type(raised.value) is errors._WaitTimeout


# -- descriptors that are gone


def closed(sock: socket.socket) -> int:
    """A number that was the socket's; so high that nothing gets it meanwhile, not even a loop."""
    number = os.dup2(sock.fileno(), 900)
    os.close(number)
    return number


@pytest.mark.parametrize("name", ["wait_selector", "wait_epoll", "wait_conn"])
def test_closed_number_becomes_the_selector(name, pair):
    """What has just been closed is the lowest number, which a selector takes for itself."""
    ours, _ = pair
    number = ours.fileno()
    ours.close()
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        if name == "wait_conn":
            waiting.wait_conn(once((number, Wait.R)), SOON, LATE)
        else:
            getattr(waiting, name)(once(Wait.R), number, SOON, LATE)


@pytest.mark.parametrize("wish", Wait)
def test_closed_before(wait, pair, wish):
    number = closed(pair[0])
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        wait(once(wish), number, SOON, LATE)
    with pytest.raises(psycoxide.OperationalError, match="closed") as raised:
        wait(once(wish), number)
    assert isinstance(raised.value.__cause__, OSError)


def test_closed_meanwhile(wait, pair):
    """Noticed with the next interval, if not at once."""
    ours, _ = pair
    number = ours.fileno()
    timer = later(0.1, ours.close)
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        wait(patient(Wait.R), number, SOON, LATE)
    timer.join()


@pytest.mark.parametrize("wish", Wait)
def test_closed_by_the_peer(wait, pair, wish):
    """It is ready for whatever was wanted: the next call tells what is wrong."""
    ours, theirs = pair
    theirs.close()
    (ready,) = wait(once(wish), ours.fileno(), LATE, LATE)
    assert ready & wish


def test_reset_by_the_peer(wait, no_leaks):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as ours:
            theirs, _ = listener.accept()
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            theirs.close()
            (ready,) = wait(once(Wait.R), ours.fileno(), LATE, LATE)
            assert ready & Ready.R


def test_what_is_no_descriptor(wait, no_leaks):
    with pytest.raises((ValueError, psycoxide.OperationalError)):
        wait(once(Wait.R), -1, SOON, LATE)


# -- errors


def test_error_of_the_generator(wait, pair):
    def gen():
        yield Wait.W
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wait(gen(), pair[0].fileno(), LATE, LATE)


@pytest.mark.parametrize("name", BLOCKING)
@pytest.mark.parametrize("ex", [KeyboardInterrupt, TimeoutError, ZeroDivisionError])
def test_signal(name, ex, pair):
    """What its handler raises is raised, and the wait is over."""

    def handler(*args: object) -> None:
        raise ex

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        began = time.monotonic()
        with pytest.raises(ex):
            getattr(waiting, name)(patient(Wait.R), pair[0].fileno(), LATE, 2 * LATE)
        assert time.monotonic() - began < LATE
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_cancelled(run: Run, pair):
    """The loop forgets the descriptor."""
    ours, _ = pair
    fill(ours)

    async def body() -> None:
        task = asyncio.ensure_future(waiting.wait_async(patient(Wait.RW), ours.fileno(), LATE))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        loop = asyncio.get_running_loop()
        assert not loop.remove_reader(ours) and not loop.remove_writer(ours)

    run(body())


@pytest.mark.parametrize("turns", range(5))
def test_cancelled_as_it_becomes_ready(run: Run, pair, turns):
    """A cancellation is not forgotten, whether it comes before the news of the socket or after."""
    ours, theirs = pair

    async def body() -> None:
        task = asyncio.ensure_future(waiting.wait_async(patient(Wait.R), ours.fileno(), LATE, LATE))
        await asyncio.sleep(0.01)
        theirs.send(b"x")
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.cancel():
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            assert await task == [Ready.R]

    run(body())


@pytest.mark.parametrize("interval", [0.0, SOON])
def test_others_go_on(run: Run, pair, interval):
    ours, theirs = pair

    async def body() -> None:
        task = asyncio.ensure_future(waiting.wait_async(patient(Wait.R), ours.fileno(), interval))
        await asyncio.sleep(0.01)
        theirs.send(b"x")
        assert (await asyncio.wait_for(task, LATE))[-1] == Ready.R

    run(body())


# -- generators that yield the descriptor


def test_descriptor_that_changes(wait_conn, pair):
    ours, theirs = pair
    theirs.send(b"x")
    gen = once((theirs.fileno(), Wait.W), (ours.fileno(), Wait.R), (ours.fileno(), Wait.RW))
    assert wait_conn(gen, LATE, LATE) == [Ready.W, Ready.R, Ready.RW]


def test_connecting_in_slices(wait_conn, pair):
    ours, theirs = pair
    timer = later(0.3, theirs.send, b"x")
    found = wait_conn(patient((ours.fileno(), Wait.R)), interval=SOON)
    timer.join()
    assert found[-1] == Ready.R and 2 <= len(found) <= 8
    ours.recv(1)
    with pytest.raises(errors._WaitTimeout):
        wait_conn(patient((ours.fileno(), Wait.R)), interval=SOON, timeout=0.2)


def test_connecting_on_what_is_closed(wait_conn, pair):
    number = closed(pair[0])
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        wait_conn(once((number, Wait.R)), SOON, LATE)


def test_refused(wait_conn, no_leaks):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    with socket.socket() as ours:
        ours.setblocking(False)
        ours.connect_ex(address)
        (ready,) = wait_conn(once((ours.fileno(), Wait.W)), LATE, LATE)
        assert ready & Ready.W


# -- over a connection


def test_connect_and_execute(dsn, wait, wait_conn):
    pgconn = wait_conn(generators.connect(dsn), SOON, LATE)
    assert isinstance(pgconn, PGconn) and pgconn.status == ConnStatus.OK
    for _ in range(2):
        pgconn.send_query(b"SELECT 1; SELECT pg_sleep(0.1), 2")
        first, second = wait(generators.execute(pgconn), pgconn.socket, SOON, LATE)
        assert first.get_value(0, 0) == b"1" and second.get_value(0, 1) == b"2"
    pgconn.finish()


async def test_wait_of_connections(twin):
    async with await twin.connect() as conn:
        conn.pgconn.send_query(b"SELECT 1")
        (result,) = await conn.wait(generators.execute(conn.pgconn))
        assert result.get_value(0, 0) == b"1"
        with pytest.raises(errors._WaitTimeout):
            await conn.wait(patient(Wait.R), interval=SOON, timeout=0.2)


# -- which one is used


@pytest.mark.parametrize("replaced", [False, True])
def test_green_threads(pair, monkeypatch, replaced):
    """A `select()` that was replaced is called, and so other green threads run."""
    ours, theirs = pair
    theirs.send(b"x")
    calls = []
    original = select.select

    def replacement(*args: Any) -> Any:
        calls.append(args)
        return original(*args)

    if replaced:
        monkeypatch.setattr(select, "select", replacement)
    assert waiting.wait(once(Wait.R), ours.fileno(), LATE, LATE) == [Ready.R]
    assert bool(calls) == replaced


def test_flags():
    """They are those of `selectors`, and of each other."""
    assert (Wait.R, Wait.W) == (selectors.EVENT_READ, selectors.EVENT_WRITE)
    assert [int(wish) for wish in Wait] == [int(ready) for ready in list(Ready)[1:]]
    for name in ("NONE", "R", "W", "RW"):
        assert getattr(waiting, f"READY_{name}") is Ready[name]
        assert name == "NONE" or getattr(waiting, f"WAIT_{name}") is Wait[name]
