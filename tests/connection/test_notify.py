"""LISTEN and NOTIFY: none is lost, the connection stays usable, waits are bounded."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

import psycoxide


async def payloads(notifies: Any) -> list[str]:
    return [notify.payload async for notify in notifies]


async def test_what_came_before_comes_first(twin: Any) -> None:
    async with await twin.connect(autocommit=True) as conn:
        await conn.execute("LISTEN c")
        for n in range(3):
            await conn.execute(f"NOTIFY c, '{n}'")
        assert await payloads(conn.notifies(timeout=0)) == ["0", "1", "2"]
        assert await payloads(conn.notifies(timeout=0)) == []


async def test_stop_after(twin: Any) -> None:
    async with (
        await twin.connect(autocommit=True) as conn,
        await twin.connect(autocommit=True) as other,
    ):
        await conn.execute("LISTEN c")
        await other.execute("NOTIFY c, 'x'")
        found = [notify async for notify in conn.notifies(stop_after=1)]
        assert [(n.channel, n.payload, n.pid) for n in found] == [
            ("c", "x", other.info.backend_pid)
        ]


async def test_the_connection_is_usable_meanwhile(twin: Any) -> None:
    async with await twin.connect(autocommit=True) as conn:
        await conn.execute("LISTEN c")
        await conn.execute("NOTIFY c, '0'")
        async for notify in conn.notifies(timeout=10, stop_after=3):
            await conn.execute(f"NOTIFY c, '{int(notify.payload) + 1}'")
        assert notify.payload == "2"


async def test_handlers(twin: Any, caplog: pytest.LogCaptureFixture) -> None:
    got = []

    def fail(notify: psycoxide.Notify) -> None:
        raise ValueError("a handler's own fault")

    async with await twin.connect(autocommit=True) as conn:
        conn.add_notify_handler(fail)
        conn.add_notify_handler(got.append)
        await conn.execute("LISTEN c")
        await conn.execute("NOTIFY c, '1'")
        cur = await conn.execute("SELECT 1")
        assert await cur.fetchone() == (1,)
        assert [notify.payload for notify in got] == ["1"]
        assert "a handler's own fault" in caplog.text
        with pytest.warns(RuntimeWarning, match="handlers"):
            assert await payloads(conn.notifies(timeout=0)) == []
        conn.remove_notify_handler(got.append)
        conn.remove_notify_handler(fail)
        await conn.execute("NOTIFY c, '2'")
        await conn.execute("SELECT 1")
        assert await payloads(conn.notifies(timeout=0)) == ["2"]


async def test_a_connection_that_is_lost(twin: Any) -> None:
    conn = await twin.connect(autocommit=True)
    async with await twin.connect(autocommit=True) as other:
        await conn.execute("LISTEN c")
        query = "SELECT pg_terminate_backend(%s)"
        await other.execute(query, [conn.info.backend_pid])
        with pytest.raises(twin.api.OperationalError):
            await payloads(conn.notifies(timeout=10))
    assert conn.closed


async def test_a_closed_connection(twin: Any) -> None:
    conn = await twin.connect()
    await conn.close()
    with pytest.raises(twin.api.OperationalError):
        await payloads(conn.notifies(timeout=0))


def test_threads_share_the_connection(dsn: str) -> None:
    with psycoxide.connect(dsn, autocommit=True) as conn:
        conn.execute("LISTEN c")
        got: list[str] = []
        listener = threading.Thread(
            target=lambda: got.extend(n.payload for n in conn.notifies(timeout=30, stop_after=1))
        )
        listener.start()
        assert conn.execute("SELECT 1").fetchone() == (1,)
        conn.execute("NOTIFY c, 'x'")
        listener.join(30)
        assert got == ["x"]


async def test_tasks_share_the_connection(dsn: str) -> None:
    async with await psycoxide.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute("LISTEN c")
        listening = asyncio.create_task(payloads(conn.notifies(timeout=30, stop_after=1)))
        await asyncio.sleep(0)
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)
        await conn.execute("NOTIFY c, 'x'")
        assert await listening == ["x"]


async def test_a_cancelled_listener_leaves_the_connection_usable(dsn: str) -> None:
    async with await psycoxide.AsyncConnection.connect(dsn, autocommit=True) as conn:
        await conn.execute("LISTEN c")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(payloads(conn.notifies()), 0.1)
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


SLOW_NOTICE = "DO $$ BEGIN RAISE NOTICE 'here'; PERFORM pg_sleep(0.6); END $$"


async def test_notices_are_told_while_the_operation_goes_on(twin: Any) -> None:
    told = []
    async with await twin.connect(autocommit=True) as conn:
        conn.add_notice_handler(lambda diag: told.append((time.monotonic(), diag.message_primary)))
        await conn.execute(SLOW_NOTICE)
        end = time.monotonic()
    ((moment, text),) = told
    assert text == "here" and end - moment > 0.2


def test_a_handler_of_notices_would_wait_for_itself(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    with psycoxide.connect(dsn, autocommit=True) as conn:
        conn.add_notice_handler(lambda diag: conn.execute("SELECT 1") and None)
        conn.execute(SLOW_NOTICE)
        assert "already in progress" in caplog.text
        assert conn.execute("SELECT 1").fetchone() == (1,)
