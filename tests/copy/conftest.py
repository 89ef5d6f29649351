"""A table to copy into and out of, on two servers and over TLS."""

from __future__ import annotations

from typing import Any

import pytest

from support.both import dsn_and_tls

__all__ = ["dsn_and_tls"]

TABLE = "CREATE TEMPORARY TABLE sample (id integer PRIMARY KEY, name text, at date)"


class Sample:
    """Connections with an empty table `sample`, and what stands in it."""

    def __init__(self, twin: Any) -> None:
        self.twin = twin

    async def connect(self, **kwargs: Any) -> Any:
        conn = await self.twin.connect(**kwargs)
        await conn.execute(TABLE)
        await conn.commit()
        return conn

    async def rows(self, conn: Any) -> list[tuple[Any, ...]]:
        cur = await conn.execute("SELECT * FROM sample ORDER BY id")
        return await cur.fetchall()


@pytest.fixture
def sample(twin: Any) -> Sample:
    return Sample(twin)
