"""The parameter `prepare_mode`, without a pooler in between."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide.conninfo import conninfo_to_dict, make_conninfo

NAMES = "SELECT array_agg(name ORDER BY name) FROM pg_prepared_statements"


async def one(conn, query, *args, **kwargs):
    cur = await conn.execute(query, *args, **kwargs)
    return (await cur.fetchone())[0]


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
async def test_ways_to_say_it(twin, mode):
    async with await twin.connect(prepare_mode=mode) as conn:
        assert conn.prepare_mode == mode
    async with await twin.connect(make_conninfo(twin.dsn, prepare_mode=mode)) as conn:
        assert conn.prepare_mode == mode
        conn.prepare_mode = "session"
        conn.prepare_mode = mode
        assert conn.prepare_mode == mode
    assert conninfo_to_dict(f"postgresql://h/?prepareMode={mode}")["prepare_mode"] == mode


async def test_default(twin):
    async with await twin.connect(autocommit=True) as conn:
        assert conn.prepare_mode == "session"
        for execution in range(1, 8):
            names = await one(conn, NAMES)
            # After five executions the sixth prepares it, and sees that.
            assert names == (["_pg3_0"] if execution >= 6 else None), execution


async def test_what_does_not_exist(twin):
    with pytest.raises(psycoxide.OperationalError, match="prepare_mode value.*sesion"):
        await twin.connect(prepare_mode="sesion")
    async with await twin.connect() as conn:
        with pytest.raises(ValueError, match="session, transaction or statement"):
            conn.prepare_mode = "named"
        assert conn.prepare_mode == "session"


async def test_changed_along_the_way(twin):
    """What was prepared in another mode is given back."""
    async with await twin.connect(autocommit=True, prepare_threshold=0) as conn:
        assert await one(conn, "SELECT 1") == 1
        assert await one(conn, NAMES) == ["_pg3_0", "_pg3_1"]
        conn.prepare_mode = "transaction"
        assert await one(conn, NAMES) is None
        async with conn.transaction():
            assert await one(conn, NAMES) == ["_px_0"]
        conn.prepare_mode = "statement"
        async with conn.transaction():
            # Nobody closes it: it is closed when its name is given to another one.
            assert await one(conn, NAMES) == ["_px_0"]
        conn.prepare_mode = "session"
        assert await one(conn, NAMES) == ["_pg3_2", "_px_0"]


@pytest.mark.parametrize("autocommit", [False, True])
async def test_within_a_transaction(twin, autocommit):
    """Prepared once a transaction, with all that belongs to it."""
    conn = await twin.connect(
        autocommit=autocommit, prepare_mode="transaction", prepare_threshold=1
    )
    async with conn:
        for number in range(5):
            async with conn.transaction():
                for value in range(4):
                    assert await one(conn, "SELECT %s::int", [value]) == value
                with pytest.raises(psycoxide.errors.DivisionByZero):
                    async with conn.transaction():
                        await conn.execute("SELECT 1 / %s::int", [0])
                assert await one(conn, "SELECT %s::int", [number]) == number
            with pytest.raises(psycoxide.errors.DivisionByZero):
                async with conn.transaction():
                    await conn.execute("SELECT 1 / %s::int", [0])


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_pipeline(twin, mode):
    async with await twin.connect(autocommit=True, prepare_mode=mode, prepare_threshold=0) as conn:
        for _ in range(3):
            async with conn.pipeline() as pipe:
                cursors = []
                for value in range(10):
                    cursors.append(await conn.execute("SELECT %s::int", [value]))
                    if value % 4 == 0:
                        await pipe.sync()
                found = [(await cur.fetchone())[0] for cur in cursors]
            assert found == list(range(10))
            with pytest.raises(psycoxide.errors.DivisionByZero):
                async with conn.pipeline():
                    await conn.execute("SELECT %s::int", [1])
                    await conn.execute("SELECT 1 / %s::int", [0])
                    await conn.execute("SELECT %s::text", ["x"])


async def test_statement_that_vanished(twin):
    """A statement that the server does not know, or knows otherwise, is prepared anew where nothing
    was done yet: outside of a transaction, and as the first of one.
    """
    async with await twin.connect(prepare_threshold=0) as conn:
        for _ in range(3):
            assert await one(conn, "SELECT 'here'") == "here"
            await conn.commit()
            # Behind the driver's back: the tag says nothing of it.
            await conn.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
            await conn.commit()
        await conn.execute("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$", prepare=False)
        with pytest.raises(psycoxide.errors.InvalidSqlStatementName):
            await conn.execute("SELECT 'here'")
        await conn.rollback()
        assert await one(conn, "SELECT 'here'") == "here"


async def test_plan_that_changed(twin):
    async with (
        await twin.connect(prepare_threshold=0) as conn,
        await twin.connect(autocommit=True) as other,
    ):
        await other.execute("DROP TABLE IF EXISTS plans")
        await other.execute("CREATE TABLE plans AS SELECT 1 AS a")
        for number in range(1, 4):
            cur = await conn.execute("SELECT * FROM plans")
            assert len(await cur.fetchone()) == number
            await conn.commit()
            await other.execute(f"ALTER TABLE plans ADD c{number} text")
        await other.execute("DROP TABLE plans")
