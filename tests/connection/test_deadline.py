"""deadline(): what becomes of statements that take too long, and of the connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import psycoxide
from psycoxide import errors
from psycoxide.pq import TransactionStatus
from support.hostile import ONE, Peer
from support.twin import Twin

LONG = "SELECT pg_sleep(60)"

#: Takes note of no cancel request for 30 seconds.
STUBBORN = """
DO $$
BEGIN
    FOR i IN 1..30 LOOP
        BEGIN
            PERFORM pg_sleep(1);
        EXCEPTION WHEN query_canceled THEN
            NULL;
        END;
    END LOOP;
END
$$
"""


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < seconds


async def test_who_is_in_time_is_not_disturbed(twin: Twin) -> None:
    async with await twin.connect() as conn:
        async with conn.deadline(30) as deadline:
            assert 0 < deadline.time_left <= 30
            assert not deadline.is_over
            cur = await conn.execute("SELECT 1")
            assert await cur.fetchone() == (1,)


async def test_what_takes_too_long_is_cancelled(twin: Twin) -> None:
    conn = await twin.connect()
    with at_most(20), pytest.raises(errors.QueryCanceled) as raised:
        async with conn.deadline(0.2) as deadline:
            await conn.execute(LONG)
    assert str(raised.value).startswith("the deadline of 0.2 s is over: ")
    assert raised.value.sqlstate == "57014"
    assert raised.value.diag.sqlstate == "57014"
    assert isinstance(raised.value.__cause__, errors.QueryCanceled)
    assert deadline.is_over and deadline.time_left == 0
    await conn.rollback()
    cur = await conn.execute("SELECT 1")
    assert await cur.fetchone() == (1,)
    await conn.close()


async def test_what_begins_too_late_is_cancelled(twin: Twin) -> None:
    conn = await twin.connect()
    with at_most(20), pytest.raises(errors.QueryCanceled, match="deadline"):
        async with conn.deadline(0):
            await twin.sleep(0.2)
            await conn.execute(LONG)
    await conn.close()


async def test_many_short_statements_are_too_long_together(twin: Twin) -> None:
    conn = await twin.connect(autocommit=True)
    with at_most(20), pytest.raises(errors.QueryCanceled, match="deadline"):
        async with conn.deadline(0.1, grace=0.5):
            while True:
                await conn.execute("SELECT pg_sleep(0.01)")
    cur = await conn.execute("SELECT 1")
    assert await cur.fetchone() == (1,)
    await conn.close()


async def test_the_grace_time_is_for_cleaning_up(twin: Twin) -> None:
    conn = await twin.connect()
    async with conn.deadline(0.2, grace=20):
        with pytest.raises(errors.QueryCanceled) as raised:
            await conn.execute(LONG)
        assert "deadline" not in str(raised.value)
        await conn.rollback()
        cur = await conn.execute("SELECT 1 FROM pg_sleep(0.5)")
        assert await cur.fetchone() == (1,)
    await conn.close()


async def test_transactions_are_undone(twin: Twin) -> None:
    conn = await twin.connect()
    await conn.execute("CREATE TEMP TABLE t (i int)")
    await conn.commit()
    with pytest.raises(errors.QueryCanceled, match="deadline"):
        async with conn.deadline(0.2):
            async with conn.transaction():
                await conn.execute("INSERT INTO t VALUES (1)")
                await conn.execute(LONG)
    assert conn.info.transaction_status == TransactionStatus.IDLE
    cur = await conn.execute("SELECT count(*) FROM t")
    assert await cur.fetchone() == (0,)
    await conn.close()


async def test_pipelines(twin: Twin) -> None:
    conn = await twin.connect(autocommit=True)
    with at_most(20), pytest.raises(errors.QueryCanceled, match="deadline"):
        async with conn.deadline(0.2):
            async with conn.pipeline() as pipeline:
                await conn.execute(LONG)
                await pipeline.sync()
    cur = await conn.execute("SELECT 1")
    assert await cur.fetchone() == (1,)
    await conn.close()


async def test_who_does_not_end_costs_the_connection(twin: Twin, dsn: str) -> None:
    conn = await twin.connect(autocommit=True)
    pid = conn.info.backend_pid
    try:
        with at_most(20), pytest.raises(psycoxide.OperationalError) as raised:
            async with conn.deadline(0.2, grace=0.3):
                await conn.execute(STUBBORN)
        assert not isinstance(raised.value, errors.QueryCanceled)
        text = str(raised.value)
        assert "the deadline of 0.2 s is over" in text
        assert "0.3 s later: the connection is closed" in text
        assert isinstance(raised.value.__cause__, psycoxide.OperationalError)
        assert conn.closed and conn.broken
    finally:
        with psycoxide.connect(dsn, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [pid])


async def test_nothing_happens_behind_the_block(twin: Twin) -> None:
    conn = await twin.connect(autocommit=True)
    for _ in range(20):
        with contextlib.suppress(errors.QueryCanceled):
            async with conn.deadline(0.02):
                await conn.execute("SELECT pg_sleep(0.02)")
        cur = await conn.execute("SELECT 1 FROM pg_sleep(0.03)")
        assert await cur.fetchone() == (1,)
    await conn.close()


async def test_one_in_another(twin: Twin) -> None:
    conn = await twin.connect(autocommit=True)
    async with conn.deadline(30) as outer:
        with pytest.raises(errors.QueryCanceled, match=r"deadline of 0\.1 s"):
            async with conn.deadline(0.1):
                await conn.execute(LONG)
        assert not outer.is_over
        await conn.execute("SELECT 1")
    with pytest.raises(errors.QueryCanceled, match=r"deadline of 0\.1 s"):
        async with conn.deadline(0.1):
            async with conn.deadline(30):
                await conn.execute(LONG)
    await conn.close()


async def test_other_errors_are_left_alone(twin: Twin) -> None:
    conn = await twin.connect(autocommit=True)
    with pytest.raises(ZeroDivisionError):
        async with conn.deadline(0):
            await twin.sleep(0.1)
            raise ZeroDivisionError
    with pytest.raises(errors.UndefinedTable):
        async with conn.deadline(30):
            await conn.execute("SELECT * FROM no_such_table")
    await conn.execute("SET statement_timeout = 100")
    with pytest.raises(errors.QueryCanceled) as raised:
        async with conn.deadline(30):
            await conn.execute(LONG)
    assert "deadline" not in str(raised.value)
    await conn.close()


async def test_a_connection_that_is_closed_inside(twin: Twin) -> None:
    conn = await twin.connect()
    with at_most(10):
        async with conn.deadline(30):
            await conn.close()


async def test_misuse(twin: Twin) -> None:
    conn = await twin.connect()
    for arguments in ({"seconds": -1}, {"seconds": float("nan")}, {"seconds": 1, "grace": -1}):
        with pytest.raises(ValueError, match="at least 0"):
            conn.deadline(**arguments)
    deadline = conn.deadline(float("inf"))
    async with deadline:
        with pytest.raises(psycoxide.ProgrammingError, match="one block"):
            async with deadline:
                pass
        await conn.execute("SELECT 1")
    await conn.close()
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        async with conn.deadline(1):
            pass


def slow_to_cancel(hostile: Any) -> tuple[Any, threading.Event]:
    """A server that answers after half a second, and takes cancel requests after the event."""
    taken = threading.Event()

    def script(peer: Peer) -> None:
        peer.greet()
        while True:
            peer.read_query()
            time.sleep(0.5)
            peer.send(ONE)

    server = hostile(script)
    server.on_cancel = lambda: taken.wait(20)
    return server, taken


async def test_the_block_ends_when_the_request_has_arrived(twin: Twin, hostile: Any) -> None:
    """The statement was faster than its cancel request, which must not hit the next one."""
    server, taken = slow_to_cancel(hostile)
    conn = await twin.connect(server.dsn, sslmode="disable", autocommit=True)
    timer = threading.Timer(0.5, taken.set)
    with at_most(15):
        async with conn.deadline(0.1, grace=20):
            await conn.execute("SELECT 1")
            timer.start()
        assert taken.is_set()
    timer.join()
    assert server.cancels.qsize() == 1
    await conn.execute("SELECT 1")
    await conn.close()


async def test_a_request_that_never_arrives_is_given_up(
    twin: Twin, hostile: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server, taken = slow_to_cancel(hostile)
    conn = await twin.connect(server.dsn, sslmode="disable", autocommit=True)
    with at_most(10):
        async with conn.deadline(0.1, grace=0.9):
            await conn.execute("SELECT 1")
    assert "the deadline of 0.1 s is over, and cancelling failed" in caplog.text
    taken.set()
    await conn.close()


async def test_a_task_that_is_cancelled_while_it_leaves(hostile: Any) -> None:
    server, taken = slow_to_cancel(hostile)
    dsn = f"{server.dsn} sslmode=disable"
    conn = await psycoxide.AsyncConnection.connect(dsn, autocommit=True)
    before = len(os.listdir("/proc/self/fd"))
    left = asyncio.Event()

    async def work() -> None:
        async with conn.deadline(0.1, grace=20):
            await conn.execute("SELECT 1")
            left.set()

    task = asyncio.create_task(work())
    await left.wait()
    task.cancel()
    with at_most(5), pytest.raises(asyncio.CancelledError):
        await task
    assert len(asyncio.all_tasks()) == 1
    assert not conn.closed
    taken.set()
    # The server's end of it is this process's, too.
    end = time.monotonic() + 10
    while len(os.listdir("/proc/self/fd")) > before:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
    await conn.execute("SELECT 1")
    await conn.close()


def test_no_thread_is_left_behind(dsn: str) -> None:
    with psycoxide.connect(dsn, autocommit=True) as conn:
        with conn.deadline(30):
            assert "psycoxide-deadline" in [thread.name for thread in threading.enumerate()]
        assert "psycoxide-deadline" not in [thread.name for thread in threading.enumerate()]


async def test_a_task_that_is_cancelled_inside(dsn: str) -> None:
    async with await psycoxide.AsyncConnection.connect(dsn, autocommit=True) as conn:

        async def work() -> None:
            async with conn.deadline(30):
                await conn.execute(LONG)

        task = asyncio.create_task(work())
        await asyncio.sleep(0.2)
        task.cancel()
        with at_most(10), pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1
        cur: Any = await conn.execute("SELECT 1")
        assert await cur.fetchone() == (1,)
