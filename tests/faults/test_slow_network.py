"""Bytes that come one by one, late, or not at all."""

from __future__ import annotations

import asyncio
import time

import pytest

import psycoxide
from psycoxide.conninfo import make_conninfo
from support.faults import connected, endured, make_table
from support.operations import OPERATIONS
from support.proxy import PATIENCE, Fault, Pace
from support.state import state_of
from support.twin import Twin

pytestmark = pytest.mark.usefixtures("no_leaks", "faults_table")

PACES = {
    "byte by byte": Pace(piece=1),
    "in pieces": Pace(piece=7, seconds=0.0005),
    "late": Pace(seconds=0.005),
}


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_nothing_changes(twin, proxy, operation, pace):
    operation = OPERATIONS[operation]
    conn = await connected(twin, proxy)
    expected = await operation(conn, twin)
    await conn.close()
    proxy.pace = PACES[pace]
    conn = await connected(twin, proxy)
    assert await operation(conn, twin) == expected
    assert await state_of(conn) == "usable"
    await conn.close()


@pytest.mark.full_server
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_nothing_changes_with_tls(twin, new_proxy, tls_server, operation):
    make_table(tls_server)
    proxy = new_proxy(tls_server, sslmode="require")
    operation = OPERATIONS[operation]
    conn = await connected(twin, proxy)
    expected = await operation(conn, twin)
    await conn.close()
    proxy.pace = PACES["byte by byte"]
    conn = await connected(twin, proxy)
    assert await operation(conn, twin) == expected
    await conn.close()


@pytest.mark.parametrize("direction", ["to client", "to server"])
async def test_connect_to_nobody(twin, proxy, direction):
    """Whatever stops answering, `connect_timeout` ends it."""
    proxy.arm(None)
    conn = await twin.connect(proxy.dsn)
    count = proxy.counts[direction].messages
    await conn.close()
    proxy.settle()
    proxy.arm(Fault("blackhole", direction, message=count - 2))
    began = time.monotonic()
    with pytest.raises(psycoxide.errors.ConnectionTimeout):
        await twin.connect(make_conninfo(proxy.dsn, connect_timeout=2))
    assert 1.5 < time.monotonic() - began < 4


@pytest.mark.parametrize("direction", ["to client", "to server"])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_nothing_comes_and_then_the_end(twin, proxy, operation, direction):
    """A network that is silent for a while, and then says that the connection is gone."""
    conn = await connected(twin, proxy)
    proxy.arm(Fault("blackhole", direction, message=0))
    proxy.cut_later(0.1)
    await endured(twin, proxy, conn, OPERATIONS[operation])


def test_tasks_give_up(dsn, proxy):
    """A task that is cancelled does not wait for ever for a server which cannot be reached."""
    twin = Twin(dsn)

    async def give_up(conn, operation):
        with pytest.raises((asyncio.TimeoutError, psycoxide.OperationalError)):
            await asyncio.wait_for(operation(conn, twin), 0.2)
        await conn.close()

    async def body():
        conns = [await twin.connect(proxy.dsn, autocommit=True) for _ in OPERATIONS]
        proxy.arm(Fault("blackhole", "to client", message=3))
        began = time.monotonic()
        await asyncio.gather(*map(give_up, conns, OPERATIONS.values()))
        assert time.monotonic() - began < PATIENCE - 2
        assert proxy.struck.is_set()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    twin.run(body())
