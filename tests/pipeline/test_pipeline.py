"""Pipelines: when results come, in which order errors are told, what a transaction block does."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from psycoxide import errors, pq

OFF, ON, ABORTED = pq.PipelineStatus.OFF, pq.PipelineStatus.ON, pq.PipelineStatus.ABORTED
IDLE, ACTIVE, INTRANS, INERROR = (
    pq.TransactionStatus.IDLE,
    pq.TransactionStatus.ACTIVE,
    pq.TransactionStatus.INTRANS,
    pq.TransactionStatus.INERROR,
)


def status(conn: Any) -> tuple[Any, Any]:
    return conn.info.transaction_status, conn.info.pipeline_status


async def test_queries_queue_until_somebody_fetches(twin: Any) -> None:
    async with await twin.connect() as conn:
        assert status(conn) == (IDLE, OFF)
        async with conn.pipeline() as pipeline:
            assert pipeline.status == ON
            cursors = [await conn.execute("SELECT %s::int", [n]) for n in range(3)]
            assert conn.info.transaction_status == ACTIVE
            assert len(pipeline.result_queue) == 3
            assert cursors[0].pgresult is None and cursors[0].rowcount == -1
            assert await cursors[1].fetchone() == (1,)
            assert await cursors[0].fetchone() == (0,)
            assert await cursors[2].fetchall() == [(2,)]
            assert status(conn) == (INTRANS, ON)
        assert status(conn) == (INTRANS, OFF)


async def test_results_are_there_after_the_block(twin: Any) -> None:
    async with await twin.connect(autocommit=True) as conn:
        async with conn.pipeline():
            cur = await conn.execute("SELECT generate_series(1, 3)")
            empty = await conn.execute("CREATE TEMP TABLE t (i int)")
        assert await cur.fetchall() == [(1,), (2,), (3,)]
        assert empty.statusmessage == "CREATE TABLE"
        with pytest.raises(twin.api.ProgrammingError):
            await empty.fetchone()


async def test_nested_blocks_are_one_pipeline(twin: Any) -> None:
    async with await twin.connect(autocommit=True) as conn:
        async with conn.pipeline() as outer:
            cur = await conn.execute("SELECT 1")
            async with conn.pipeline() as inner:
                assert twin.unwrap(inner) is twin.unwrap(outer)
                assert cur.pgresult is not None
            assert conn.info.pipeline_status == ON
        assert conn.info.pipeline_status == OFF


async def test_after_an_error_up_to_the_sync(twin: Any) -> None:
    async with await twin.connect(autocommit=True) as conn:
        async with conn.pipeline() as pipeline:
            first = await conn.execute("SELECT 1")
            await conn.execute("SELECT 1/0")
            third = await conn.execute("SELECT 3")
            with pytest.raises(errors.DivisionByZero):
                await third.fetchone()
            assert await first.fetchone() == (1,)
            assert pipeline.status == ABORTED
            late = await conn.execute("SELECT 4")
            with pytest.raises(errors.PipelineAborted):
                await late.fetchone()
            await pipeline.sync()
            assert pipeline.status == ON
            assert await (await conn.execute("SELECT 5")).fetchone() == (5,)


async def test_the_end_of_the_block_raises_the_first_error(twin: Any) -> None:
    async with await twin.connect() as conn:
        with pytest.raises(errors.DivisionByZero):
            async with conn.pipeline():
                await conn.execute("SELECT 1/0")
                await conn.execute("SELECT * FROM there_is_none")
        assert status(conn) == (INERROR, OFF)
        await conn.rollback()


async def test_an_exception_goes_before_errors(twin: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "psycopg")
    async with await twin.connect(autocommit=True) as conn:
        with pytest.raises(KeyError):
            async with conn.pipeline():
                await conn.execute("SELECT 1/0")
                raise KeyError
        assert "division by zero" in caplog.text
        assert status(conn) == (IDLE, OFF)


async def test_rollback_takes_back_what_was_not_seen_to_fail(twin: Any) -> None:
    async with await twin.connect() as conn, conn.pipeline():
        await conn.execute("SELECT 1/0")
        with pytest.raises(errors.DivisionByZero):
            await conn.rollback()
        assert status(conn) == (IDLE, ON)
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_commit_does_not_hide_an_error(twin: Any) -> None:
    async with await twin.connect() as conn, conn.pipeline():
        await conn.execute("SELECT 1/0")
        with pytest.raises(errors.DivisionByZero):
            await conn.commit()
        assert conn.info.transaction_status == INERROR
        await conn.rollback()


async def test_transaction_blocks(twin: Any) -> None:
    async with await twin.connect(autocommit=True) as conn, conn.pipeline():
        await conn.execute("CREATE TEMP TABLE t (i int)")
        async with conn.transaction():
            assert conn.info.transaction_status == INTRANS
            await conn.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(errors.DivisionByZero):
                async with conn.transaction():
                    await conn.execute("INSERT INTO t VALUES (2)")
                    await conn.execute("SELECT 1/0")
            await conn.execute("INSERT INTO t VALUES (3)")
        assert conn.info.transaction_status == IDLE
        cur = await conn.execute("SELECT i FROM t ORDER BY i")
        assert await cur.fetchall() == [(1,), (3,)]


async def test_executemany(twin: Any) -> None:
    async with await twin.connect() as conn, conn.pipeline() as pipeline:
        cur = conn.cursor()
        await cur.execute("CREATE TEMP TABLE t (i int)")
        await cur.executemany("INSERT INTO t VALUES (%s)", [(n,) for n in range(5000)])
        await pipeline.sync()
        assert cur.rowcount == 5000 and cur.statusmessage == "INSERT 0 1"
        await cur.executemany("SELECT %s::int", [(1,), (2,)], returning=True)
        assert await cur.fetchall() == [(1,)]
        assert cur.nextset() and await cur.fetchall() == [(2,)]
        assert cur.nextset() is None


async def test_neither_side_blocks_the_other(twin: Any) -> None:
    """More goes out than the socket takes while more comes in than it holds."""
    text = "x" * 20_000
    async with await twin.connect() as conn:
        async with conn.pipeline():
            cursors = [await conn.execute("SELECT %s::text", [text]) for _ in range(1000)]
        assert all([await cur.fetchone() == (text,) for cur in cursors])


async def test_a_cursor_that_executes_again(twin: Any) -> None:
    async with await twin.connect() as conn, conn.pipeline():
        cur = await conn.execute("SELECT 1")
        await cur.execute("SELECT 2")
        assert await cur.fetchall() == [(2,)]


async def test_what_cannot_be_sent_is_not_begun(twin: Any) -> None:
    async with await twin.connect() as conn, conn.pipeline():
        with pytest.raises(twin.api.DataError):
            await conn.execute("SELECT %s::text", ["\0"])
        assert conn.info.transaction_status == IDLE


async def test_copy_has_no_place_in_it(twin: Any) -> None:
    async with await twin.connect() as conn, conn.pipeline():
        with pytest.raises(twin.api.NotSupportedError):
            async with conn.cursor().copy("COPY (SELECT 1) TO STDOUT"):
                pass


async def test_a_lost_connection(twin: Any) -> None:
    conn = await twin.connect(autocommit=True)
    with pytest.raises(twin.api.OperationalError):
        async with conn.pipeline():
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            await conn.execute("SELECT 1")
    assert conn.closed and conn.broken


async def test_closed_in_the_block(twin: Any) -> None:
    conn = await twin.connect()
    with pytest.raises(twin.api.OperationalError):
        async with conn.pipeline():
            await conn.execute("SELECT 1")
            await conn.close()


async def test_statements_are_prepared_within_a_pipeline(twin: Any) -> None:
    async with await twin.connect() as conn:
        async with conn.pipeline():
            for n in range(10):
                await conn.execute("SELECT %s::int", [n])
        cur = await conn.execute("SELECT count(*) FROM pg_prepared_statements", prepare=False)
        assert await cur.fetchone() == (1,)


async def test_a_statement_that_fails_to_parse_is_not_thought_prepared(twin: Any) -> None:
    async with await twin.connect(autocommit=True) as conn:
        for _ in range(2):
            with pytest.raises(errors.UndefinedTable):
                async with conn.pipeline():
                    await conn.execute("SELECT * FROM later", prepare=True)
        await conn.execute("CREATE TEMP TABLE later AS SELECT 1 AS i")
        async with conn.pipeline():
            cur = await conn.execute("SELECT * FROM later", prepare=True)
            assert await cur.fetchall() == [(1,)]


async def test_a_block_is_entered_once(twin: Any) -> None:
    async with await twin.connect() as conn:
        block = conn.transaction()
        with pytest.raises(TypeError, match="only once"):
            async with block:
                await conn.execute("CREATE TEMP TABLE undone ()")
                async with block:
                    pass
        assert conn.info.transaction_status == IDLE
        cur = await conn.execute("SELECT to_regclass('undone')")
        assert await cur.fetchone() == (None,)
