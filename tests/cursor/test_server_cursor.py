"""Cursors on the server: declared, fetched from, moved, closed."""

from __future__ import annotations

import gc

import pytest

import psycoxide
from psycoxide import errors, rows
from psycoxide.pq import TransactionStatus

SERIES = "SELECT generate_series(1, %s) AS n"


async def declared(conn):
    cur = await conn.execute("SELECT name FROM pg_cursors WHERE name NOT LIKE '' ORDER BY name")
    return [name for (name,) in await cur.fetchall()]


async def test_attributes(twin):
    async with await twin.connect() as conn:
        async with conn.cursor("foo", scrollable=True, withhold=True) as cur:
            assert type(twin.unwrap(cur)) is twin.named("ServerCursor")
            assert (cur.name, cur.scrollable, cur.withhold) == ("foo", True, True)
            assert (cur.itersize, cur.arraysize) == (100, 1)
            assert cur.rownumber is cur.description is cur.pgresult is cur.statusmessage is None
            assert "ServerCursor 'foo' [no result]" in repr(cur)
            await cur.execute(SERIES, [3])
            assert [column.name for column in cur.description] == ["n"]
            assert (cur.rownumber, cur.rowcount, cur.pgresult.ntuples) == (0, -1, 0)
            assert "ServerCursor 'foo' [COMMAND_OK] [INTRANS]" in repr(cur)
        assert "'foo' [closed]" in repr(cur)


async def test_fetch(twin):
    async with await twin.connect() as conn, conn.cursor("foo") as cur:
        assert twin.unwrap(await cur.execute(SERIES, [10])) is twin.unwrap(cur)
        assert await cur.fetchone() == (1,)
        assert await cur.fetchmany(2) == [(2,), (3,)]
        assert await cur.fetchmany() == [(4,)]
        cur.arraysize = 3
        assert await cur.fetchmany() == [(5,), (6,), (7,)]
        assert cur.rownumber == 7
        assert await cur.fetchall() == [(8,), (9,), (10,)]
        assert await cur.fetchone() is None
        assert await cur.fetchmany(5) == []
        assert await cur.fetchall() == []
        assert cur.rownumber == 10


async def test_rows_stay_on_the_server(twin):
    async with await twin.connect() as conn, conn.cursor("foo") as cur:
        await cur.execute("SELECT generate_series(1, 1000000)")
        assert await cur.fetchone() == (1,)
        assert cur.pgresult.ntuples == 1


async def test_iteration(twin):
    async with await twin.connect() as conn, conn.cursor("foo") as cur:
        cur.itersize = 4
        await cur.execute(SERIES, [10])
        numbers = []
        async for (number,) in cur:
            assert cur.rownumber == number
            numbers.append(number)
            assert cur.pgresult.ntuples <= 4
        assert numbers == list(range(1, 11))
        with pytest.raises(StopAsyncIteration):
            await anext(cur)


async def test_iteration_with_other_fetches(twin):
    """No row is lost that an iteration has fetched ahead."""
    async with await twin.connect() as conn, conn.cursor("foo", scrollable=True) as cur:
        cur.itersize = 4
        await cur.execute(SERIES, [12])
        assert await anext(cur) == (1,)
        assert await cur.fetchone() == (2,)
        assert await cur.fetchmany(4) == [(3,), (4,), (5,), (6,)]
        assert await anext(cur) == (7,)
        await cur.scroll(1)
        assert await anext(cur) == (9,)
        assert cur.rownumber == 9
        await cur.scroll(-2)
        assert (cur.rownumber, await cur.fetchone()) == (7, (8,))
        assert await anext(cur) == (9,)
        await cur.scroll(0, "absolute")
        assert await anext(cur) == (1,)
        assert await cur.fetchall() == [(n,) for n in range(2, 13)]


async def test_itersize_is_at_least_one(twin):
    async with await twin.connect() as conn, conn.cursor("foo") as cur:
        cur.itersize = 0
        await cur.execute(SERIES, [3])
        assert [row async for row in cur] == [(1,), (2,), (3,)]


async def test_scroll(twin):
    async with await twin.connect() as conn, conn.cursor("foo", scrollable=True) as cur:
        await cur.execute(SERIES, [10])
        await cur.scroll(3)
        assert (cur.rownumber, await cur.fetchone()) == (3, (4,))
        await cur.scroll(-2)
        assert (cur.rownumber, await cur.fetchone()) == (2, (3,))
        await cur.scroll(8, "absolute")
        assert (cur.rownumber, await cur.fetchall()) == (8, [(9,), (10,)])
        await cur.scroll(0, "absolute")
        await cur.scroll(100)
        assert (cur.rownumber, await cur.fetchone()) == (10, None)
        with pytest.raises(ValueError, match="bad mode: wat"):
            await cur.scroll(1, "wat")


async def test_scroll_forward_only(twin):
    async with await twin.connect() as conn, conn.cursor("foo", scrollable=False) as cur:
        await cur.execute(SERIES, [10])
        await cur.scroll(5)
        assert await cur.fetchone() == (6,)
        with pytest.raises(psycoxide.OperationalError, match="SCROLL"):
            await cur.scroll(-1)


async def test_executed_again(twin):
    async with await twin.connect() as conn, conn.cursor("foo") as cur:
        await cur.execute(SERIES, [2])
        assert await cur.fetchall() == [(1,), (2,)]
        await cur.execute("SELECT %s AS a, %s AS b", ["x", "y"])
        assert [column.name for column in cur.description] == ["a", "b"]
        assert (cur.rownumber, await cur.fetchall()) == (0, [("x", "y")])
        # In another transaction, where the cursor is gone.
        await conn.commit()
        await cur.execute(SERIES, [1])
        assert await cur.fetchall() == [(1,)]
        await conn.rollback()
        await conn.execute("SELECT 1")
        await cur.execute(SERIES, [1])
        assert await cur.fetchall() == [(1,)]


async def test_funny_names(twin):
    for name in ('a"b', "1-2 3", "SELECT", "ü", "x" * 63):
        async with await twin.connect() as conn:
            async with conn.cursor(name) as cur:
                await cur.execute(SERIES, [1])
                assert await declared(conn) == [name]
                assert await cur.fetchall() == [(1,)]
            assert await declared(conn) == []


async def test_name_in_another_encoding(twin):
    async with (
        await twin.connect(client_encoding="latin1") as conn,
        conn.cursor("ü", scrollable=True) as cur,
    ):
        await cur.execute("SELECT %s", ["é"])
        assert await cur.fetchone() == ("é",)


async def test_hold(twin):
    async with await twin.connect() as conn, conn.cursor("foo", withhold=True) as cur:
        await cur.execute(SERIES, [3])
        assert await cur.fetchone() == (1,)
        await conn.commit()
        assert await cur.fetchone() == (2,)
        # It needs no transaction.
        assert conn.info.transaction_status == TransactionStatus.IDLE
        await cur.close()
        assert await declared(conn) == []


async def test_without_hold(twin):
    async with await twin.connect() as conn, conn.cursor("foo") as cur:
        await cur.execute(SERIES, [3])
        await conn.commit()
        with pytest.raises(errors.InvalidCursorName):
            await cur.fetchone()


async def test_autocommit(twin):
    async with await twin.connect(autocommit=True) as conn:
        async with conn.cursor("foo") as cur:
            with pytest.raises(errors.NoActiveSqlTransaction):
                await cur.execute(SERIES, [3])
        async with conn.cursor("foo", withhold=True) as cur:
            await cur.execute(SERIES, [3])
            assert await cur.fetchall() == [(1,), (2,), (3,)]
        assert await declared(conn) == []
        async with conn.transaction(), conn.cursor("bar") as cur:
            await cur.execute(SERIES, [1])
            assert await cur.fetchall() == [(1,)]


async def test_stolen(twin):
    """A cursor that somebody else has declared can be used by its name."""
    async with await twin.connect() as conn:
        await conn.execute("DECLARE theirs SCROLL CURSOR FOR SELECT generate_series(1, 9) AS n")
        cur = conn.cursor("theirs", row_factory=rows.namedtuple_row)
        assert (await cur.fetchone()).n == 1
        assert [row.n for row in await cur.fetchmany(2)] == [2, 3]
        assert cur.rownumber == 3
        assert [column.name for column in cur.description] == ["n"]
        await cur.close()
        assert await declared(conn) == []
        # Also one that was not fetched from is closed.
        await conn.execute("DECLARE theirs CURSOR FOR SELECT 1")
        await conn.cursor("theirs").close()
        assert await declared(conn) == []


async def test_close(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor("foo")
        await cur.execute(SERIES, [3])
        assert await declared(conn) == ["foo"]
        await cur.close()
        assert await declared(conn) == []
        await cur.close()
        for method in ("fetchone", "fetchmany", "fetchall"):
            with pytest.raises(psycoxide.InterfaceError, match="the cursor is closed"):
                await getattr(cur, method)()
        with pytest.raises(psycoxide.InterfaceError, match="the cursor is closed"):
            await cur.execute(SERIES, [3])
        assert [row async for row in cur] == []


async def test_close_where_nothing_is_to_close(twin):
    conn = await twin.connect()
    never, failed, gone = (conn.cursor(name) for name in ("never", "failed", "gone"))
    await never.close()
    assert conn.info.transaction_status == TransactionStatus.IDLE
    with pytest.raises(errors.SyntaxError):
        await failed.execute("SELECT FROM WHERE")
    assert conn.info.transaction_status == TransactionStatus.INERROR
    await failed.close()
    await conn.rollback()
    await gone.execute(SERIES, [3])
    await conn.close()
    await gone.close()
    assert gone.closed


async def test_left_open(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor("foo")
        await cur.execute(SERIES, [3])
        with pytest.warns(ResourceWarning, match=r"ServerCursor object.*\.close\(\)"):
            del cur
            gc.collect()


@pytest.mark.parametrize("binary", [False, True])
async def test_binary(twin, binary):
    async with await twin.connect() as conn, conn.cursor("foo", binary=binary) as cur:
        assert cur.format == binary
        for asked in (None, True, False):
            await cur.execute("SELECT 1::int4", binary=asked)
            assert await cur.fetchone() == (1,)
            assert cur.pgresult.fformat(0) == (binary if asked is None else asked)


async def test_row_factory(twin):
    made = []

    def factory(cursor):
        made.append([column.name for column in cursor.description])
        return lambda values: [-value for value in values]

    async with (
        await twin.connect() as conn,
        conn.cursor("foo", row_factory=factory, scrollable=True) as cur,
    ):
        await cur.execute(SERIES, [3])
        assert await cur.fetchall() == [[-1], [-2], [-3]]
        await cur.scroll(0, "absolute")
        assert await cur.fetchone() == [-1]
        assert made == [["n"]]
        cur.row_factory = rows.dict_row
        assert await cur.fetchone() == {"n": 2}
        cur.row_factory = rows.scalar_row
        assert await anext(cur) == 3


async def test_none_is_a_row(twin):
    async with (
        await twin.connect(row_factory=rows.scalar_row) as conn,
        conn.cursor("foo") as cur,
    ):
        await cur.execute("VALUES (NULL), (0), (NULL)")
        assert [row async for row in cur] == [None, 0, None]


@pytest.mark.parametrize("query", ["", "wat", "CREATE TABLE ssc ()", "SELECT 1; SELECT 2"])
async def test_wrong_query(twin, query):
    async with await twin.connect() as conn, conn.cursor("foo") as cur:
        with pytest.raises(psycoxide.ProgrammingError):
            await cur.execute(query)
        assert cur.rownumber is None


async def test_wrong_keyword(twin):
    async with await twin.connect() as conn, conn.cursor("foo") as cur:
        with pytest.raises(TypeError, match="keyword not supported: prepare"):
            await cur.execute("SELECT 1", prepare=True)
        with pytest.raises(psycoxide.NotSupportedError):
            await cur.executemany("SELECT %s", [(1,)])


async def test_not_in_a_pipeline(twin):
    async with await twin.connect() as conn, conn.pipeline(), conn.cursor("foo") as cur:
        with pytest.raises(psycoxide.NotSupportedError, match="pipeline"):
            await cur.execute("SELECT 1")


async def test_results(twin):
    async with await twin.connect() as conn, conn.cursor("foo") as cur:
        await cur.execute(SERIES, [1])
        assert [c async for c in cur.results()]
        assert cur.nextset() is None
