"""Loaders that the cursors of a connection share, and what they may not share."""

from __future__ import annotations

import datetime as dt

from psycoxide.adapt import Loader

QUERY = "SELECT 1::int4, 'text'::text, timestamptz '2026-11-22 12:00:00+00'"
NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.timezone.utc)


class Negative(Loader):
    def load(self, data):
        return -int(bytes(data))


async def rows_of(cur):
    await cur.execute(QUERY, prepare=True)
    return await cur.fetchone()


async def test_adapters_of_one_cursor_are_its_own(twin):
    async with await twin.connect() as conn:
        for _ in range(3):
            assert await rows_of(conn.cursor()) == (1, "text", NOON)
        own = conn.cursor()
        own.adapters.register_loader("int4", Negative)
        assert await rows_of(own) == (-1, "text", NOON)
        assert await rows_of(conn.cursor()) == (1, "text", NOON)


async def test_adapters_of_the_connection_change(twin):
    async with await twin.connect() as conn:
        before = conn.cursor()
        for cur in [conn.cursor(), before]:
            assert await rows_of(cur) == (1, "text", NOON)
        conn.adapters.register_loader("int4", Negative)
        assert await rows_of(conn.cursor()) == (-1, "text", NOON)


async def test_the_time_zone_changes(twin):
    async with await twin.connect() as conn:
        for zone, hour in [("UTC", 12), ("Asia/Tokyo", 21), ("UTC", 12)]:
            await conn.execute(f"SET timezone TO '{zone}'")
            for _ in range(2):
                *_, noon = await rows_of(conn.cursor())
                assert noon == NOON and noon.hour == hour


async def test_another_format(twin):
    async with await twin.connect() as conn:
        for binary in [False, True, False]:
            for _ in range(2):
                assert await rows_of(conn.cursor(binary=binary)) == (1, "text", NOON)


async def test_more_statements_than_are_remembered(twin):
    async with await twin.connect() as conn:
        for turn in range(3):
            for number in range(20):
                cur = await conn.execute(f"SELECT 'a{number}', {number} AS n", prepare=True)
                assert await cur.fetchone() == (f"a{number}", number), turn
