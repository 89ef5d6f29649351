"""After a fault a connection can be used, or it is closed: nothing in between."""

from __future__ import annotations

from typing import Any

import pytest

import psycoxide


async def state_of(conn: Any) -> str:
    """Return "usable" or "closed"; fail if the connection is neither."""
    if conn.closed:
        with pytest.raises(psycoxide.OperationalError, match="the connection is (closed|lost)"):
            await conn.execute("SELECT 1")
        with pytest.raises(psycoxide.OperationalError, match="the connection is (closed|lost)"):
            conn.fileno()
        assert conn.info.transaction_status == psycoxide.pq.TransactionStatus.UNKNOWN
        await conn.close()
        return "closed"
    await conn.rollback()
    # A value that no answer left over from before can be.
    cur = await conn.execute("SELECT 'asked just now' AS x")
    assert await cur.fetchall() == [("asked just now",)]
    await conn.rollback()
    return "usable"
