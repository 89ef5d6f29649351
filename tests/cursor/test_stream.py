"""Rows that are handed out while the server still produces them."""

from __future__ import annotations

import asyncio
import resource
import threading

import pytest

import psycoxide
from psycoxide import errors, rows
from psycoxide.pq import ExecStatus, TransactionStatus

MANY = "SELECT generate_series(1, 100000), repeat('x', 200)"


async def leave(twin, generator):
    """Close a generator before its end."""
    if twin.is_async:
        await generator.aclose()
    else:
        twin.unwrap(generator).close()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10, 11])
async def test_rows(twin, size):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        query = "SELECT n, n::text FROM generate_series(1, %s) n"
        found = [row async for row in cur.stream(query, [10], size=size)]
        assert found == [(n, str(n)) for n in range(1, 11)]
        assert conn.info.transaction_status == TransactionStatus.INTRANS


async def test_no_rows(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        assert [row async for row in cur.stream("SELECT 1 WHERE false")] == []
        assert [row async for row in cur.stream("SELECT")] == [()]


@pytest.mark.parametrize("size", [0, -1])
async def test_wrong_size(twin, size):
    async with await twin.connect() as conn:
        with pytest.raises(ValueError, match="size must be >= 1"):
            await anext(conn.cursor().stream("SELECT 1", size=size))


async def test_nothing_is_sent_before_it_is_asked_for(twin):
    async with await twin.connect() as conn:
        stream = conn.cursor().stream("SELECT 1/0")
        assert conn.info.transaction_status == TransactionStatus.IDLE
        await leave(twin, stream)


async def test_state(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        stream = cur.stream("SELECT generate_series(1, 3) AS n")
        assert await anext(stream) == (1,)
        assert conn.info.transaction_status == TransactionStatus.ACTIVE
        assert cur.pgresult.status == ExecStatus.SINGLE_TUPLE
        assert [column.name for column in cur.description] == ["n"]
        assert (cur.rownumber, cur.rowcount) == (None, -1)
        with pytest.raises(psycoxide.ProgrammingError, match="SINGLE_TUPLE"):
            await cur.fetchone()
        assert [row async for row in stream] == [(2,), (3,)]


@pytest.mark.parametrize("binary", [True, False])
async def test_binary(twin, binary):
    async with await twin.connect() as conn:
        cur = conn.cursor(binary=not binary)
        async for row in cur.stream("SELECT n::int4 FROM generate_series(1, 3) n", binary=binary):
            value = row[0].to_bytes(4, "big") if binary else str(row[0]).encode()
            assert cur.pgresult.fformat(0) == binary
            assert cur.pgresult.get_value(0, 0) == value


async def test_row_factory(twin):
    async with await twin.connect(row_factory=rows.dict_row) as conn:
        cur = conn.cursor()
        stream = cur.stream("SELECT generate_series(1, 3) AS n")
        assert await anext(stream) == {"n": 1}
        cur.row_factory = rows.scalar_row
        assert await anext(stream) == 2
        cur.row_factory = rows.tuple_row
        assert await anext(stream) == (3,)
        await leave(twin, stream)


@pytest.mark.parametrize(
    "query, error, message",
    [
        ("CREATE TEMPORARY TABLE t ()", psycoxide.ProgrammingError, "didn't produce a result"),
        ("", psycoxide.InternalError, "EMPTY_QUERY"),
        ("SELECT 1; SELECT 2", errors.SyntaxError, "multiple commands"),
        ("COPY (SELECT 1) TO STDOUT", psycoxide.ProgrammingError, r"use copy\(\)"),
        ("CREATE TABLE IF NOT EXISTS copied (a int)", psycoxide.ProgrammingError, "result"),
        ("COPY copied FROM STDIN", psycoxide.ProgrammingError, "copy|does not exist"),
        ("wat", errors.SyntaxError, "wat"),
    ],
)
async def test_wrong_query(twin, query, error, message):
    async with await twin.connect() as conn:
        with pytest.raises(error, match=message):
            await anext(conn.cursor().stream(query))
        await conn.rollback()
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


@pytest.mark.parametrize("autocommit", [False, True])
async def test_error_on_the_way(twin, autocommit):
    async with await twin.connect(autocommit=autocommit) as conn:
        found = []
        with pytest.raises(errors.DivisionByZero):
            async for row in conn.cursor().stream("SELECT 1/(3-n) FROM generate_series(1, 9) n"):
                found.append(row)
        assert len(found) == 2
        after = TransactionStatus.IDLE if autocommit else TransactionStatus.INERROR
        assert conn.info.transaction_status == after
        await conn.rollback()


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize("query", ["SELECT generate_series(1, 5)", MANY])
async def test_left_early(twin, query, size):
    async with await twin.connect() as conn:
        for _ in range(5):
            stream = conn.cursor().stream(query, size=size)
            await anext(stream)
            await leave(twin, stream)
            status = conn.info.transaction_status
            assert status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)
            # The cancel request meets nothing that comes later.
            await conn.rollback()
            assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_left_by_an_exception(twin):
    async with await twin.connect() as conn:
        stream = conn.cursor().stream(MANY)
        with pytest.raises(ZeroDivisionError):
            async for _ in stream:
                raise ZeroDivisionError
        await leave(twin, stream)
        await conn.rollback()
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_loader_fails(twin):
    class Broken(psycoxide.adapt.Loader):
        def load(self, data):
            raise ArithmeticError(bytes(data))

    async with await twin.connect() as conn:
        cur = conn.cursor()
        cur.adapters.register_loader("int4", Broken)
        with pytest.raises(ArithmeticError):
            await anext(cur.stream(MANY))
        await conn.rollback()
        assert await (await conn.execute("SELECT 'a'")).fetchone() == ("a",)


async def test_connection_closed_on_the_way(twin):
    conn = await twin.connect()
    with pytest.raises(psycoxide.OperationalError):
        async for _ in conn.cursor().stream(MANY):
            await conn.close()
    assert conn.closed


async def test_cursor_closed_on_the_way(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        with pytest.raises(psycoxide.InterfaceError, match="the cursor is closed"):
            async for _ in cur.stream(MANY):
                await cur.close()
        await conn.rollback()


async def test_backend_killed_on_the_way(twin):
    async with await twin.connect(autocommit=True) as other:
        conn = await twin.connect()
        query = "SELECT n, pg_sleep(0.01) FROM generate_series(1, 10000) n"
        with pytest.raises(psycoxide.OperationalError):
            async for _ in conn.cursor().stream(query):
                await other.execute("SELECT pg_terminate_backend(%s)", [conn.info.backend_pid])
        assert conn.closed


async def test_connection_is_taken(twin):
    """Who streams is told what would wait for ever."""
    async with await twin.connect() as conn:
        stream = conn.cursor().stream(MANY)
        await anext(stream)
        for method in (lambda: conn.execute("SELECT 1"), conn.commit):
            with pytest.raises(psycoxide.OperationalError, match="already in progress"):
                await method()
        assert (await anext(stream))[0] == 2
        await leave(twin, stream)
        await conn.rollback()
        await conn.execute("SELECT 1")


async def test_not_in_a_pipeline(twin):
    async with await twin.connect() as conn, conn.pipeline():
        with pytest.raises(psycoxide.ProgrammingError, match="pipeline"):
            await anext(conn.cursor().stream("SELECT 1"))


async def test_memory(twin):
    """The result is 50 MB; it must not gather in memory."""
    async with await twin.connect() as conn:
        count = 0
        query = "SELECT n, repeat('x', 1000) FROM generate_series(1, 50000) n"
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        async for row in conn.cursor().stream(query, size=100):
            count += 1
            if row[0] % 10000 == 0:
                # The server goes on meanwhile.
                await twin.sleep(0.02)
        assert count == 50000
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 25_000


def test_other_threads_wait(dsn):
    with psycoxide.connect(dsn) as conn:
        stream = conn.cursor().stream("SELECT generate_series(1, 1000)")
        next(stream)
        found = []
        thread = threading.Thread(
            target=lambda: found.append(conn.execute("SELECT 'other'").fetchone())
        )
        thread.start()
        assert len(list(stream)) == 999
        thread.join(10)
        assert found == [("other",)]


def test_other_tasks_wait(dsn):
    async def main():
        async with await psycoxide.AsyncConnection.connect(dsn) as conn:
            order = []

            async def other():
                cur = await conn.execute("SELECT 'other'")
                order.append((await cur.fetchone())[0])

            task = None
            async for (number,) in conn.cursor().stream("SELECT generate_series(1, 100)"):
                if task is None:
                    task = asyncio.create_task(other())
                await asyncio.sleep(0)
                order.append(number)
            await task
            assert order == [*range(1, 101), "other"]

    asyncio.run(main())


def test_cancelled_task(dsn):
    async def main():
        async with await psycoxide.AsyncConnection.connect(dsn) as conn:

            async def consume(arrived):
                query = "SELECT n, pg_sleep(0.01) FROM generate_series(1, 100000) n"
                async for row in conn.cursor().stream(query):
                    arrived.set_result(row) if not arrived.done() else None

            for _ in range(3):
                arrived = asyncio.get_running_loop().create_future()
                task = asyncio.create_task(consume(arrived))
                await arrived
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert conn.info.transaction_status == TransactionStatus.INERROR
                await conn.rollback()
                cur = await conn.execute("SELECT 1")
                assert await cur.fetchone() == (1,)

    asyncio.run(main())


def test_cancel_does_not_meet_the_next_query(dsn):
    async def main():
        async with await psycoxide.AsyncConnection.connect(dsn, autocommit=True) as conn:
            for delay in range(20):
                task = asyncio.create_task(conn.execute("SELECT pg_sleep(0.01)"))
                await asyncio.sleep(0.001 * delay)
                task.cancel()
                await asyncio.wait([task])
                await conn.execute("SELECT pg_sleep(0.01)")

    asyncio.run(main())
