"""Cursors that bind on the client: the text that is sent, and what may be done with it."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid

import pytest

import psycoxide
from psycoxide import rows, sql
from psycoxide.types.json import Jsonb


async def test_factory(twin):
    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        cur = conn.cursor()
        assert type(twin.unwrap(cur)) is twin.named("ClientCursor")
        assert "ClientCursor [no result] [IDLE]" in repr(cur)
        cur = await conn.execute("SELECT %s", ["x"])
        assert await cur.fetchone() == ("x",)


@pytest.mark.parametrize(
    "query, params, sent",
    [
        ("SELECT %s, %s", (1, None), "SELECT 1, NULL"),
        ("SELECT 1-%s", (-1,), "SELECT 1- -1"),
        ("SELECT %s", ("it's",), "SELECT 'it''s'"),
        ("SELECT %s", ("a\\b",), "SELECT  E'a\\\\b'"),
        ("SELECT %(a)s + %(b)s + %(a)s", {"a": 1, "b": 2}, "SELECT 1 + 2 + 1"),
        ("SELECT %t, %b", (1, 2), "SELECT 1, 2"),
        ("SELECT '100%%' || %s", ("é",), "SELECT '100%' || 'é'"),
        ("SELECT '100%%'", None, "SELECT '100%%'"),
        ("SELECT '100%%'", (), "SELECT '100%'"),
        ("SELECT %s", (True,), "SELECT true"),
        ("SELECT %s", (1.5,), "SELECT 1.5"),
        ("SELECT %s", (float("nan"),), "SELECT 'NaN'::float8"),
        ("SELECT %s", (decimal.Decimal("-2.50"),), "SELECT  -2.50"),
        ("SELECT %s", (2**70,), f"SELECT {2**70}"),
        ("SELECT %s", (dt.date(2020, 2, 29),), "SELECT '2020-02-29'::date"),
        ("SELECT %s", (uuid.UUID(int=5),), f"SELECT '{uuid.UUID(int=5).hex}'::uuid"),
        ("SELECT %s", ([1, None],), "SELECT '{1,NULL}'::int2[]"),
        ("SELECT %s", (b"\0a",), "SELECT  E'\\\\x0061'::bytea"),
        (b"SELECT %s", (1,), "SELECT 1"),
        (sql.SQL("SELECT {}, %s").format("%s"), (1,), None),
    ],
)
async def test_mogrify(twin, query, params, sent):
    async with await twin.connect() as conn:
        cur = twin.named("ClientCursor")(twin.unwrap(conn))
        if sent is None:
            with pytest.raises(psycoxide.ProgrammingError):
                cur.mogrify(query, params)
        else:
            assert cur.mogrify(query, params) == sent


@pytest.mark.parametrize(
    "value",
    [
        *(0, -5, 2**31, -(2**63), 1.25, float("inf"), "", "a'b\\c\n\"%s", "日本", True, None),
        *(dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 12, 30, 1, 5), dt.time(1, 2, 3)),
        *(dt.timedelta(days=-1, seconds=5), uuid.UUID(int=2**127), decimal.Decimal("1E-20")),
        *([[1, 2], [3, None]], b"\x00\xff'\\", dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)),
    ],
)
async def test_values_arrive(twin, value):
    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        await conn.execute("SET timezone TO 'UTC'")
        cur = await conn.execute("SELECT %s", [value])
        assert await cur.fetchone() == (value,)


async def test_users_dumper_quotes(twin):
    class Shout(str):
        pass

    class ShoutDumper(psycoxide.types.string.StrDumper):
        def dump(self, obj):
            return super().dump(obj.upper())

    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        conn.adapters.register_dumper(Shout, ShoutDumper)
        cur = await conn.execute("SELECT %s", [Shout("a'b")])
        assert await cur.fetchone() == ("A'B",)


async def test_several_statements(twin):
    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        cur = await conn.execute("SELECT %s; SELECT generate_series(1, %s)", ("foo", 3))
        assert await cur.fetchall() == [("foo",)]
        assert cur.nextset()
        assert await cur.fetchall() == [(1,), (2,), (3,)]
        assert cur.nextset() is None


async def test_statements_without_parameters(twin):
    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        await conn.execute("CREATE TEMPORARY TABLE t (v integer DEFAULT %s)", [7])
        await conn.execute("INSERT INTO t DEFAULT VALUES")
        cur = await conn.execute("SELECT v FROM t")
        assert await cur.fetchone() == (7,)


async def test_never_prepared(twin):
    async with await twin.connect(
        cursor_factory=twin.named("ClientCursor"), prepare_threshold=0
    ) as conn:
        for number in range(3):
            await conn.execute("SELECT %s", [number], prepare=True)
            await conn.execute("SELECT 1", prepare=True)
        cur = await conn.execute("SELECT count(*) FROM pg_prepared_statements")
        assert await cur.fetchone() == (0,)


async def test_no_binary_results(twin):
    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        cur = conn.cursor()
        with pytest.raises(psycoxide.NotSupportedError, match="binary"):
            await cur.execute("SELECT 1", binary=True)
        cur.format = 1
        with pytest.raises(psycoxide.NotSupportedError, match="binary"):
            await cur.execute("SELECT 1")
        with pytest.raises(psycoxide.NotSupportedError, match="binary"):
            await cur.executemany("SELECT %s", [(1,)])


async def test_executemany(twin):
    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        await conn.execute("CREATE TEMPORARY TABLE t (id integer PRIMARY KEY, name text)")
        cur = conn.cursor()
        await cur.executemany("INSERT INTO t VALUES (%s, %s)", [(i, f"n'{i}") for i in range(1000)])
        assert cur.rowcount == 1000
        await cur.executemany(
            "UPDATE t SET name = %(name)s WHERE id = %(id)s RETURNING id",
            [{"id": 5, "name": "x"}, {"id": 6, "name": "y"}],
            returning=True,
        )
        found = [await c.fetchall() async for c in cur.results()]
        assert found == [[(5,)], [(6,)]]
        await cur.executemany("SELECT %s", [])
        assert cur.rowcount == 0


async def test_executemany_is_all_or_nothing(twin):
    async with await twin.connect(
        cursor_factory=twin.named("ClientCursor"), autocommit=True
    ) as conn:
        await conn.execute("CREATE TEMPORARY TABLE t (id integer PRIMARY KEY)")
        with pytest.raises(psycoxide.errors.UniqueViolation):
            await conn.cursor().executemany("INSERT INTO t VALUES (%s)", [(1,), (2,), (1,), (3,)])
        cur = await conn.execute("SELECT count(*) FROM t")
        assert await cur.fetchone() == (0,)


async def test_executemany_copy(twin):
    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        with pytest.raises(psycoxide.ProgrammingError, match=r"use copy\(\)"):
            await conn.cursor().executemany("COPY (SELECT %s) TO STDOUT", [(1,), (2,)])
        cur = await conn.execute("SELECT 1")
        assert await cur.fetchone() == (1,)


async def test_pipeline(twin):
    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        async with conn.pipeline():
            first = await conn.execute("SELECT %s", ["a"])
            second = conn.cursor()
            await second.executemany("SELECT %s", [(1,), (2,)], returning=True)
            assert await first.fetchone() == ("a",)
            assert [await c.fetchone() async for c in second.results()] == [(1,), (2,)]


@pytest.mark.parametrize(
    "query, params, error",
    [
        ("SELECT %s", (), psycoxide.ProgrammingError),
        ("SELECT %s", (1, 2), psycoxide.ProgrammingError),
        ("SELECT %(a)s", {}, psycoxide.ProgrammingError),
        ("SELECT %(a)s", (1,), TypeError),
        ("SELECT %s", {"a": 1}, TypeError),
        ("SELECT %s", "x", TypeError),
        ("SELECT %(", (), psycoxide.ProgrammingError),
        ("SELECT %s", ("a\0b",), psycoxide.DataError),
        ("SELECT %s", (object(),), psycoxide.ProgrammingError),
    ],
)
async def test_wrong_parameters(twin, query, params, error):
    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        with pytest.raises(error):
            await conn.execute(query, params)
        # Nothing has been sent.
        assert conn.info.transaction_status == psycoxide.pq.TransactionStatus.IDLE


async def test_other_encodings(twin):
    async with await twin.connect(
        cursor_factory=twin.named("ClientCursor"), client_encoding="latin9"
    ) as conn:
        cur = conn.cursor()
        assert cur.mogrify("SELECT %s", ["€"]) == "SELECT '€'"
        await cur.execute("SELECT %(nämé)s, ascii(%(nämé)s)", {"nämé": "€"})
        assert await cur.fetchone() == ("€", 0x20AC)


async def test_row_factory_and_stream(twin):
    async with await twin.connect(
        cursor_factory=twin.named("ClientCursor"), row_factory=rows.dict_row
    ) as conn:
        cur = conn.cursor()
        found = [row async for row in cur.stream("SELECT generate_series(1, %s) AS a", [2])]
        assert found == [{"a": 1}, {"a": 2}]


async def test_json(twin):
    async with await twin.connect(cursor_factory=twin.named("ClientCursor")) as conn:
        cur = await conn.execute("SELECT %s", [Jsonb({"a": ["'", "\\"]})])
        assert await cur.fetchone() == ({"a": ["'", "\\"]},)
