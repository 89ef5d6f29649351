"""Several threads, tasks, loops and processes on one connection."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

import psycoxide


def test_threads_on_one_connection_and_one_cursor(dsn: str) -> None:
    with psycoxide.connect(dsn, autocommit=True) as conn:
        wrong: list[object] = []
        cursor = conn.cursor()

        def work(number: int) -> None:
            for _ in range(50):
                cursor.execute("SELECT 1")
                row = conn.execute("SELECT %s::int", [number]).fetchone()
                if row != (number,):
                    wrong.append(row)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not wrong


def test_threads_that_commit_end_one_transaction(dsn: str) -> None:
    with psycoxide.connect(dsn) as conn:
        notices: list[object] = []
        conn.add_notice_handler(notices.append)
        for _ in range(20):
            conn.execute("SELECT 1")
            threads = [threading.Thread(target=conn.commit) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        assert not notices


async def test_tasks_take_turns(dsn: str) -> None:
    async with await psycoxide.AsyncConnection.connect(dsn, autocommit=True) as conn:

        async def work(number: int) -> Any:
            return await (await conn.execute("SELECT %s::int", [number])).fetchone()

        assert await asyncio.gather(*map(work, range(50))) == [(n,) for n in range(50)]


async def test_cancelled_at_any_await(dsn: str) -> None:
    """Wherever a task is cancelled, the connection is usable afterwards, or closed."""
    conn = await psycoxide.AsyncConnection.connect(dsn)

    async def work() -> None:
        async with conn.transaction():
            await conn.execute("CREATE TEMP TABLE IF NOT EXISTS t (i int)")
            cur = conn.cursor()
            await cur.executemany("INSERT INTO t VALUES (%s)", [(n,) for n in range(3000)])
            async with conn.pipeline():
                for n in range(100):
                    await conn.execute("SELECT %s::int", [n])
            await cur.execute("SELECT * FROM generate_series(1, 1000)")
            await cur.fetchall()

    async def cancel_after(turns: int) -> bool:
        """Whether the work was not finished after so many turns of the loop."""
        task = asyncio.create_task(work())
        for _ in range(turns):
            await asyncio.sleep(0)
        unfinished = not task.done()
        task.cancel()
        await asyncio.wait([task], timeout=30)
        assert task.done()
        return unfinished

    turns, unfinished = 0, True
    while unfinished and turns < 200:
        unfinished = await cancel_after(turns)
        turns += 1 if turns < 20 else 7
        if conn.closed:
            conn = await psycoxide.AsyncConnection.connect(dsn)
            continue
        await conn.rollback()
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)
        await conn.rollback()
    await conn.close()


async def test_close_wakes_whoever_waits(dsn: str) -> None:
    conn = await psycoxide.AsyncConnection.connect(dsn)
    task = asyncio.create_task(conn.execute("SELECT pg_sleep(60)"))
    await asyncio.sleep(0.1)
    await conn.close()
    with pytest.raises(psycoxide.OperationalError):
        await asyncio.wait_for(task, 10)


def test_one_loop_after_another(dsn: str) -> None:
    conn = asyncio.run(psycoxide.AsyncConnection.connect(dsn))

    async def work() -> Any:
        return await (await conn.execute("SELECT 1")).fetchone()

    for _ in range(3):
        assert asyncio.run(work()) == (1,)
    asyncio.run(conn.close())


def test_a_loop_that_is_gone(dsn: str) -> None:
    """An operation that its loop never finished closes the connection instead of blocking it."""
    loop = asyncio.new_event_loop()
    conn = loop.run_until_complete(psycoxide.AsyncConnection.connect(dsn))
    kept = []

    async def begin() -> None:
        operation = conn.execute("SELECT pg_sleep(60)")
        operation.send(None)
        kept.append(operation)

    loop.run_until_complete(begin())
    loop.close()

    async def work() -> None:
        with pytest.raises(psycoxide.OperationalError):
            await conn.execute("SELECT 1")

    asyncio.run(work())
    assert conn.closed


def test_a_child_leaves_the_connection_alone(dsn: str) -> None:
    with psycoxide.connect(dsn) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
        child = os.fork()
        if child == 0:
            try:
                try:
                    conn.execute("SELECT 1")
                except psycoxide.InterfaceError:
                    conn.close()
                    del conn
                    gc.collect()
                    os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert conn.execute("SELECT 2").fetchone() == (2,)


async def test_objects_die_by_reference_count(twin: Any) -> None:
    gc.disable()
    try:
        conn = await twin.connect()
        cursor = await conn.execute("SELECT 1")
        async with conn.pipeline():
            await conn.execute("SELECT 2")
        await conn.close()
        references = [weakref.ref(twin.unwrap(conn)), weakref.ref(twin.unwrap(cursor))]
        del conn, cursor
        assert [reference() for reference in references] == [None, None]
    finally:
        gc.enable()


GREEN = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent, psycoxide, sys
ticks = []
def tick():
    while True:
        ticks.append(1)
        gevent.sleep(0.01)
def query():
    with psycoxide.connect(sys.argv[1]) as conn:
        conn.execute("SELECT pg_sleep(0.3)")
        jobs = [gevent.spawn(conn.execute, "SELECT pg_sleep(0.05)") for _ in range(3)]
        gevent.joinall(jobs, raise_error=True)
    with psycoxide.connect(sys.argv[1], autocommit=True) as conn:
        conn.execute("LISTEN green")
        listener = gevent.spawn(lambda: list(conn.notifies(timeout=30, stop_after=1)))
        gevent.sleep(0.05)
        gevent.spawn(conn.execute, "NOTIFY green").get(timeout=10)
        assert len(listener.get(timeout=10)) == 1
        with conn.cursor().copy("COPY (SELECT 1) TO STDOUT") as copy:
            assert copy.read_row() == ("1",)
            other = gevent.spawn(conn.execute, "SELECT 1")
            gevent.sleep(0.05)
            assert not other.ready()
            try:
                conn.execute("SELECT 1")
            except psycoxide.OperationalError:
                pass
            else:
                raise AssertionError("it would wait for itself")
        assert other.get(timeout=10).fetchone() == (1,)
ticker = gevent.spawn(tick)
gevent.spawn(query).get()
print(len(ticks))
"""


def test_green_threads_run_while_one_waits(dsn: str) -> None:
    pytest.importorskip("gevent")
    command = [sys.executable, "-c", GREEN, dsn]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10
