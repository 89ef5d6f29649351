"""Servers that break the rules while a COPY or a pipeline is under way.

See "COPY Operations" and "Pipelining" of the PostgreSQL manual, protocol flow.
"""

from __future__ import annotations

import asyncio
import threading

import pytest

import psycoxide
from psycoxide import errors
from support.hostile import ONE, complete, data_row, message, ready, report, row_description
from support.state import state_of

pytestmark = pytest.mark.usefixtures("no_leaks")

Operational = psycoxide.OperationalError
OUT, IN, BOTH = (message(tag, b"\0\0\1\0\0") for tag in (b"H", b"G", b"W"))
DONE = message(b"c")
END = complete(b"COPY 1") + ready()


def line(text):
    return message(b"d", text)


async def copy_out(conn):
    async with conn.cursor().copy("COPY t TO STDOUT") as copy:
        return [bytes(block) async for block in copy]


async def copy_in(conn):
    async with conn.cursor().copy("COPY t FROM STDIN") as copy:
        for _ in range(100):
            await copy.write("x" * 100_000 + "\n")


# What the server sends instead of a COPY TO STDOUT, and how the error describes it.
OUT_FAULTS = {
    "nothing": (b"", "server closed the connection"),
    "no data": (OUT, "server closed the connection"),
    "half a line": (OUT + line(b"abc\n")[:-2], "server closed the connection"),
    "no end of the data": (OUT + line(b"1\n"), "server closed the connection"),
    "no end of the command": (OUT + line(b"1\n") + DONE, "server closed the connection"),
    "rubbish": (OUT + b"?" * 100, "unknown message type"),
    "line with too short a length": (OUT + b"d\0\0\0\x03", "invalid length 3"),
    "line above 1 GiB": (OUT + b"d\x40\0\0\x01", "1073741825 bytes exceeds"),
    "row": (OUT + data_row(b"1"), "unexpected message 'D'"),
    "description": (OUT + row_description((b"a", 25)), "unexpected message 'T'"),
    "line behind the end": (OUT + DONE + line(b"1\n"), "unexpected message 'd'"),
    "end twice": (OUT + DONE + DONE, "unexpected message 'c'"),
    "copy within a copy": (OUT + OUT, "unexpected message 'H'"),
    "completion without an end": (OUT + line(b"1\n") + complete(), "unexpected message 'C'"),
    "ready in the middle": (OUT + ready(), "unexpected message 'Z'"),
}


@pytest.mark.parametrize("fault", OUT_FAULTS)
async def test_copy_out(twin, hostile, fault):
    data, match = OUT_FAULTS[fault]
    server = hostile(lambda peer: (peer.greet(), peer.answer(data)))
    conn = await twin.connect(server.dsn, autocommit=True)
    with pytest.raises(Operational, match=match):
        await copy_out(conn)
    assert await state_of(conn) == "closed"


async def test_copy_out_that_fails_in_the_middle(twin, hostile):
    bad = OUT + line(b"1\n") + report(b"disk is gone", b"58030") + ready()
    server = hostile(lambda peer: (peer.greet(), peer.answer(bad, bad, ONE), peer.wait_closed()))
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        for _ in range(2):
            with pytest.raises(errors.IoError, match="disk is gone"):
                await copy_out(conn)
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_query_that_is_no_copy(twin, hostile):
    """The connection is at rest after it."""
    answers = [ONE, complete(b"SET") + ready(), ONE]
    server = hostile(lambda peer: (peer.greet(), peer.answer(*answers), peer.wait_closed()))
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        for _ in range(2):
            with pytest.raises(psycoxide.ProgrammingError, match=r"copy\(\)"):
                await copy_out(conn)
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_copy_in_that_is_refused(twin, hostile):
    """The server says no while the client still writes: neither waits for the other."""

    def script(peer):
        peer.greet()
        peer.read_query()
        peer.send(IN)
        peer.read_message()
        peer.send(report(b"no more", b"53100") + ready())
        # What is still on its way is skipped, up to the next query.
        peer.answer(ONE)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        with pytest.raises(errors.DiskFull, match="no more"):
            await copy_in(conn)
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


@pytest.mark.parametrize("count", [0, 3, 50_000, 300_000])
async def test_copy_in_that_is_broken_off(twin, hostile, count):
    """The task that waits to send is woken."""

    def script(peer):
        peer.greet()
        peer.read_query()
        peer.send(IN)
        peer.read(count)

    server = hostile(script)
    conn = await twin.connect(server.dsn, autocommit=True)
    with pytest.raises(Operational):
        await copy_in(conn)
    assert await state_of(conn) == "closed"


async def test_copy_in_that_is_given_up(twin, hostile):
    """An exception within the block: the server is told to undo what it has."""
    heard = []

    def script(peer):
        peer.greet()
        peer.read_query()
        peer.send(IN)
        while not heard or heard[-1][0] not in (b"c", b"f"):
            heard.append(peer.read_message())
        peer.send(report(b"COPY from stdin failed", b"57014") + ready())
        peer.answer(ONE)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        with pytest.raises(ZeroDivisionError):
            async with conn.cursor().copy("COPY t FROM STDIN") as copy:
                await copy.write("x")
                raise ZeroDivisionError
        assert heard[-1][0] == b"f"
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_copy_both_ways(twin, hostile):
    """Replication is not what was asked for."""
    server = hostile(lambda peer: (peer.greet(), peer.answer(BOTH)))
    conn = await twin.connect(server.dsn, autocommit=True)
    with pytest.raises(psycoxide.Error):
        await copy_out(conn)
    assert await state_of(conn) == "closed"


@pytest.mark.parametrize(("first", "work"), [(OUT, copy_out), (IN, copy_in)], ids=["out", "in"])
async def test_cancelled_copy(hostile, first, work):
    """A task that is cancelled in the middle of a copy does not wait for ever."""
    cancelled = threading.Event()

    def script(peer):
        peer.greet()
        peer.read_query()
        peer.send(first)
        cancelled.wait(5)
        peer.send(report(b"canceling statement", b"57014") + ready())
        peer.wait_closed()

    server = hostile(script)
    server.on_cancel = cancelled.set
    conn = await psycoxide.AsyncConnection.connect(server.dsn, autocommit=True)
    try:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(work(conn), 0.1)
    finally:
        cancelled.set()
    await conn.close()


# What the server answers to three queries in a pipeline.
PIPELINE_FAULTS = {
    "nothing": b"",
    "rubbish": b"?" * 100,
    "one answer": message(b"1") + message(b"2") + ONE[:-6],
    "ready too early": message(b"1") + message(b"2") + ONE,
    "answers of another kind": ONE * 3,
    "ready three times": ready() * 3,
}


@pytest.mark.parametrize("fault", PIPELINE_FAULTS)
async def test_pipeline(twin, hostile, fault):
    def script(peer):
        peer.greet()
        peer.read_message()
        peer.send(PIPELINE_FAULTS[fault])

    server = hostile(script)
    conn = await twin.connect(server.dsn, autocommit=True)
    with pytest.raises(Operational, match="consuming input failed|sending|lost"):
        async with conn.pipeline() as pipeline:
            cursors = [await conn.execute("SELECT %s", [n]) for n in range(3)]
            await pipeline.sync()
            for cur in cursors:
                await cur.fetchall()
    assert await state_of(conn) == "closed"


async def test_cancelled_pipeline(dsn):
    conn = await psycoxide.AsyncConnection.connect(dsn)

    async def work():
        async with conn.pipeline():
            await conn.execute("SELECT pg_sleep(60)")
            cur = await conn.execute("SELECT 2")
            await cur.fetchone()

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(work(), 0.1)
    assert await state_of(conn) in ("usable", "closed")
    await conn.close()
