"""A task that is cancelled wherever it waits: the connection is usable afterwards, as it was."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

import psycoxide
from support.loops import CancelledAt, Run
from support.state import state_of

pytestmark = pytest.mark.usefixtures("no_leaks")

IDLE = psycoxide.pq.TransactionStatus.IDLE
XID = "cancelled at every await"


async def execute(conn: Any) -> None:
    for n in range(3):
        cur = await conn.execute("SELECT %s::int, repeat('x', 100000)", [n], prepare=True)
        assert len(await cur.fetchall()) == 1
    await conn.commit()


async def executemany(conn: Any) -> None:
    rows = [(n, "x" * 1000) for n in range(5000)]
    await conn.cursor().executemany("INSERT INTO kept VALUES (%s, %s)", rows)
    await conn.rollback()


async def stream(conn: Any) -> None:
    query = "SELECT repeat('x', 10000) FROM generate_series(1, 200)"
    assert len([row async for row in conn.cursor().stream(query, size=50)]) == 200


async def server_cursor(conn: Any) -> None:
    async with conn.cursor("named") as cur:
        await cur.execute("SELECT generate_series(1, 100)")
        assert len(await cur.fetchmany(10)) == 10
        await cur.scroll(5)
        assert len([row async for row in cur]) == 85


async def copy_in(conn: Any) -> None:
    async with conn.cursor().copy("COPY kept FROM STDIN") as copy:
        for n in range(20):
            await copy.write_row((n, "x" * 100_000))
    await conn.rollback()


async def copy_out(conn: Any) -> None:
    query = "COPY (SELECT i, repeat('x', 10000) FROM generate_series(1, 200) AS i) TO STDOUT"
    async with conn.cursor().copy(query) as copy:
        assert len([row async for row in copy.rows()]) == 200


async def pipeline(conn: Any) -> None:
    async with conn.pipeline() as pipeline:
        cursors = [await conn.execute("SELECT %s::int", [n]) for n in range(10)]
        assert await cursors[5].fetchone() == (5,)
        await pipeline.sync()
        await conn.execute("SELECT 1")


async def transaction(conn: Any) -> None:
    async with conn.transaction():
        await conn.execute("INSERT INTO kept VALUES (1)")
        async with conn.transaction():
            await conn.execute("INSERT INTO kept VALUES (2)")
        raise psycoxide.Rollback


async def two_phases(conn: Any) -> None:
    await conn.tpc_begin(XID)
    await conn.execute("SELECT 1")
    await conn.tpc_prepare()
    await conn.tpc_rollback()
    await conn.tpc_recover()


async def notifies(conn: Any) -> None:
    await conn.set_autocommit(True)
    try:
        await conn.execute("LISTEN here")
        await conn.execute("NOTIFY here, 'x'")
        async for _ in conn.notifies(timeout=10, stop_after=1):
            await conn.execute("SELECT 1")
        assert [n async for n in conn.notifies(timeout=0.01)] == []
    finally:
        await conn.set_autocommit(False)


WORK = [
    *(execute, executemany, stream, server_cursor, copy_in, copy_out),
    *(pipeline, transaction, two_phases, notifies),
]


async def roll_back_prepared(conn: Any) -> None:
    """Undo what a task that was cancelled after its PREPARE TRANSACTION has left."""
    if conn._tpc is not None:
        with contextlib.suppress(psycoxide.errors.UndefinedObject):
            await conn.tpc_rollback()
    await conn.rollback()
    for xid in await conn.tpc_recover():
        if str(xid) == XID:
            await conn.tpc_rollback(xid)


@pytest.mark.parametrize("late", [False, True], ids=["early", "late"])
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_usable_afterwards(dsn: str, run: Run, work: Any, late: bool) -> None:
    async def body() -> None:
        conn = await psycoxide.AsyncConnection.connect(dsn)
        async with conn:
            await conn.execute("CREATE TEMP TABLE kept (i int, t text)")
            await conn.commit()
            step, reached = 0, True
            while reached and step < 60:
                task = CancelledAt(work(conn), step, late)
                kept: BaseException | None = None
                try:
                    await asyncio.wait_for(task_of(task), 20)
                except asyncio.CancelledError as ex:
                    kept = ex  # And with it the frames that it went through, with all they hold.
                reached = task.reached
                if work is two_phases:
                    await roll_back_prepared(conn)
                assert await state_of(conn) == "usable", step
                assert conn.info.transaction_status == IDLE
                cur = await conn.execute("SELECT count(*) FROM kept")
                assert await cur.fetchone() == (0,)
                await conn.rollback()
                del kept
                step += 1
            assert step > 1

    run(body())


@pytest.mark.parametrize("late", [False, True], ids=["early", "late"])
def test_connecting(dsn: str, run: Run, late: bool) -> None:
    """Nothing is left of a connection that nobody waits for any more."""

    async def body() -> None:
        step, reached = 0, True
        while reached:
            task = CancelledAt(psycoxide.AsyncConnection.connect(dsn), step, late)
            try:
                await (await asyncio.wait_for(task_of(task), 20)).close()
            except asyncio.CancelledError:
                pass
            reached = task.reached
            step += 1
        assert step > 2

    run(body())


async def task_of(awaitable: Any) -> Any:
    return await awaitable


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_not_cancelled(dsn: str, run: Run, work: Any) -> None:
    """What the tests above cancel comes to its end on each loop."""

    async def body() -> None:
        async with await psycoxide.AsyncConnection.connect(dsn) as conn:
            await conn.execute("CREATE TEMP TABLE kept (i int, t text)")
            await conn.commit()
            await work(conn)
            assert await state_of(conn) == "usable"

    run(body())
