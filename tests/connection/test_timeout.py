"""`connect_timeout`: whatever the server is busy with, connecting ends in time."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

import psycoxide
from psycoxide import errors
from support.hostile import WELCOME, authentication, parameter

pytestmark = pytest.mark.usefixtures("no_leaks")

SASL = authentication(10, b"SCRAM-SHA-256\0\0")


def nothing(peer):
    peer.wait_closed()


def at_the_answer_to_tls(peer):
    peer.read_packet()
    peer.wait_closed()


def in_the_tls_handshake(peer):
    peer.read_packet()
    peer.send(b"S")
    peer.wait_closed()


def after_the_startup_packet(peer):
    peer.read_startup()
    peer.wait_closed()


def at_the_password(peer):
    peer.read_startup()
    peer.send(authentication(3))
    peer.wait_closed()


def in_scram(peer):
    peer.read_startup()
    peer.send(SASL)
    peer.wait_closed()


def after_authentication(peer):
    peer.greet(WELCOME[:-6])
    peer.wait_closed()


def within_a_message(peer):
    peer.greet(WELCOME[:20])
    peer.wait_closed()


def talking_without_end(peer):
    peer.greet(authentication(0))
    settings = parameter(b"application_name", b"x" * 1000) * 1000
    while True:
        peer.send(settings)


STALLS = [
    nothing,
    at_the_answer_to_tls,
    in_the_tls_handshake,
    after_the_startup_packet,
    at_the_password,
    in_scram,
    after_authentication,
    within_a_message,
    talking_without_end,
]
#: libpq takes no less than two seconds.
SECONDS = 2


def check(error, server, started):
    assert isinstance(error, errors.ConnectionTimeout)
    text = str(error)
    assert text.startswith(
        f'connection timeout expired: connection to server at "127.0.0.1", port {server.port}'
    )
    assert "connect_timeout" in text
    assert SECONDS * 0.9 < time.monotonic() - started < SECONDS + 3


def test_stalls(hostile):
    """All at once: each takes its two seconds."""
    servers = {stall.__name__: hostile(stall) for stall in STALLS}
    outcomes = {}

    def connect(name):
        started = time.monotonic()
        try:
            psycoxide.connect(servers[name].dsn, connect_timeout=SECONDS)
        except Exception as ex:
            outcomes[name] = (ex, servers[name], started)
            check(*outcomes[name])

    threads = [threading.Thread(target=connect, args=(name,)) for name in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert outcomes.keys() == servers.keys()
    for outcome in outcomes.values():
        assert isinstance(outcome[0], errors.ConnectionTimeout)


async def test_stalls_async(hostile):
    async def connect(stall):
        server = hostile(stall)
        started = time.monotonic()
        with pytest.raises(errors.ConnectionTimeout) as raised:
            await psycoxide.AsyncConnection.connect(server.dsn, connect_timeout=SECONDS)
        check(raised.value, server, started)

    await asyncio.gather(*map(connect, STALLS))


async def test_next_host_has_its_own_time(twin, hostile):
    silent = hostile(nothing)
    good = hostile(lambda peer: (peer.greet(), peer.wait_closed()))
    conninfo = f"host=127.0.0.1,127.0.0.1 port={silent.port},{good.port} user=u password=p dbname=d"
    async with await twin.connect(conninfo, connect_timeout=SECONDS, autocommit=True) as conn:
        assert conn.info.port == good.port


async def test_cancelled_attempt(hostile):
    """A task that is cancelled while it connects leaves nothing behind."""
    for stall in STALLS[:-1]:
        arrived = threading.Event()

        def script(peer, stall=stall, arrived=arrived):
            arrived.set()
            stall(peer)

        server = hostile(script)
        task = asyncio.create_task(psycoxide.AsyncConnection.connect(server.dsn))
        await asyncio.to_thread(arrived.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    # The threads which waited for the events are the loop's, and end with it.


async def test_no_time_at_all(twin, hostile):
    with pytest.raises(psycoxide.ProgrammingError, match="bad value for connect_timeout: 'soon'"):
        await twin.connect("host=127.0.0.1 connect_timeout=soon")
