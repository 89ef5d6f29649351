"""Cursors and `pq.PGconn` side by side on one connection."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide.pq import ExecStatus, PipelineStatus, TransactionStatus
from support.pq import fetch_all


async def test_in_turns(twin):
    async with await twin.connect() as conn:
        pgconn = twin.unwrap(conn).pgconn
        assert pgconn.exec_(b"BEGIN").status == ExecStatus.COMMAND_OK
        assert conn.info.transaction_status == TransactionStatus.INTRANS
        cur = await conn.execute("SELECT 1")
        assert await cur.fetchone() == (1,)
        pgconn.send_query_params(b"SELECT $1::int", [b"2"])
        assert [result.get_value(0, 0) for result in fetch_all(pgconn)] == [b"2"]
        await conn.rollback()
        assert pgconn.transaction_status == TransactionStatus.IDLE


async def test_another_command_is_in_progress(twin):
    async with await twin.connect() as conn:
        await conn.set_autocommit(True)
        pgconn = twin.unwrap(conn).pgconn
        pgconn.send_query(b"SELECT 1")
        with pytest.raises(psycoxide.Error, match="already in progress"):
            await conn.execute("SELECT 2")
        await twin.sleep(0.05)
        # What came meanwhile is still there.
        assert [result.get_value(0, 0) for result in fetch_all(pgconn)] == [b"1"]
        cur = await conn.execute("SELECT 2")
        assert await cur.fetchone() == (2,)


async def test_prepared_statements_are_forgotten_together(twin):
    async with await twin.connect() as conn:
        await conn.set_autocommit(True)
        for _ in range(2):
            await conn.execute("SELECT 1", prepare=True)
            twin.unwrap(conn).pgconn.exec_(b"DEALLOCATE ALL")
        cur = await conn.execute("SELECT 1", prepare=True)
        assert await cur.fetchone() == (1,)


async def test_settings_are_shared(twin):
    async with await twin.connect() as conn:
        await conn.set_autocommit(True)
        twin.unwrap(conn).pgconn.exec_(b"SET client_encoding TO latin1")
        assert conn.info.encoding == "iso8859-1"
        cur = await conn.execute("SELECT 'è'")
        assert await cur.fetchone() == ("è",)


async def test_notifications_of_verbs_reach_handlers(twin):
    async with await twin.connect() as conn:
        await conn.set_autocommit(True)
        seen = []
        conn.add_notify_handler(seen.append)
        twin.unwrap(conn).pgconn.exec_(b"LISTEN a; NOTIFY a, 'x'")
        await conn.execute("SELECT 1")
        assert [notify.payload for notify in seen] == ["x"]


async def test_pipelines(twin):
    async with await twin.connect() as conn:
        pgconn = twin.unwrap(conn).pgconn
        pgconn.enter_pipeline_mode()
        pgconn.send_query_params(b"SELECT 1", [])
        pgconn.pipeline_sync()
        assert [result.status.name for result in fetch_all(pgconn)] == ["TUPLES_OK"]
        assert pgconn.get_result().status == ExecStatus.PIPELINE_SYNC
        pgconn.exit_pipeline_mode()
        async with conn.pipeline():
            assert pgconn.pipeline_status == PipelineStatus.ON
            cur = await conn.execute("SELECT 2")
            with pytest.raises(psycoxide.OperationalError, match="outstanding"):
                pgconn.send_query_params(b"SELECT 3", [])
            assert await cur.fetchone() == (2,)
        assert pgconn.pipeline_status == PipelineStatus.OFF
