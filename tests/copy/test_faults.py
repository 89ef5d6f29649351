"""COPY when something goes wrong, and what others may do meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

import psycoxide
from psycoxide import errors

IN = "COPY sample FROM STDIN"
OUT = "COPY (SELECT generate_series(1, {})) TO STDOUT"
BUSY = "another command is already in progress"


@pytest.mark.parametrize(
    "statement, error, message",
    [
        ("SELECT 1", "ProgrammingError", "copy.. should be used only with COPY .* got TUPLES_OK"),
        ("RESET timezone", "ProgrammingError", "got COMMAND_OK"),
        ("", "ProgrammingError", "got EMPTY_QUERY"),
        ("SELECT 1; SELECT 2", "ProgrammingError", "COPY cannot be mixed"),
        ("SELECT 1; COPY sample FROM STDIN", "ProgrammingError", "COPY cannot be mixed"),
        ("SELECT 1; COPY sample TO STDOUT", "ProgrammingError", "COPY cannot be mixed"),
        ("COPY nosuch FROM STDIN", "ProgrammingError", "nosuch"),
        ("COPY sample FROM '/nosuch/file'", "OperationalError", "/nosuch/file"),
    ],
)
async def test_statements_that_are_no_copy(twin, sample, statement, error, message):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        with pytest.raises(getattr(psycoxide, error), match=message):
            async with cur.copy(statement):
                pytest.fail("not reached")
        assert cur.pgresult is None
        await conn.rollback()
        assert await sample.rows(conn) == []


@pytest.mark.parametrize("second", ["SELECT 1", "COPY sample FROM STDIN", OUT.format(5)])
@pytest.mark.parametrize("first", ["COPY sample FROM STDIN", OUT.format(5)])
async def test_a_copy_before_other_statements(twin, sample, first, second):
    async with await sample.connect() as conn:
        with pytest.raises(psycoxide.Error):
            async with conn.cursor().copy(f"{first}; {second}"):
                pass
        await conn.rollback()
        assert await sample.rows(conn) == []


async def test_a_server_error_ends_the_writing(twin, sample):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        written = 0

        def produce():
            nonlocal written
            for n in range(1_000_000):
                written += 1
                yield (n, "x" * 50, "no date" if n == 10 else None)

        with pytest.raises(errors.InvalidDatetimeFormat) as caught:
            async with cur.copy(IN) as copy:
                await copy.write_rows(produce())
        assert "line 11, column at" in caught.value.diag.context
        assert written < 1_000_000
        assert conn.info.transaction_status.name == "INERROR"
        await conn.rollback()
        assert await sample.rows(conn) == []


async def test_a_server_error_that_was_caught_is_raised_at_the_end(twin, sample):
    async with await sample.connect() as conn:
        with pytest.raises(errors.InvalidTextRepresentation):
            async with conn.cursor().copy(IN) as copy:
                with pytest.raises(errors.InvalidTextRepresentation):
                    for _ in range(100_000):
                        await copy.write(b"wrong\t\\N\t\\N\n" * 100)
        await conn.rollback()


async def test_an_exception_in_the_block(twin, sample):
    async with await sample.connect() as conn:
        with pytest.raises(ZeroDivisionError):
            async with conn.cursor().copy(IN) as copy:
                await copy.write_rows((n, "x" * 100, None) for n in range(5000))
                raise ZeroDivisionError
        assert conn.info.transaction_status.name == "INERROR"
        await conn.rollback()
        assert await sample.rows(conn) == []


async def test_an_exception_of_the_iterator(twin, sample):
    def produce():
        for n in range(5000):
            yield n, "x" * 100, None
        raise KeyError("mine")

    async with await sample.connect(autocommit=True) as conn:
        with pytest.raises(KeyError, match="mine"):
            async with conn.cursor().copy(IN) as copy:
                await copy.write_rows(produce())
        assert conn.info.transaction_status.name == "IDLE"
        assert await sample.rows(conn) == []


@pytest.mark.parametrize("statement", [IN, OUT.format(3)])
async def test_other_uses_of_the_connection_fail(twin, sample, statement):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with conn.cursor().copy(statement) as copy:
            for use in [
                lambda: conn.execute("SELECT 1"),
                lambda: cur.executemany("SELECT %s", [(1,)]),
                conn.commit,
                conn.rollback,
                cur.copy(IN).__aenter__,
            ]:
                with pytest.raises(psycoxide.OperationalError, match=BUSY):
                    await use()
            if statement == IN:
                await copy.write_row((1, "goes on", None))
            else:
                assert len([row async for row in copy.rows()]) == 3
        assert len(await sample.rows(conn)) == (statement == IN)


async def test_after_the_block(twin, sample):
    async with await sample.connect() as conn:
        context = conn.cursor().copy(IN)
        async with context as copy:
            await copy.finish(None)
            await copy.finish(None)
        for write in [copy.write, copy.write_row]:
            with pytest.raises(psycoxide.OperationalError, match="no COPY in progress"):
                await write(b"1")
        with pytest.raises(psycoxide.ProgrammingError, match="twice"):
            async with context:
                pass
        assert await sample.rows(conn) == []


@pytest.mark.parametrize("statement", [IN, OUT.format(100_000_000)])
async def test_a_closed_connection(twin, sample, statement):
    conn = await sample.connect()
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        async with conn.cursor().copy(statement):
            await conn.close()
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        async with conn.cursor().copy(statement):
            pass


@pytest.mark.parametrize("statement", [IN, OUT.format(100_000_000)])
async def test_a_lost_connection(twin, sample, statement):
    conn = await sample.connect()
    async with await twin.connect(autocommit=True) as other:
        with pytest.raises(errors.AdminShutdown):
            async with conn.cursor().copy(statement) as copy:
                await other.execute(
                    "SELECT pg_terminate_backend(%s, 5000)", [conn.info.backend_pid]
                )
                if statement == IN:
                    for _ in range(1000):
                        await copy.write(b"1\t\\N\t\\N\n" * 10_000)
                else:
                    while await copy.read():
                        pass
    assert conn.broken
    await conn.close()


async def test_a_slow_reader_holds_the_server_back(twin):
    async with await twin.connect() as conn:
        async with await twin.connect(autocommit=True) as other:
            wide = "COPY (SELECT repeat('x', 1000), generate_series(1, 50000)) TO STDOUT"
            async with conn.cursor().copy(wide) as copy:
                await copy.read()
                for _ in range(500):
                    await twin.sleep(0.01)
                    cur = await other.execute(
                        "SELECT wait_event FROM pg_stat_activity WHERE pid = %s",
                        [conn.info.backend_pid],
                    )
                    if await cur.fetchone() == ("ClientWrite",):
                        break
                else:
                    pytest.fail("the server was never held back")
                count = 1
                async for _ in copy:
                    count += 1
        assert count == 50_000


@pytest.mark.parametrize("statement", [IN, OUT.format(100_000_000)])
def test_cancelled_tasks(dsn, statement):
    async def work(conn, ready):
        async with conn.cursor().copy(statement) as copy:
            ready.set()
            while True:
                if statement == IN:
                    await copy.write(b"1\t\\N\t\\N\n" * 10_000)
                else:
                    await copy.read()
                await asyncio.sleep(0)

    async def run():
        conn = await psycoxide.AsyncConnection.connect(dsn, autocommit=True)
        async with conn:
            await conn.execute("CREATE TEMPORARY TABLE sample (id integer, name text, at date)")
            for delay in [0, 0.001, 0.01, 0.1]:
                ready = asyncio.Event()
                task = asyncio.create_task(work(conn, ready))
                await ready.wait()
                await asyncio.sleep(delay)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                cur = await conn.execute("SELECT count(*) FROM sample")
                assert await cur.fetchone() == (0,)

    asyncio.run(run())


def test_a_task_cancelled_while_it_begins(dsn):
    async def work(conn, statement):
        async with conn.cursor().copy(statement):
            await asyncio.sleep(60)

    async def run():
        conn = await psycoxide.AsyncConnection.connect(dsn, autocommit=True)
        async with conn:
            await conn.execute("CREATE TEMPORARY TABLE sample (id integer, name text, at date)")
            for delay in range(0, 20):
                for statement in [IN, OUT.format(1_000_000)]:
                    task = asyncio.create_task(work(conn, statement))
                    await asyncio.sleep(delay / 10_000)
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    cur = await conn.execute("SELECT 1")
                    assert await cur.fetchone() == (1,)

    asyncio.run(run())


def test_other_tasks_wait(dsn):
    async def run():
        async with await psycoxide.AsyncConnection.connect(dsn) as conn:
            order = []

            async def other():
                cur = await conn.execute("SELECT 1")
                order.append(await cur.fetchone())

            async with conn.cursor().copy(OUT.format(1000)) as copy:
                tasks = [asyncio.create_task(other()) for _ in range(3)]
                await asyncio.sleep(0.05)
                count = 0
                async for _ in copy:
                    count += 1
                    if count % 100 == 0:
                        await asyncio.sleep(0)
                order.append(count)
            await asyncio.gather(*tasks)
            assert order == [1000, (1,), (1,), (1,)]

    asyncio.run(run())


def test_other_threads_wait(dsn):
    with psycoxide.Connection.connect(dsn) as conn:
        order = []

        def other():
            order.append(conn.execute("SELECT 1").fetchone())

        with conn.cursor().copy(OUT.format(1000)) as copy:
            threads = [threading.Thread(target=other) for _ in range(3)]
            for thread in threads:
                thread.start()
            time.sleep(0.05)
            order.append(len(list(copy)))
        for thread in threads:
            thread.join()
        assert order == [1000, (1,), (1,), (1,)]


@pytest.mark.parametrize("statement", [IN, OUT.format(100_000_000)])
def test_ctrl_c(dsn, statement):
    with psycoxide.Connection.connect(dsn, autocommit=True) as conn:
        conn.execute("CREATE TEMPORARY TABLE sample (id integer, name text, at date)")
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            with conn.cursor().copy(statement) as copy:
                timer.start()
                while True:
                    if statement == IN:
                        copy.write(b"1\t\\N\t\\N\n" * 10_000)
                    else:
                        copy.read()
        timer.join()
        assert conn.execute("SELECT count(*) FROM sample").fetchone() == (0,)
