"""Cursors for queries with PostgreSQL's own placeholders."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide import sql


async def test_placeholders(twin):
    async with await twin.connect(cursor_factory=twin.named("RawCursor")) as conn:
        cur = await conn.execute("SELECT $2::int, $1, $1 || '%s %'", ["a", 5])
        assert await cur.fetchone() == (5, "a", "a%s %")
        cur = await conn.execute(sql.SQL("SELECT {}, $1::int").format("%s"), (1,))
        assert await cur.fetchone() == ("%s", 1)
        cur = await conn.execute("SELECT '100%', '$1'")
        assert await cur.fetchone() == ("100%", "$1")


async def test_prepared(twin):
    async with await twin.connect(cursor_factory=twin.named("RawCursor")) as conn:
        for _ in range(6):
            await conn.execute("SELECT $1::int", [1])
        cur = await conn.execute("SELECT statement FROM pg_prepared_statements")
        assert await cur.fetchall() == [("SELECT $1::int",)]


@pytest.mark.parametrize(
    "params, error, message",
    [
        ({}, TypeError, "raw queries require a sequence"),
        ({"a": 1}, TypeError, "raw queries require a sequence"),
        ("a", TypeError, "got str"),
        ({1}, TypeError, "got set"),
        (5, TypeError, "got int"),
        ((1,), psycoxide.errors.ProtocolViolation, "supplies 1 parameters.* requires 2"),
    ],
)
async def test_wrong_parameters(twin, params, error, message):
    async with await twin.connect(cursor_factory=twin.named("RawCursor")) as conn:
        with pytest.raises(error, match=message):
            await conn.execute("SELECT $1::int, $2::int", params)
        await conn.rollback()
        cur = await conn.execute("SELECT $1::int", [1])
        assert await cur.fetchone() == (1,)


async def test_executemany(twin):
    async with await twin.connect(cursor_factory=twin.named("RawCursor")) as conn:
        cur = conn.cursor()
        await cur.executemany("SELECT $1::int * 2", [(1,), [2], (3,)], returning=True)
        assert [await c.fetchone() async for c in cur.results()] == [(2,), (4,), (6,)]
        with pytest.raises(TypeError):
            await cur.executemany("SELECT $1", [{}])


async def test_binary_and_stream(twin):
    async with await twin.connect(cursor_factory=twin.named("RawCursor")) as conn:
        cur = conn.cursor(binary=True)
        await cur.execute("SELECT $1::int4", [7])
        assert cur.pgresult.get_value(0, 0) == b"\0\0\0\7"
        found = [row async for row in cur.stream("SELECT generate_series(1, $1::int)", [3])]
        assert found == [(1,), (2,), (3,)]


async def test_server_cursor(twin):
    async with await twin.connect() as conn:
        conn.server_cursor_factory = twin.named("RawServerCursor")
        async with conn.cursor("raw") as cur:
            assert "RawServerCursor 'raw'" in repr(cur)
            await cur.execute("SELECT generate_series(1, $1::int)", [3])
            assert await cur.fetchall() == [(1,), (2,), (3,)]
            with pytest.raises(TypeError):
                await cur.execute("SELECT 1", {})
