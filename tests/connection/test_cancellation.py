"""Cancelled tasks and Ctrl-C: the wait ends, and the connection is usable or closed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import psycoxide
from psycoxide import errors
from support.hostile import ONE, complete, data_row, ready, report, row_description
from support.leaks import eventually
from support.state import state_of

pytestmark = pytest.mark.usefixtures("no_leaks")

END = complete() + ready()
CANCELED = report(b"canceling statement due to user request", b"57014") + ready()


async def connect(dsn, **kwargs):
    return await psycoxide.AsyncConnection.connect(dsn, **kwargs)


async def until_sleeping(dsn, pid):
    """Wait until the session executes pg_sleep(): a cancel request before that has no effect."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
    async with await connect(dsn, autocommit=True) as monitor:
        while (await (await monitor.execute(query, [pid])).fetchone())[0] == 0:
            pass


# Statements that take longer than the test.
SLOW = {
    "simple": ("SELECT pg_sleep(60)", None),
    "parameters": ("SELECT pg_sleep(%s)", [60]),
    "rows": ("SELECT i, repeat('x', 1000) FROM generate_series(1, 1000000000) AS i", None),
}


@pytest.mark.parametrize("statement", SLOW)
@pytest.mark.parametrize("autocommit", [True, False])
async def test_wait_for(dsn, statement, autocommit):
    async with await connect(dsn, autocommit=autocommit) as conn:
        started = time.monotonic()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(conn.execute(*SLOW[statement]), 0.05)
        assert time.monotonic() - started < 5
        assert await state_of(conn) == "usable"


async def test_cancelled_before_it_began(dsn):
    async with await connect(dsn) as conn:
        task = asyncio.create_task(conn.execute("SELECT pg_sleep(60)"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await state_of(conn) == "usable"


async def test_cancelled_at_every_turn_of_the_loop(dsn):
    """However far the operation has come."""
    async with await connect(dsn) as conn:
        for turns in range(30):
            task = asyncio.create_task(conn.execute("SELECT %s", [turns]))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, errors.QueryCanceled):
                await task
            # A cancel request may arrive late: it must not hit the next query for good.
            for _ in range(10):
                try:
                    assert await state_of(conn) == "usable"
                except errors.QueryCanceled:
                    continue
                break


async def test_cancelled_while_queueing(dsn):
    """Only the task that waits for its turn ends; the one before it goes on."""
    async with await connect(dsn, autocommit=True) as conn:
        first = asyncio.create_task(conn.execute("SELECT pg_sleep(0.3), 1"))
        second = asyncio.create_task(conn.execute("SELECT 2"))
        third = asyncio.create_task(conn.execute("SELECT 3"))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert (await (await first).fetchone())[1] == 1
        assert await (await third).fetchone() == (3,)


async def test_cancelled_with_others_in_the_queue(dsn):
    async with await connect(dsn, autocommit=True) as conn:
        first = asyncio.create_task(conn.execute("SELECT pg_sleep(60)"))
        second = asyncio.create_task(conn.execute("SELECT 2"))
        await asyncio.wait_for(until_sleeping(dsn, conn.info.backend_pid), 10)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await (await second).fetchone() == (2,)


async def test_executemany(dsn):
    async with await connect(dsn) as conn:
        cur = conn.cursor()
        slow = cur.executemany("SELECT pg_sleep(%s)", [(0.02,) for _ in range(2000)])
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(slow, 0.1)
        assert await state_of(conn) == "usable"


async def test_executemany_while_it_is_fed(dsn):
    """The iterator of the parameters raises: what was sent is answered first."""

    def rows():
        yield from ((n,) for n in range(3000))
        raise ZeroDivisionError

    async with await connect(dsn) as conn:
        with pytest.raises(ZeroDivisionError):
            await conn.cursor().executemany("SELECT %s", rows())
        assert await state_of(conn) == "usable"


async def test_transaction_block(dsn):
    async with await connect(dsn) as conn:

        async def work():
            async with conn.transaction():
                await conn.execute("CREATE TEMP TABLE cancelled ()")
                await conn.execute("SELECT pg_sleep(60)")

        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(work(), 0.1)
        assert conn.info.transaction_status == psycoxide.pq.TransactionStatus.IDLE
        cur = await conn.execute("SELECT to_regclass('cancelled')")
        assert await cur.fetchone() == (None,)


async def test_context_of_the_connection(dsn):
    conn = await connect(dsn)

    async def work():
        async with conn:
            await conn.execute("SELECT pg_sleep(60)")

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(work(), 0.1)
    assert conn.closed and not conn.broken


async def test_cancelled_twice(dsn):
    """Who cancels again has no patience: the connection is closed at once."""
    conn = await connect(dsn, autocommit=True)
    task = asyncio.create_task(conn.execute("SELECT pg_sleep(60)"))
    await asyncio.wait_for(until_sleeping(dsn, conn.info.backend_pid), 10)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await state_of(conn) in ("usable", "closed")
    await conn.close()


async def test_server_that_does_not_cancel(hostile):
    """After five seconds the connection is given up."""
    server = hostile(lambda peer: (peer.greet(), peer.read_query(), peer.wait_closed()))
    conn = await connect(server.dsn, autocommit=True)
    started = time.monotonic()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(conn.execute("SELECT 1"), 0.05)
    assert 4 < time.monotonic() - started < 8
    assert server.cancels.get(timeout=5)
    assert await state_of(conn) == "closed"


async def test_server_that_breaks_the_rules_when_it_cancels(hostile):
    asked = threading.Event()

    def script(peer):
        peer.greet()
        peer.read_query()
        asked.wait(5)
        peer.send(b"?" * 100)
        peer.wait_closed()

    server = hostile(script)
    server.on_cancel = asked.set
    conn = await connect(server.dsn, autocommit=True)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(conn.execute("SELECT 1"), 0.05)
    assert await state_of(conn) == "closed"


async def test_answer_that_overtakes_the_cancel_request(hostile):
    """The query ends by itself: nothing of it is taken for the next one."""
    asked = threading.Event()

    def script(peer):
        peer.greet()
        peer.read_query()
        asked.wait(5)
        peer.send(ONE)
        peer.answer(ONE.replace(b"one", b"two"))
        peer.wait_closed()

    server = hostile(script)
    server.on_cancel = asked.set
    async with await connect(server.dsn, autocommit=True) as conn:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(conn.execute("SELECT 1"), 0.05)
        cur = await conn.execute("SELECT 1")
        assert cur.description[0].name == "two"


async def test_closed_by_another_task(dsn):
    """The task that waits is told, and does not wait for ever."""
    conn = await connect(dsn, autocommit=True)
    task = asyncio.create_task(conn.execute("SELECT pg_sleep(60)"))
    queued = asyncio.create_task(conn.execute("SELECT 1"))
    await asyncio.wait_for(until_sleeping(dsn, conn.info.backend_pid), 10)
    await conn.close()
    for waiting in (task, queued):
        with pytest.raises(psycoxide.OperationalError, match="the connection is closed"):
            await asyncio.wait_for(waiting, 5)
    assert await state_of(conn) == "closed"


def test_closed_by_another_thread(dsn):
    conn = psycoxide.connect(dsn, autocommit=True)
    raised = []

    def work():
        try:
            conn.execute("SELECT pg_sleep(60)")
        except Exception as ex:
            raised.append(ex)

    thread = threading.Thread(target=work)
    thread.start()
    assert eventually(lambda: conn.info.transaction_status == psycoxide.pq.TransactionStatus.ACTIVE)
    conn.close()
    thread.join(5)
    assert not thread.is_alive()
    assert isinstance(raised[0], psycoxide.OperationalError)
    assert str(raised[0]) == "the connection is closed"


def test_loop_that_ends_in_the_middle(dsn):
    """A task that is thrown away takes its connection with it, and its place on the loop."""
    loop = asyncio.new_event_loop()
    conn = loop.run_until_complete(connect(dsn, autocommit=True))
    fd = conn.fileno()

    async def begin():
        coroutine = conn.execute("SELECT pg_sleep(60)")
        coroutine.send(None)  # As a task does.
        return coroutine

    loop.run_until_complete(begin()).close()
    assert conn.closed
    # The next connection has the same descriptor; the loop must not know it any more.
    other = loop.run_until_complete(connect(dsn, autocommit=True))
    assert other.fileno() == fd
    cur = loop.run_until_complete(other.execute("SELECT 1"))
    assert loop.run_until_complete(cur.fetchone()) == (1,)
    loop.run_until_complete(other.close())
    loop.run_until_complete(conn.close())
    loop.close()


async def test_operation_that_is_thrown_away(dsn):
    """Nobody awaits the rest: the connection is lost, and taken off the loop."""
    conn = await connect(dsn, autocommit=True)
    fd = conn.fileno()
    operation = conn.pgconn._command(b"SELECT pg_sleep(60)")
    operation.send(None)
    del operation
    gc.collect()
    assert conn.closed and conn.broken
    async with await connect(dsn, autocommit=True) as other:
        assert other.fileno() == fd
        assert await (await other.execute("SELECT 1")).fetchone() == (1,)
    await conn.close()


async def test_cancel_from_another_task(dsn):
    async with await connect(dsn, autocommit=True) as conn:
        task = asyncio.create_task(conn.execute("SELECT pg_sleep(60)"))
        await asyncio.wait_for(until_sleeping(dsn, conn.info.backend_pid), 10)
        await conn.cancel_safe(timeout=5)
        with pytest.raises(errors.QueryCanceled):
            await task
        assert await state_of(conn) == "usable"


def test_cancel_from_another_thread(dsn):
    with psycoxide.connect(dsn, autocommit=True) as conn:

        def cancel():
            asyncio.run(until_sleeping(dsn, conn.info.backend_pid))
            conn.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(errors.QueryCanceled):
            conn.execute("SELECT pg_sleep(60)")
        thread.join()
        assert conn.execute("SELECT 1").fetchone() == (1,)


async def test_cancel_that_nobody_takes(twin, hostile):
    """A server that accepts the cancel request and does nothing else."""
    ended = threading.Event()
    server = hostile(lambda peer: (peer.greet(), peer.wait_closed()))
    server.on_cancel = lambda: ended.wait(10)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        try:
            with pytest.raises(errors.CancellationTimeout, match="cancellation timeout expired"):
                await conn.cancel_safe(timeout=0.2)
        finally:
            ended.set()


# What a program does that is interrupted, and what it says after that.
PROGRAM = """
    import asyncio, signal, sys
    import psycoxide

    dsn, statement = sys.argv[1:]
    conn = psycoxide.connect(dsn, autocommit=True)
    print("connected", flush=True)
    try:
        {call}
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    if conn.closed:
        print("closed", conn.broken)
    else:
        print("usable", conn.execute("SELECT 'asked just now'").fetchone()[0])
    conn.close()
"""
CALLS = {
    "execute": "conn.execute(statement)",
    "executemany": "conn.cursor().executemany('SELECT pg_sleep(%s)', [(60,)] * 3)",
    "transaction": """
        with conn.transaction():
            conn.execute(statement)
""".strip(),
}


def interrupt(process, when):
    """Send Ctrl-C to a program when the condition holds, and return what it printed."""
    try:
        assert eventually(when, 20), "the program does not get there"
        process.send_signal(signal.SIGINT)
        output, errors_output = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, errors_output
    assert errors_output == ""
    return output.splitlines()


def run(call, *arguments):
    program = textwrap.dedent(PROGRAM).replace("{call}", CALLS.get(call, call))
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONFAULTHANDLER": "1"},
    )


@pytest.mark.parametrize("call", CALLS)
def test_interrupted(dsn, call):
    """Ctrl-C cancels the statement on the server, and the connection goes on."""
    name = f"interrupted_{call}"
    with psycoxide.connect(dsn, autocommit=True) as monitor:

        def sleeping():
            query = (
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE application_name = %s AND wait_event = 'PgSleep'"
            )
            return monitor.execute(query, [name]).fetchone()[0] == 1

        process = run(call, f"{dsn} application_name={name}", "SELECT pg_sleep(60)")
        assert interrupt(process, sleeping) == [
            "connected",
            "interrupted",
            "usable asked just now",
        ]
        assert not sleeping()


def test_interrupted_while_rows_come(hostile):
    """A server that never stops sending: the signal is noticed all the same."""
    cancelled, sending = threading.Event(), threading.Event()
    rows = data_row(b"x" * 1000) * 200

    def script(peer):
        peer.greet()
        peer.read_query()
        peer.send(row_description((b"a", 25)))
        while not cancelled.is_set():
            peer.send(rows)
            sending.set()
        peer.send(CANCELED)
        peer.answer(row_description((b"a", 25)) + data_row(b"asked just now") + END)
        peer.wait_closed()

    server = hostile(script)
    server.on_cancel = cancelled.set
    process = run("execute", server.dsn, "SELECT 1")
    assert interrupt(process, sending.is_set) == [
        "connected",
        "interrupted",
        "usable asked just now",
    ]


def test_interrupted_and_the_server_does_not_cancel(hostile):
    asked = threading.Event()

    def script(peer):
        peer.greet()
        peer.read_query()
        asked.set()
        peer.wait_closed()

    server = hostile(script)
    process = run("execute", server.dsn, "SELECT 1")
    assert interrupt(process, asked.is_set) == ["connected", "interrupted", "closed True"]
    assert server.cancels.get(timeout=5)


def test_interrupted_while_connecting(hostile):
    asked = threading.Event()

    def script(peer):
        peer.read_packet()
        asked.set()
        peer.wait_closed()

    server = hostile(script)
    program = textwrap.dedent("""
        import psycoxide, sys
        try:
            psycoxide.connect(sys.argv[1])
        except KeyboardInterrupt:
            print("interrupted")
    """)
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, server.dsn],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert interrupt(process, asked.is_set) == ["interrupted"]


def test_interrupted_in_asyncio(hostile):
    """asyncio cancels the task: the connection is brought to rest before it ends."""
    cancelled, asked = threading.Event(), threading.Event()

    def script(peer):
        peer.greet()
        peer.read_query()
        asked.set()
        cancelled.wait(10)
        peer.send(CANCELED)
        peer.answer(ONE)
        peer.wait_closed()

    server = hostile(script)
    server.on_cancel = cancelled.set
    program = textwrap.dedent("""
        import asyncio, sys
        import psycoxide

        async def main():
            conn = await psycoxide.AsyncConnection.connect(sys.argv[1], autocommit=True)
            try:
                await conn.execute("SELECT 1")
            except BaseException as ex:
                print("interrupted", "usable" if not conn.closed else "closed")
                cur = await conn.execute("SELECT 1")
                print(await cur.fetchone())
                await conn.close()
                raise

        try:
            asyncio.run(main())
        except (KeyboardInterrupt, asyncio.CancelledError):
            pass
    """)
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, server.dsn],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    expected = ["interrupted usable", "(1,)"]
    if sys.version_info < (3, 11):
        # Before 3.11 asyncio lets KeyboardInterrupt fall through the loop instead.
        process.send_signal(signal.SIGKILL)
        process.communicate()
        pytest.skip("asyncio cancels the main task on Ctrl-C from Python 3.11 on")
    assert interrupt(process, asked.is_set) == expected


def test_signal_that_is_not_an_interrupt(dsn):
    """A handler that returns does not end the wait."""
    calls = []
    before = signal.signal(signal.SIGALRM, lambda *_: calls.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        with psycoxide.connect(dsn, autocommit=True) as conn:
            assert conn.execute("SELECT pg_sleep(0.4), 1").fetchone()[1] == 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(calls) > 2


def test_handler_that_raises(dsn):
    """Any exception of a handler ends the wait as Ctrl-C does."""

    def handler(*_):
        raise ZeroDivisionError

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with psycoxide.connect(dsn) as conn:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(ZeroDivisionError):
                conn.execute("SELECT pg_sleep(60)")
            conn.rollback()
            assert conn.execute("SELECT 1").fetchone() == (1,)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
