"""The descriptor of a connection that is gone: its number is the next connection's.

Only the system forgets a closed descriptor by itself. A loop that still knew it would take the
next socket of that number for one that is watched already, and nobody would be woken.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import os
import queue
import select
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

import psycoxide
from psycoxide.conninfo import make_conninfo
from support.hostile import ONE, PATIENCE, WELCOME, HostileServer, Peer
from support.leaks import descriptors
from support.loops import Run

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture(params=["asyncio", "uvloop"])
def new_loop(request: pytest.FixtureRequest, first_loop: None) -> Any:
    """What makes a loop."""
    if request.param == "asyncio":
        return asyncio.new_event_loop
    return pytest.importorskip("uvloop").new_event_loop


class Server:
    """Drops the first connection when it is told, and answers the second one when it is told."""

    def __init__(self, hostile: Callable[..., HostileServer]) -> None:
        self._drop = threading.Event()
        #: How often the second connection has asked, and may be answered.
        self._asked = threading.Semaphore(0)
        self._may_answer = threading.Semaphore(0)
        self._scripts = iter([self._first, self._second])
        started = hostile(self._serve)
        self.cancels = started.cancels
        self.dsn = make_conninfo(started.dsn, sslmode="disable")

    def _serve(self, peer: Peer) -> None:
        next(self._scripts)(peer)

    def _first(self, peer: Peer) -> None:
        peer.greet()
        self._drop.wait(PATIENCE)

    def _second(self, peer: Peer) -> None:
        peer.read_startup()
        self._answer(peer, WELCOME)
        while True:
            peer.read_query()
            self._answer(peer, ONE)

    def _answer(self, peer: Peer, answer: bytes) -> None:
        self._asked.release()
        self._may_answer.acquire(timeout=PATIENCE)
        peer.send(answer)

    def drop(self) -> None:
        """Hang up on the first connection."""
        self._drop.set()

    async def answer_when_waited_for(self) -> None:
        """Answer the second connection, which has asked and waits on the loop."""
        await until(lambda: self._asked.acquire(blocking=False))
        self._may_answer.release()

    def stop(self) -> None:
        """Let the scripts go on, whatever they wait for."""
        self._drop.set()
        self._may_answer.release(10)


def connect(server: Server) -> Awaitable[Any]:
    return psycoxide.AsyncConnection.connect(server.dsn, autocommit=True)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something has happened."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        await asyncio.sleep(0.001)


@contextmanager
def lowest(number: int) -> Iterator[None]:
    """Make a free descriptor number the one that the system gives next."""
    taken = []
    try:
        while (descriptor := os.open(os.devnull, os.O_RDONLY)) < number:
            taken.append(descriptor)
        os.close(descriptor)
        assert descriptor == number, f"taken by {descriptors().get(number)}"
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)


@asynccontextmanager
async def failing(work: Awaitable[Any]) -> AsyncIterator[None]:
    """Something in progress, that fails of what is done meanwhile."""
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0.01)
    assert not task.done()
    yield
    with pytest.raises((psycoxide.OperationalError, asyncio.CancelledError)):
        await task


# -- how a connection ends: each takes the connection and its server


async def dropped_while_idle(conn: Any, server: Server) -> None:
    # The loop watches from the first use on.
    assert [found async for found in conn.notifies(timeout=0.01)] == []
    server.drop()
    await until(lambda: conn.closed)


async def dropped_while_waiting(conn: Any, server: Server) -> None:
    async with failing(conn.execute("SELECT 1")):
        server.drop()


async def dropped_while_sending(conn: Any, server: Server) -> None:
    """The loop watches for writing as well."""
    async with failing(conn.execute(b"SELECT '%s'" % (b"x" * 20_000_000))):
        server.drop()


async def dropped_behind_its_back(conn: Any, server: Server) -> None:
    """The loop has had no time to look."""
    server.drop()
    assert select.select([conn.fileno()], [], [], PATIENCE)[0]
    with pytest.raises(psycoxide.OperationalError):
        await conn.execute("SELECT 1")


async def given_up_after_two_cancellations(conn: Any, server: Server) -> None:
    task = asyncio.ensure_future(conn.execute("SELECT 1"))
    await asyncio.sleep(0.01)
    task.cancel()
    await until(lambda: not server.cancels.empty())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def closed(conn: Any, server: Server) -> None:
    await conn.close()


async def finished(conn: Any, server: Server) -> None:
    conn.pgconn.finish()


async def finished_while_waiting(conn: Any, server: Server) -> None:
    async with failing(conn.execute("SELECT 1")):
        conn.pgconn.finish()


async def finished_by_a_thread(conn: Any, server: Server) -> None:
    thread = threading.Thread(target=conn.pgconn.finish)
    thread.start()
    thread.join()
    await asyncio.sleep(0)  # The loop is told, not stopped.


ENDS = [
    dropped_while_idle,
    dropped_while_waiting,
    dropped_while_sending,
    dropped_behind_its_back,
    given_up_after_two_cancellations,
    closed,
    finished,
    finished_while_waiting,
    finished_by_a_thread,
]


async def ended(server: Server, end: Callable[..., Awaitable[None]]) -> int:
    """Make a connection, and end it; return the descriptor that it had."""
    before = set(descriptors())
    conn = await connect(server)
    number = conn.fileno()
    await end(conn, server)
    assert conn.closed
    await conn.close()
    server.drop()
    # The server's end, and what a cancel request took, are of this process as well.
    await until(lambda: set(descriptors()) <= before)
    return number


@pytest.mark.parametrize("end", ENDS)
def test_the_loop_forgets_it(hostile, run: Run, end) -> None:
    server = Server(hostile)

    async def body() -> None:
        number = await ended(server, end)
        loop = asyncio.get_running_loop()
        assert not loop.remove_reader(number), "it is watched for reading"
        assert not loop.remove_writer(number), "it is watched for writing"

    try:
        run(body())
    finally:
        server.stop()


@pytest.mark.parametrize("end", ENDS)
def test_the_next_connection_is_woken(hostile, run: Run, end) -> None:
    """Each time it has to wait for the server, which answers only then."""
    server = Server(hostile)

    async def answered(work: Awaitable[Any]) -> Any:
        task = asyncio.ensure_future(work)
        await server.answer_when_waited_for()
        return await asyncio.wait_for(task, PATIENCE / 2)

    async def body() -> None:
        number = await ended(server, end)
        with lowest(number):
            conn = await answered(connect(server))
            assert conn.fileno() == number
            cur = await answered(conn.execute("SELECT 1"))
            assert await cur.fetchone() == (1,)
            await conn.close()

    try:
        run(body())
    finally:
        server.stop()


# -- closed by a thread, while its loop has no time to forget the descriptor


def closed_by_a_thread(conn: Any) -> None:
    thread = threading.Thread(target=conn.pgconn.finish)
    thread.start()
    thread.join()


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_the_next_socket_is_watched(dsn, run: Run) -> None:
    """The number is not free before the loop has forgotten it."""

    async def body() -> None:
        loop = asyncio.get_running_loop()
        conn = await psycoxide.AsyncConnection.connect(dsn)
        await conn.execute("SELECT 1")
        number = conn.fileno()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            closed_by_a_thread(conn)
            # The lowest that is free, and not lower.
            next_one = fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, number)
            woken = asyncio.Event()
            loop.add_reader(next_one, woken.set)
            theirs.send(b"x")
            await asyncio.wait_for(woken.wait(), PATIENCE)
            loop.remove_reader(next_one)
            os.close(next_one)
        await until(lambda: not is_open(number))

    run(body())


def test_the_server_is_told_at_once(hostile, run: Run) -> None:
    """Also while the loop has no time."""
    ended = threading.Event()

    def serve(peer: Peer) -> None:
        peer.greet()
        try:
            peer.wait_closed()
        finally:
            ended.set()

    server = hostile(serve)

    async def body() -> None:
        conn = await psycoxide.AsyncConnection.connect(make_conninfo(server.dsn, sslmode="disable"))
        assert [found async for found in conn.notifies(timeout=0.01)] == []
        closed_by_a_thread(conn)
        assert ended.wait(PATIENCE)

    run(body())


@pytest.mark.parametrize("loop_closed", [False, True])
def test_the_loop_does_not_run_any_more(dsn, new_loop, loop_closed) -> None:
    loop = new_loop()
    conn = loop.run_until_complete(psycoxide.AsyncConnection.connect(dsn))
    loop.run_until_complete(conn.execute("SELECT 1"))
    number = conn.fileno()
    if loop_closed:
        loop.close()
    closed_by_a_thread(conn)
    assert not is_open(number)
    loop.close()


def test_the_loop_is_stopped_meanwhile(dsn, new_loop) -> None:
    """It was told to forget the descriptor, and never did: it goes with the loop."""
    loop = new_loop()
    conn = loop.run_until_complete(psycoxide.AsyncConnection.connect(dsn))
    loop.run_until_complete(conn.execute("SELECT 1"))
    number = conn.fileno()

    def last() -> None:
        loop.stop()
        closed_by_a_thread(conn)

    loop.call_soon(last)
    loop.run_forever()
    loop.close()
    assert not is_open(number)


def test_lost_in_a_thread(dsn, run: Run) -> None:
    """The connection is lost in an operation of a thread, and nobody closes it."""

    async def body() -> None:
        conn = await psycoxide.AsyncConnection.connect(dsn, autocommit=True)
        await conn.execute("SELECT 1")
        number = conn.fileno()

        def work() -> None:
            conn.pgconn.exec_(b"SELECT pg_terminate_backend(pg_backend_pid())")

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert conn.closed
        await until(lambda: not is_open(number))
        loop = asyncio.get_running_loop()
        assert not loop.remove_reader(number)

    run(body())


def test_opened_while_others_are_closed(dsn, run: Run) -> None:
    """Threads close what tasks have opened; each connection is woken all the same."""
    closers = 3
    rounds = 25

    async def body() -> None:
        closing: queue.SimpleQueue[Any] = queue.SimpleQueue()

        def closer() -> None:
            while (conn := closing.get()) is not None:
                conn.pgconn.finish()

        async def opener() -> None:
            for _ in range(rounds):
                conn = await psycoxide.AsyncConnection.connect(dsn)
                # Long enough that the answer has to be waited for.
                cur = await conn.execute("SELECT pg_sleep(0.001), 1")
                assert (await cur.fetchone())[1] == 1
                closing.put(conn)

        threads = [threading.Thread(target=closer) for _ in range(closers)]
        for thread in threads:
            thread.start()
        try:
            await asyncio.wait_for(asyncio.gather(*[opener() for _ in range(4)]), 2 * PATIENCE)
        finally:
            for _ in threads:
                closing.put(None)
            for thread in threads:
                thread.join()

    run(body())


# -- in a process that was forked off


@pytest.mark.parametrize("by_a_thread", [False, True])
def test_a_child_leaves_the_connection_alone(dsn, run: Run, by_a_thread) -> None:
    """Neither what it closes nor what it forgets shuts the parent's connection down."""

    async def body() -> None:
        conn: Any = await psycoxide.AsyncConnection.connect(dsn, autocommit=True)
        await conn.execute("SELECT 1")
        child = os.fork()
        if child == 0:
            try:
                if by_a_thread:
                    closed_by_a_thread(conn)
                else:
                    conn.pgconn.finish()
                del conn
                gc.collect()
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        cur = await conn.execute("SELECT pg_sleep(0.01), 2")
        assert (await cur.fetchone())[1] == 2
        await conn.close()

    run(body())
