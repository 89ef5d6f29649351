"""Connections that are closed, lost, forgotten or inherited: what is said, and what is left."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import warnings

import pytest

import psycoxide
from psycoxide import errors
from psycoxide.pq import ConnStatus, TransactionStatus
from support.leaks import descriptors
from support.state import state_of

pytestmark = pytest.mark.usefixtures("no_leaks")

Operational = psycoxide.OperationalError


async def killed(twin, **kwargs):
    """A connection whose session the server has ended; it does not know yet."""
    conn = await twin.connect(**kwargs)
    with psycoxide.connect(twin.dsn, autocommit=True) as killer:
        killer.execute("SELECT pg_terminate_backend(%s, 5000)", [conn.info.backend_pid])
    return conn


async def uses(conn, cur):
    """Everything that needs a connection, as functions to call and await."""

    async def transaction():
        async with conn.transaction():
            pass

    return {
        "execute": lambda: conn.execute("SELECT 1"),
        "cursor's execute": lambda: cur.execute("SELECT 1"),
        "executemany": lambda: cur.executemany("SELECT %s", [(1,)]),
        "commit": conn.commit,
        "rollback": conn.rollback,
        "transaction": transaction,
        "autocommit": lambda: conn.set_autocommit(True),
        "isolation level": lambda: conn.set_isolation_level(None),
    }


async def test_closed(twin):
    conn = await twin.connect()
    cur = await conn.execute("SELECT 1")
    await conn.close()
    await conn.close()
    assert conn.closed and not conn.broken
    for use in (await uses(conn, cur)).values():
        with pytest.raises(Operational, match="^the connection is closed$"):
            await use()
    for attribute in ("fileno", "cursor"):
        with pytest.raises(Operational, match="^the connection is closed$"):
            getattr(conn, attribute)()
    assert "[BAD]" in repr(conn)
    assert conn.info.status == ConnStatus.BAD
    assert conn.info.transaction_status == TransactionStatus.UNKNOWN
    assert await cur.fetchone() == (1,)
    conn.cancel()


async def test_lost(twin):
    conn = await killed(twin)
    cur = conn.cursor()
    with pytest.raises(errors.AdminShutdown, match="terminating connection") as raised:
        await conn.execute("SELECT 1")
    assert isinstance(raised.value, Operational) and raised.value.sqlstate == "57P01"
    assert conn.closed and conn.broken
    for use in (await uses(conn, cur)).values():
        with pytest.raises(Operational, match="the connection is (closed: it was )?lost"):
            await use()
    assert "[BAD]" in repr(conn)
    assert conn.info.status == ConnStatus.BAD
    await conn.close()
    assert conn.broken, "closing does not make up for it"


async def test_lost_within_a_transaction_block(twin):
    """The error that tells of the loss is the one that is raised, not that of the block's end."""
    conn = await twin.connect()
    with pytest.raises(errors.AdminShutdown):
        async with conn.transaction():
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            await conn.execute("SELECT 1")
    assert await state_of(conn) == "closed"


async def test_lost_within_its_context(twin):
    with pytest.raises(errors.AdminShutdown):
        async with await twin.connect() as conn:
            await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            await conn.execute("SELECT 1")
    assert conn.closed and conn.broken


async def test_rows_outlive_the_connection(twin):
    conn = await twin.connect()
    cur = await conn.execute("SELECT generate_series(1, 3)")
    assert await cur.fetchone() == (1,)
    await conn.close()
    assert await cur.fetchall() == [(2,), (3,)]


async def test_server_that_restarts(twin, start_server):
    with start_server() as server:
        conn = await twin.connect(server.dsn)
        server.restart()
        with pytest.raises(errors.AdminShutdown):
            await conn.execute("SELECT 1")
        assert await state_of(conn) == "closed"
        async with await twin.connect(server.dsn) as again:
            assert await state_of(again) == "usable"


def test_forgotten(dsn):
    """It is closed, and the programmer told."""
    conn = psycoxide.connect(dsn)
    name = object.__repr__(conn)
    with pytest.warns(ResourceWarning, match="was deleted while still open") as caught:
        del conn
        gc.collect()
    assert name in str(caught[0].message)


async def test_forgotten_async(dsn):
    conn = await psycoxide.AsyncConnection.connect(dsn)
    await conn.execute("SELECT 1")
    with pytest.warns(ResourceWarning, match="was deleted while still open"):
        del conn
        gc.collect()
    # Its descriptor is free, and the loop must not know it any more.
    async with await psycoxide.AsyncConnection.connect(dsn) as other:
        assert await (await other.execute("SELECT 1")).fetchone() == (1,)


async def test_closed_or_lost_is_not_forgotten(twin):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        conn = await twin.connect()
        await conn.close()
        del conn
        conn = await killed(twin)
        with pytest.raises(Operational):
            await conn.execute("SELECT 1")
        del conn
        gc.collect()


def test_forgotten_when_the_interpreter_ends(dsn):
    """Neither a crash nor a traceback."""
    program = textwrap.dedent("""
        import asyncio, sys
        import psycoxide

        kept = psycoxide.connect(sys.argv[1])
        cursor = kept.execute("SELECT 1")

        async def main():
            global other
            other = await psycoxide.AsyncConnection.connect(sys.argv[1])
            await other.execute("SELECT 1")

        asyncio.run(main())
    """)
    result = subprocess.run(
        [sys.executable, "-c", program, dsn], capture_output=True, text=True, timeout=30
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def in_a_fork(function):
    """Run a function in a forked process; return what it returned, as text."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of forking with threads: the child does next to nothing.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reader)
            os.write(writer, str(function()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        text = file.read()
    assert os.waitpid(pid, 0)[1] == 0, text
    return text


def test_fork(dsn):
    """The child may not use the connection; the parent's session does not notice the child."""
    with psycoxide.connect(dsn) as conn:
        conn.execute("CREATE TEMP TABLE forked ()")

        def use():
            try:
                conn.execute("SELECT 1")
            except psycoxide.InterfaceError as ex:
                return ex

        text = in_a_fork(use)
        assert "belongs to the parent process" in text and "connections of its own" in text
        for method in (conn.close, conn.cancel, conn.commit, conn.cursor, conn.fileno):

            def call(method=method):
                try:
                    method()
                except psycoxide.Error as ex:
                    return type(ex).__name__
                return "done"

            assert in_a_fork(call) in ("done", "InterfaceError", "OperationalError")

        def forget():
            nonlocal conn
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                conn = None
                gc.collect()
            return "forgotten"

        assert in_a_fork(forget) == "forgotten"
        assert conn.execute("SELECT to_regclass('forked') IS NOT NULL").fetchone() == (True,)


def test_fork_connects_anew(dsn):
    with psycoxide.connect(dsn) as conn:
        pid = conn.info.backend_pid

        def connect():
            with psycoxide.connect(dsn) as mine:
                return mine.execute("SELECT pg_backend_pid()").fetchone()[0]

        assert int(in_a_fork(connect)) != pid
        assert conn.execute("SELECT pg_backend_pid()").fetchone() == (pid,)


async def test_descriptors(twin):
    """One descriptor for a connection, none for an attempt that failed; none is inherited."""
    before = len(descriptors())
    async with await twin.connect() as conn:
        assert len(descriptors()) == before + 1
        assert not os.get_inheritable(conn.fileno())
        await conn.execute("SELECT 1")
        assert len(descriptors()) == before + 1
    assert len(descriptors()) == before
    for keywords in ({"dbname": "nowhere"}, {"port": 1}, {"sslmode": "require"}):
        with pytest.raises(Operational):
            await twin.connect(twin.dsn, **keywords)
    assert len(descriptors()) == before
