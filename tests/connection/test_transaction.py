"""Transaction blocks: what is kept and what is undone, in which order they are left."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import psycoxide
from psycoxide import Rollback, errors, pq
from psycoxide.transaction import OutOfOrderTransactionNesting

IDLE, INTRANS = pq.TransactionStatus.IDLE, pq.TransactionStatus.INTRANS


class Refusal(Exception):
    """An error of the program's own."""


async def table(twin: Any, **parameters: Any) -> Any:
    conn = await twin.connect(**parameters)
    await conn.execute("CREATE TEMP TABLE kept (i int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    await conn.commit()
    return conn


async def kept(conn: Any) -> list[int]:
    cur = await conn.execute("SELECT i FROM kept ORDER BY i")
    rows = [i for (i,) in await cur.fetchall()]
    if not conn.autocommit:
        await conn.rollback()
    return rows


@pytest.mark.parametrize("autocommit", [False, True])
async def test_kept_or_undone(twin: Any, autocommit: bool) -> None:
    async with await table(twin) as conn:
        await conn.set_autocommit(autocommit)
        async with conn.transaction() as block:
            assert block.status is block.Status.ACTIVE
            assert conn.info.transaction_status == INTRANS
            await conn.execute("INSERT INTO kept VALUES (1)")
        assert block.status is block.Status.COMMITTED
        assert conn.info.transaction_status == IDLE
        with pytest.raises(Refusal):
            async with conn.transaction() as block:
                await conn.execute("INSERT INTO kept VALUES (2)")
                raise Refusal
        assert block.status is block.Status.ROLLED_BACK_WITH_ERROR
        async with conn.transaction(force_rollback=True) as block:
            await conn.execute("INSERT INTO kept VALUES (3)")
        assert block.status is block.Status.ROLLED_BACK_EXPLICITLY
        assert conn.info.transaction_status == IDLE
        assert await kept(conn) == [1]


async def test_within_a_transaction_it_is_a_savepoint(twin: Any) -> None:
    async with await table(twin) as conn:
        await conn.execute("INSERT INTO kept VALUES (1)")
        with pytest.raises(errors.DivisionByZero):
            async with conn.transaction() as block:
                assert block.savepoint_name
                await conn.execute("INSERT INTO kept VALUES (2)")
                await conn.execute("SELECT 1/0")
        assert conn.info.transaction_status == INTRANS
        async with conn.transaction('a name; with "quotes"'):
            await conn.execute("INSERT INTO kept VALUES (3)")
        await conn.commit()
        assert await kept(conn) == [1, 3]


async def test_rollback_leaves_the_block_that_it_names(twin: Any) -> None:
    async with await table(twin) as conn:
        async with conn.transaction() as outer:
            await conn.execute("INSERT INTO kept VALUES (1)")
            async with conn.transaction():
                await conn.execute("INSERT INTO kept VALUES (2)")
                raise Rollback
            await conn.execute("INSERT INTO kept VALUES (3)")
        assert await kept(conn) == [1, 3]
        async with conn.transaction() as outer:
            async with conn.transaction():
                await conn.execute("INSERT INTO kept VALUES (4)")
                raise Rollback(twin.unwrap(outer))
            pytest.fail("the outer block goes on")
        assert await kept(conn) == [1, 3]


async def test_a_commit_that_fails(twin: Any) -> None:
    async with await table(twin) as conn:
        with pytest.raises(errors.UniqueViolation):
            async with conn.transaction() as block:
                await conn.execute("INSERT INTO kept VALUES (1), (1)")
        assert block.status is block.Status.FAILED
        assert conn.info.transaction_status == IDLE
        assert await kept(conn) == []


async def test_left_out_of_order(twin: Any) -> None:
    async with await twin.connect() as conn:
        one, two = conn.transaction(), conn.transaction()
        first, second = await one.__aenter__(), await two.__aenter__()
        with pytest.raises(OutOfOrderTransactionNesting):
            await one.__aexit__(None, None, None)
        with pytest.raises(OutOfOrderTransactionNesting):
            await two.__aexit__(None, None, None)
        assert twin.unwrap(first) is not twin.unwrap(second)
        await conn.rollback()
        assert conn.info.transaction_status == IDLE


async def test_commit_has_no_place_in_a_block(twin: Any) -> None:
    async with await twin.connect() as conn:
        async with conn.transaction():
            for method in (conn.commit, conn.rollback):
                with pytest.raises(twin.api.ProgrammingError, match="within a Transaction"):
                    await method()
            with pytest.raises(twin.api.ProgrammingError):
                await conn.set_autocommit(True)
            await conn.execute("SELECT 1")


async def test_the_programs_error_goes_before_that_of_the_end(
    twin: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "psycopg")
    async with await twin.connect() as conn:
        with pytest.raises(Refusal):
            async with conn.transaction():
                async with conn.transaction("here"):
                    # What the block is to go back to is gone.
                    await conn.execute("RELEASE here")
                    raise Refusal
        assert "ignored" in caplog.text
        assert conn.info.transaction_status == IDLE


async def test_a_connection_that_is_lost_within(twin: Any) -> None:
    conn = await twin.connect()
    with pytest.raises(twin.api.OperationalError):
        async with conn.transaction() as block:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert block.status is block.Status.FAILED
    assert conn.broken
    with pytest.raises(psycoxide.OperationalError):
        async with conn.transaction():
            pytest.fail("there is nothing to begin on")
