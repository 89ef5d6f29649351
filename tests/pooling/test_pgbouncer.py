"""Through PgBouncer in transaction mode: every transaction in another session of the server.

See "Features" of PgBouncer's documentation: the table "SQL feature map for pooling modes".
"""

from __future__ import annotations

import pytest

from support.faults import make_table
from support.operations import OPERATIONS, set_autocommit

pytestmark = [pytest.mark.pgbouncer, pytest.mark.usefixtures("no_leaks")]

SAFE = ["transaction", "statement"]
# LISTEN needs a session of its own.
POOLED = [name for name in OPERATIONS if name != "notifications"]
NAMES = "SELECT array_agg(name ORDER BY name) FROM pg_prepared_statements WHERE NOT from_sql"


@pytest.fixture(autouse=True)
def table(server):
    make_table(server)


async def pooled(twin, pooler, mode, **kwargs):
    return await twin.connect(pooler.dsn, prepare_mode=mode, **kwargs)


async def one(conn, query, *args, **kwargs):
    cur = await conn.execute(query, *args, **kwargs)
    return (await cur.fetchone())[0]


async def test_the_pooler_changes_sessions(twin, pgbouncer):
    """What the other tests rely on."""
    async with await pooled(twin, pgbouncer, "statement", autocommit=True) as conn:
        pids = [await one(conn, "SELECT pg_backend_pid()") for _ in range(4)]
        assert pids[0] != pids[1] and pids[:2] == pids[2:]


@pytest.mark.parametrize("mode", SAFE)
@pytest.mark.parametrize("operation", POOLED)
async def test_operations(twin, used_pgbouncer, operation, mode):
    operation = OPERATIONS[operation]
    async with await twin.connect(autocommit=True) as conn:
        await conn.execute("TRUNCATE faults")
        expected = await operation(conn, twin)
    conn = await pooled(twin, used_pgbouncer, mode, autocommit=True, prepare_threshold=1)
    async with conn:
        for _ in range(5):
            await set_autocommit(conn, twin, True)
            await conn.execute("TRUNCATE faults")
            assert await operation(conn, twin) == expected


@pytest.mark.parametrize("autocommit", [False, True])
@pytest.mark.parametrize("mode", SAFE)
async def test_clients_do_not_meet(twin, used_pgbouncer, mode, autocommit):
    """Two clients prepare different queries, and find each other's sessions all the time."""
    clients = [
        await pooled(twin, used_pgbouncer, mode, autocommit=autocommit, prepare_threshold=threshold)
        for threshold in (0, 1, 5)
    ]
    for turn in range(30):
        for number, conn in enumerate(clients):
            async with conn.transaction():
                for value in range(4):
                    query = f"SELECT %s::int + {number} * 1000, {turn % 3}"
                    cur = await conn.execute(query, [value])
                    assert await cur.fetchone() == (value + number * 1000, turn % 3)
            if autocommit:
                assert await one(conn, f"SELECT {number}") == number
    for conn in clients:
        await conn.close()


async def test_what_is_prepared(twin, pgbouncer):
    """In a transaction: for the transaction. Outside of one: nothing."""
    conn = await pooled(twin, pgbouncer, "transaction", autocommit=True, prepare_threshold=0)
    async with conn:
        for _ in range(4):
            assert await one(conn, NAMES, prepare=True) is None
        for _ in range(4):
            async with conn.transaction():
                assert await one(conn, "SELECT %s::int", [1]) == 1
                assert await one(conn, "SELECT %s::int", [2]) == 2
                assert await one(conn, NAMES) == ["_px_0", "_px_1"]
                assert await one(conn, NAMES) == ["_px_0", "_px_1"]
        # Names are given again: no more of them are left behind than there may be statements.
        conn.prepared_max = 2
        for number in range(6):
            async with conn.transaction():
                assert await one(conn, f"SELECT {number}") == number
                assert len(await one(conn, NAMES)) <= 3


async def test_nothing_is_prepared(twin, pgbouncer):
    conn = await pooled(twin, pgbouncer, "statement", autocommit=True, prepare_threshold=0)
    async with conn:
        async with conn.transaction():
            for _ in range(3):
                assert await one(conn, NAMES, prepare=True) is None
            await conn.cursor().executemany("SELECT %s", [(1,), (2,)])
            assert await one(conn, NAMES) is None


@pytest.mark.parametrize("autocommit", [False, True])
async def test_a_session_that_lost_a_statement(twin, pgbouncer, autocommit):
    """Relying on sessions that change: every missing statement is prepared anew, as long as nothing
    was done in its transaction. Only one client may do that: see the next test.
    """
    async with await pooled(twin, pgbouncer, "session", autocommit=autocommit) as conn:
        for value in range(20):
            assert await one(conn, "SELECT %s::int", [value]) == value
            await conn.commit()


async def test_why_it_is_not_the_default_behind_a_pooler(twin, pgbouncer):
    """Two clients that rely on sessions get each other's statements, and nobody can tell."""
    async with await pooled(twin, pgbouncer, "session", autocommit=True) as other:
        for _ in range(2):
            await one(other, "SELECT 'other'", prepare=True)
        conn = await pooled(twin, pgbouncer, "session", autocommit=True)
        async with conn:
            conn.prepare_threshold = 0
            found = [await one(conn, "SELECT 'mine'") for _ in range(4)]
        assert set(found) == {"mine", "other"}
    async with await pooled(twin, pgbouncer, "transaction", prepare_threshold=0) as conn:
        for _ in range(4):
            assert [await one(conn, "SELECT 'mine'") for _ in range(3)] == ["mine"] * 3
            await conn.commit()


async def test_a_statement_of_somebody_else(twin, pgbouncer):
    """A name that is taken is left alone."""
    async with await pooled(twin, pgbouncer, "session", autocommit=True) as other:
        for _ in range(4):
            assert await one(other, "SELECT 'other'", prepare=True) == "other"
        async with await pooled(twin, pgbouncer, "session", autocommit=True) as conn:
            assert await one(conn, "SELECT 'mine'", prepare=True) == "mine"


@pytest.mark.parametrize("mode", SAFE)
async def test_tables_change(twin, server, used_pgbouncer, mode):
    async with (
        await pooled(twin, used_pgbouncer, mode, prepare_threshold=0) as conn,
        await twin.connect(autocommit=True) as other,
    ):
        await other.execute("DROP TABLE IF EXISTS changes")
        await other.execute("CREATE TABLE changes (a int)")
        await other.execute("INSERT INTO changes VALUES (1)")
        for number in range(1, 4):
            for _ in range(3):
                cur = await conn.execute("SELECT * FROM changes")
                assert len(await cur.fetchone()) == number
            await conn.commit()
            await other.execute(f"ALTER TABLE changes ADD c{number} text")
        await other.execute("DROP TABLE changes")


@pytest.mark.pgbouncer("follows_statements")
@pytest.mark.parametrize("mode", ["session", *SAFE])
@pytest.mark.parametrize("autocommit", [False, True])
async def test_a_pooler_that_follows(twin, following_pgbouncer, mode, autocommit):
    """PgBouncer keeps the statements of its clients apart: all modes work."""
    clients = [
        await pooled(twin, following_pgbouncer, mode, autocommit=autocommit, prepare_threshold=0)
        for _ in range(2)
    ]
    for turn in range(30):
        for number, conn in enumerate(clients):
            for value in range(3):
                query = f"SELECT %s::int + {number} * 1000, {turn % 3}"
                cur = await conn.execute(query, [value])
                assert await cur.fetchone() == (value + number * 1000, turn % 3)
            if not autocommit:
                await conn.commit()
    for conn in clients:
        await conn.close()


@pytest.mark.pgbouncer("follows_statements")
@pytest.mark.parametrize("mode", ["session", *SAFE])
@pytest.mark.parametrize("operation", POOLED)
async def test_operations_where_it_follows(twin, following_pgbouncer, operation, mode):
    operation = OPERATIONS[operation]
    async with await twin.connect(autocommit=True) as conn:
        await conn.execute("TRUNCATE faults")
        expected = await operation(conn, twin)
    conn = await pooled(twin, following_pgbouncer, mode, autocommit=True, prepare_threshold=1)
    async with conn:
        for _ in range(3):
            await set_autocommit(conn, twin, True)
            await conn.execute("TRUNCATE faults")
            assert await operation(conn, twin) == expected
