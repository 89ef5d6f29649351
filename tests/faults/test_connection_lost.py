"""The network fails in the middle of every operation, in the clear and with TLS.

A proxy cuts or resets the connection after each of the first messages and before the last, in
either direction; with TLS after certain bytes. Every time the operation raises an
`OperationalError` and leaves nothing behind.
"""

from __future__ import annotations

import copy

import pytest

from psycoxide import errors
from support.faults import connected, endured, make_table
from support.operations import OPERATIONS
from support.proxy import DIRECTIONS, Fault

pytestmark = pytest.mark.usefixtures("no_leaks", "faults_table")


async def measured(twin, proxy, operation):
    """What an operation takes: messages and bytes in each direction."""
    conn = await connected(twin, proxy)
    proxy.arm(None)
    await operation(conn, twin)
    counts = copy.deepcopy(proxy.counts)
    await conn.close()
    return counts


def points(count, dense=5):
    """The first points, some in the middle, and the last before the end."""
    chosen = {*range(min(dense, count)), count // 2, count - 2, count - 1}
    return sorted(point for point in chosen if 0 <= point < count)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_at_messages(twin, proxy, operation, direction):
    operation = OPERATIONS[operation]
    counts = await measured(twin, proxy, operation)
    # What is sent last may be a Close that nothing answers.
    for message in points(counts[direction].messages - 1):
        for kind in ("cut", "reset"):
            conn = await connected(twin, proxy)
            proxy.arm(Fault(kind, direction, message=message))
            await endured(twin, proxy, conn, operation)


@pytest.mark.full_server
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_within_tls(twin, new_proxy, tls_server, operation, direction):
    make_table(tls_server)
    proxy = new_proxy(tls_server, sslmode="require")
    operation = OPERATIONS[operation]
    counts = await measured(twin, proxy, operation)
    # Before, within and behind the header of a record, in its body, and in later ones. How many
    # there are, and so how many bytes, is never quite the same.
    size = counts[direction].bytes
    for byte in sorted({0, 3, 5, 20, size // 2, size * 3 // 4}):
        conn = await connected(twin, proxy)
        proxy.arm(Fault("cut", direction, byte=byte))
        await endured(twin, proxy, conn, operation)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("kind", ["cut", "reset"])
async def test_connect(twin, proxy, kind, direction):
    proxy.arm(None)
    conn = await twin.connect(proxy.dsn)
    count = proxy.counts[direction].messages
    await conn.close()
    assert count > 2
    for message in range(count):
        proxy.settle()
        proxy.arm(Fault(kind, direction, message=message))
        with pytest.raises(errors.OperationalError, match="127.0.0.1"):
            await twin.connect(proxy.dsn)
        assert proxy.struck.is_set()


@pytest.mark.full_server
@pytest.mark.parametrize("direction", DIRECTIONS)
async def test_connect_with_tls(twin, new_proxy, tls_server, direction):
    proxy = new_proxy(tls_server, sslmode="require")
    proxy.arm(None)
    conn = await twin.connect(proxy.dsn)
    size = proxy.counts[direction].bytes
    await conn.close()
    # The handshake is some bytes longer or shorter each time.
    for byte in sorted({0, 1, 4, 8, 9, 14, 100, size // 2, size - 32}):
        proxy.settle()
        proxy.arm(Fault("cut", direction, byte=byte))
        with pytest.raises(errors.OperationalError, match="127.0.0.1"):
            await twin.connect(proxy.dsn)


@pytest.mark.parametrize("kind", ["cut", "reset"])
async def test_cancel(twin, proxy, kind):
    """A cancel request that gets lost leaves the connection as it is."""
    conn = await connected(twin, proxy)
    for byte in (0, 7, 16):
        proxy.arm(Fault(kind, "to server", byte=byte), fresh=True)
        try:
            await conn.cancel_safe(timeout=5)
        except errors.OperationalError:
            pass
        cur = await conn.execute("SELECT 1")
        assert await cur.fetchone() == (1,)
    await conn.close()
