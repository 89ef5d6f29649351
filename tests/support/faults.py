"""One way to run an operation over a network that breaks, and to judge how it ended."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import psycoxide
from psycoxide import local
from psycoxide.conninfo import make_conninfo
from support.operations import TABLE
from support.proxy import PATIENCE, Proxy
from support.state import state_of


def make_table(server: local.Server) -> None:
    with psycoxide.connect(server.dsn, autocommit=True) as conn:
        conn.execute(TABLE)


async def connected(twin: Any, proxy: Proxy) -> Any:
    """A connection through the proxy, with the table empty."""
    proxy.settle()
    proxy.arm(None)
    conn = await twin.connect(make_conninfo(proxy.dsn, connect_timeout=10), autocommit=True)
    await conn.execute("TRUNCATE faults")
    # What a lost connection had prepared outlives it.
    cur = await conn.execute("SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'faults %'")
    for (gid,) in await cur.fetchall():
        await conn.execute(f"ROLLBACK PREPARED '{gid}'")
    return conn


async def endured(twin: Any, proxy: Proxy, conn: Any, operation: Any) -> str:
    """Run the operation while the armed fault happens; return how it ended.

    It ends with an error of the driver for a lost connection, before the proxy loses its
    patience, and nothing is left behind but a connection that is usable or closed.
    """
    began = time.monotonic()
    ended = "done"
    try:
        await operation(conn, twin)
    except psycoxide.OperationalError as ex:
        assert str(ex), "an error has a text"
        ended = "failed"
    assert time.monotonic() - began < PATIENCE / 2, "it did not end by itself"
    if proxy.struck.is_set():
        assert ended == "failed", "a fault was not noticed"
        assert await state_of(conn) == "closed"
        assert conn.broken
    else:
        await state_of(conn)
        await conn.close()
    if twin.is_async:
        assert asyncio.all_tasks() == {asyncio.current_task()}
    return ended
