"""run_transaction(), is_retryable() and CommitOutcomeUnknown."""

from __future__ import annotations

import asyncio
import logging
import threading
from types import SimpleNamespace
from typing import Any

import pytest

import psycoxide
from psycoxide import errors
from psycoxide._base.retry import Attempts
from support.hostile import WELCOME, complete, parameter, ready, report
from support.twin import Twin

YUGABYTE = WELCOME.replace(
    parameter(b"server_version", b"18.0"),
    parameter(b"server_version", b"15.12-YB-2025.2.6.0-b0"),
)
RAISE = "DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '{}'; END $$"
FAST = {"base": 0.0001, "max": 0.001}


def calling(twin: Twin, function: Any) -> Any:
    """The function as the interface wants it: `function(conn, number of the call)` is awaited."""
    calls = 0

    async def asynchronous(conn: Any) -> Any:
        nonlocal calls
        calls += 1
        return await function(conn, calls)

    def synchronous(conn: Any) -> Any:
        from support.twin import wrap

        body = asynchronous(wrap(conn))
        try:
            body.send(None)
        except StopIteration as stop:
            return stop.value
        pytest.fail("the function awaited what is not the driver's")

    return asynchronous if twin.is_async else synchronous


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_conflict_is_tried_again(twin: Twin, sqlstate: str) -> None:
    async def body(conn: Any, call: int) -> int:
        await conn.execute("INSERT INTO run_again VALUES (%s)", [call])
        if call < 3:
            await conn.execute(RAISE.format(sqlstate))
        return call

    async with await twin.connect() as conn:
        await conn.execute("CREATE TEMP TABLE run_again (id int)")
        await conn.commit()
        assert await conn.run_transaction(calling(twin, body), **FAST) == 3
        cur = await conn.execute("SELECT id FROM run_again")
        assert await cur.fetchall() == [(3,)]


@pytest.mark.parametrize("sqlstate", ["40000", "40002", "23505", "XX000", "55P03", "P0001"])
async def test_other_errors_are_raised_at_once(twin: Twin, sqlstate: str) -> None:
    calls = []

    async def body(conn: Any, call: int) -> None:
        calls.append(call)
        await conn.execute(RAISE.format(sqlstate))

    async with await twin.connect() as conn:
        with pytest.raises(psycoxide.Error, match="made up") as info:
            await conn.run_transaction(calling(twin, body))
        assert info.value.sqlstate == sqlstate
        assert calls == [1]
        assert conn.info.transaction_status == twin.api.pq.TransactionStatus.IDLE


async def test_last_error_is_raised_after_all_attempts(twin: Twin) -> None:
    calls = []

    async def body(conn: Any, call: int) -> None:
        calls.append(call)
        await conn.execute(RAISE.format("40001"))

    async with await twin.connect() as conn:
        with pytest.raises(errors.SerializationFailure) as info:
            await conn.run_transaction(calling(twin, body), max_attempts=4, **FAST)
        assert calls == [1, 2, 3, 4]
        if hasattr(info.value, "__notes__"):
            assert info.value.__notes__ == ["run_transaction() gave up after 4 attempts"]


async def test_exceptions_of_the_function_undo_and_go_on(twin: Twin) -> None:
    async def body(conn: Any, call: int) -> None:
        await conn.execute("INSERT INTO undone VALUES (1)")
        raise KeyError("mine")

    async with await twin.connect() as conn:
        await conn.execute("CREATE TEMP TABLE undone (id int)")
        await conn.commit()
        with pytest.raises(KeyError, match="mine"):
            await conn.run_transaction(calling(twin, body))
        cur = await conn.execute("SELECT count(*) FROM undone")
        assert await cur.fetchone() == (0,)


async def test_rollback_ends_it_without_a_result(twin: Twin) -> None:
    async def body(conn: Any, call: int) -> int:
        await conn.execute("SELECT 1")
        raise psycoxide.Rollback

    async with await twin.connect() as conn:
        assert await conn.run_transaction(calling(twin, body)) is None


async def test_conflict_reported_by_commit_is_tried_again(twin: Twin) -> None:
    """A deferred trigger raises it, as late as a serializable transaction may fail."""
    async with await twin.connect(autocommit=True) as conn:
        await conn.execute("CREATE TEMP TABLE late (id int)")
        await conn.execute(
            "CREATE FUNCTION pg_temp.late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF NEW.id < 3 THEN RAISE EXCEPTION 'late' USING ERRCODE = '40001'; END IF;"
            " RETURN NEW; END $$"
        )
        await conn.execute(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON late INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION pg_temp.late()"
        )

        async def body(conn: Any, call: int) -> int:
            await conn.execute("INSERT INTO late VALUES (%s)", [call])
            return call

        assert await conn.run_transaction(calling(twin, body), **FAST) == 3


async def test_two_real_transactions_in_conflict(twin: Twin) -> None:
    """Both read the sum and add to it; SERIALIZABLE lets one of them pass at a time."""
    async with await twin.connect(autocommit=True) as first:
        await first.execute("DROP TABLE IF EXISTS sums")
        await first.execute("CREATE TABLE sums (value int)")
        await first.execute("INSERT INTO sums VALUES (0)")
        async with await twin.connect() as other:
            await first.set_isolation_level(psycoxide.IsolationLevel.SERIALIZABLE)

            async def body(conn: Any, call: int) -> int:
                cur = await conn.execute("SELECT sum(value) FROM sums")
                (total,) = await cur.fetchone()
                if call == 1:
                    await other.execute("UPDATE sums SET value = value + 10")
                    await other.commit()
                await conn.execute("UPDATE sums SET value = %s", [total + 1])
                return call

            assert await first.run_transaction(calling(twin, body), **FAST) == 2
            cur = await first.execute("SELECT value FROM sums")
            assert await cur.fetchone() == (11,)
        await first.execute("DROP TABLE sums")


async def test_open_transaction_is_refused(twin: Twin) -> None:
    async def body(conn: Any, call: int) -> None:
        raise AssertionError("it must not be called")

    async with await twin.connect() as conn:
        await conn.execute("SELECT 1")
        with pytest.raises(psycoxide.ProgrammingError, match="one is open already"):
            await conn.run_transaction(calling(twin, body))
        await conn.rollback()
        async with conn.pipeline():
            with pytest.raises(psycoxide.ProgrammingError, match="pipeline mode"):
                await conn.run_transaction(calling(twin, body))


async def test_nested_use_is_refused(twin: Twin) -> None:
    async def outer(conn: Any, call: int) -> None:
        await conn.execute("INSERT INTO nested_use VALUES (1)")
        with pytest.raises(psycoxide.ProgrammingError, match="one is open already"):
            await conn.run_transaction(calling(twin, nothing))

    async with await twin.connect() as conn:
        await conn.execute("CREATE TEMP TABLE nested_use (id int)")
        await conn.commit()
        await conn.run_transaction(calling(twin, outer))
        cur = await conn.execute("SELECT count(*) FROM nested_use")
        assert await cur.fetchone() == (1,), "the outer one goes on"


async def test_function_that_hides_an_error_has_not_succeeded(twin: Twin) -> None:
    """The server answers COMMIT by ROLLBACK then, without an error."""

    async def hides(conn: Any, call: int) -> str:
        await conn.execute("INSERT INTO hidden VALUES (1)")
        try:
            await conn.execute("SELECT 1/0")
        except errors.DivisionByZero:
            pass
        return "done"

    async def hides_well(conn: Any, call: int) -> str:
        await conn.execute("INSERT INTO hidden VALUES (2)")
        try:
            async with conn.transaction():
                await conn.execute("SELECT 1/0")
        except errors.DivisionByZero:
            pass
        return "done"

    async with await twin.connect() as conn:
        await conn.execute("CREATE TEMP TABLE hidden (id int)")
        await conn.commit()
        with pytest.raises(errors.InFailedSqlTransaction, match="nothing can be committed"):
            await conn.run_transaction(calling(twin, hides))
        assert conn.info.transaction_status == twin.api.pq.TransactionStatus.IDLE
        assert await conn.run_transaction(calling(twin, hides_well)) == "done"
        cur = await conn.execute("SELECT id FROM hidden")
        assert await cur.fetchall() == [(2,)]


class Interruption(BaseException):
    """As KeyboardInterrupt, but of no importance to the test runner."""


async def test_interruption_undoes_and_is_not_tried_again(twin: Twin) -> None:
    calls = []

    async def body(conn: Any, call: int) -> None:
        calls.append(call)
        await conn.execute("INSERT INTO interrupted VALUES (1)")
        raise Interruption

    async with await twin.connect() as conn:
        await conn.execute("CREATE TEMP TABLE interrupted (id int)")
        await conn.commit()
        with pytest.raises(Interruption):
            await conn.run_transaction(calling(twin, body))
        assert calls == [1]
        cur = await conn.execute("SELECT count(*) FROM interrupted")
        assert await cur.fetchone() == (0,)


async def test_closed_connection(twin: Twin) -> None:
    async def closes(conn: Any, call: int) -> None:
        await conn.close()

    conn = await twin.connect()
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        await conn.run_transaction(calling(twin, closes))
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        await conn.run_transaction(calling(twin, closes))


async def test_lost_before_commit_is_an_ordinary_error(twin: Twin) -> None:
    calls = []

    async def body(conn: Any, call: int) -> None:
        calls.append(call)
        await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    conn = await twin.connect()
    with pytest.raises(errors.AdminShutdown):
        await conn.run_transaction(calling(twin, body))
    assert calls == [1]


def losing_commit(reply: bytes | None = None, welcome: bytes = WELCOME) -> Any:
    """A server which goes, or says something, where the answer to COMMIT should be."""

    def script(peer: Any) -> None:
        peer.greet(welcome)
        while True:
            text = b" ".join(body for _, body in peer.read_query())
            if b"COMMIT" in text:
                if reply is None:
                    return
                peer.send(reply)
            elif b"BEGIN" in text:
                peer.send(complete(b"BEGIN") + ready(b"T"))
            else:
                peer.send(complete(b"ROLLBACK") + ready())

    return script


async def nothing(conn: Any, call: int) -> str:
    return "done"


async def test_lost_commit_is_unknown(twin: Twin, hostile: Any) -> None:
    conn = await twin.connect(hostile(losing_commit()).dsn)
    with pytest.raises(psycoxide.CommitOutcomeUnknown, match="committed or not") as info:
        await conn.run_transaction(calling(twin, nothing))
    assert isinstance(info.value, psycoxide.OperationalError)
    assert isinstance(info.value.__cause__, psycoxide.OperationalError)
    assert not psycoxide.is_retryable(info.value)
    assert conn.closed


async def test_lost_commit_of_an_idempotent_transaction(twin: Twin, hostile: Any) -> None:
    conn = await twin.connect(hostile(losing_commit()).dsn)
    with pytest.raises(psycoxide.OperationalError) as info:
        await conn.run_transaction(calling(twin, nothing), idempotent=True)
    assert not isinstance(info.value, psycoxide.CommitOutcomeUnknown)


@pytest.mark.parametrize(
    ("sqlstate", "welcome", "unknown"),
    [
        (b"40003", WELCOME, True),
        (b"XX000", WELCOME, False),
        (b"57014", WELCOME, False),
        (b"XX000", YUGABYTE, True),
        (b"57014", YUGABYTE, True),
        (b"23505", YUGABYTE, False),
    ],
)
async def test_errors_of_commit(
    twin: Twin, hostile: Any, sqlstate: bytes, welcome: bytes, unknown: bool
) -> None:
    reply = report(b"timed out", sqlstate) + ready()
    conn = await twin.connect(hostile(losing_commit(reply, welcome)).dsn)
    assert (conn.info.vendor == "YugabyteDB") is (welcome is YUGABYTE)
    with pytest.raises(psycoxide.Error) as info:
        await conn.run_transaction(calling(twin, nothing))
    assert isinstance(info.value, psycoxide.CommitOutcomeUnknown) is unknown
    await conn.close()


@pytest.mark.parametrize(
    ("sqlstate", "welcome", "repeated"),
    [(b"40003", WELCOME, True), (b"XX000", YUGABYTE, True), (b"57014", YUGABYTE, False)],
)
async def test_unknown_commit_of_an_idempotent_transaction(
    twin: Twin, hostile: Any, sqlstate: bytes, welcome: bytes, repeated: bool
) -> None:
    calls = []

    async def body(conn: Any, call: int) -> None:
        calls.append(call)

    reply = report(b"timed out", sqlstate) + ready()
    conn = await twin.connect(hostile(losing_commit(reply, welcome)).dsn)
    with pytest.raises(psycoxide.Error) as info:
        await conn.run_transaction(calling(twin, body), idempotent=True, max_attempts=3, **FAST)
    assert info.value.sqlstate == sqlstate.decode()
    assert calls == ([1, 2, 3] if repeated else [1])
    await conn.close()


def test_commit_lost_at_a_real_server(dsn: str) -> None:
    """The socket is cut while the server commits, which a deferred trigger makes slow."""
    import socket
    import time

    with psycoxide.connect(dsn, autocommit=True) as observer:
        observer.execute("DROP TABLE IF EXISTS slow_commit")
        observer.execute("CREATE TABLE slow_commit (id int)")
        observer.execute(
            "CREATE OR REPLACE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$"
        )
        observer.execute(
            "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow_commit INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION slow_commit()"
        )
        conn = psycoxide.connect(dsn)

        def body(conn: Any) -> None:
            conn.execute("INSERT INTO slow_commit VALUES (1)")

            def cut() -> None:
                time.sleep(0.3)
                with socket.socket(fileno=conn.fileno()) as sock:
                    sock.shutdown(socket.SHUT_RDWR)
                    sock.detach()

            thread.append(threading.Thread(target=cut))
            thread[0].start()

        thread: list[threading.Thread] = []
        with pytest.raises(psycoxide.CommitOutcomeUnknown):
            conn.run_transaction(body)
        thread[0].join()
        deadline = time.monotonic() + 10
        # Here it was committed after all, which the client had no way to know.
        while observer.execute("SELECT count(*) FROM slow_commit").fetchone() != (1,):
            assert time.monotonic() < deadline
        observer.execute("DROP TABLE slow_commit")
        observer.execute("DROP FUNCTION slow_commit()")


def test_cancelled_pause(dsn: str) -> None:
    async def body(conn: Any) -> None:
        await conn.execute(RAISE.format("40001"))

    async def main() -> None:
        async with await psycoxide.AsyncConnection.connect(dsn) as conn:
            with pytest.raises(asyncio.TimeoutError):
                run = conn.run_transaction(body, base=60, max=60, jitter="none")
                await asyncio.wait_for(run, 0.3)
            cur = await conn.execute("SELECT 1")
            assert await cur.fetchone() == (1,)

    asyncio.run(main())


def test_repetitions_are_logged(dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def body(conn: Any) -> None:
        calls.append(1)
        if len(calls) == 1:
            conn.execute(RAISE.format("40001"))

    with caplog.at_level(logging.INFO, "psycoxide.retry"), psycoxide.connect(dsn) as conn:
        conn.run_transaction(body, **FAST)
    (record,) = caplog.records
    assert "attempt 1 of 10" in record.getMessage()
    assert "made up" in record.getMessage()


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_attempts": 0},
        {"base": -1},
        {"max": -0.1},
        {"factor": 0.5},
        {"jitter": "some"},
        {"max_attempts": float("nan")},
        {"base": float("nan")},
        {"max": float("nan")},
        {"factor": float("nan")},
    ],
)
async def test_bad_arguments(twin: Twin, arguments: dict[str, Any]) -> None:
    async with await twin.connect() as conn:
        with pytest.raises(ValueError, match=next(iter(arguments))):
            await conn.run_transaction(calling(twin, nothing), **arguments)


class Idle:
    """As much of a connection as the decisions look at."""

    closed = False
    pgconn = SimpleNamespace(_cluster=None)


def pauses(jitter: Any, attempts: int = 12) -> list[float]:
    conflict = errors.SerializationFailure("made up")
    plan = Attempts(Idle(), attempts, 0.002, 2, 1, jitter, False)  # type: ignore[arg-type]
    return [plan.failed(conflict) for _ in range(attempts)]


def test_pauses_grow_to_their_bound() -> None:
    assert pauses("none") == [min(0.002 * 2**k, 1) for k in range(12)]


@pytest.mark.parametrize(("jitter", "least"), [("full", 0.0), ("equal", 0.5)])
def test_pauses_are_spread(jitter: str, least: float) -> None:
    longest = pauses("none")
    for _ in range(50):
        for pause, bound in zip(pauses(jitter), longest):
            assert bound * least <= pause <= bound
    assert pauses(jitter) != pauses(jitter)


def test_retryable_errors() -> None:
    assert psycoxide.is_retryable(errors.SerializationFailure("x"))
    assert psycoxide.is_retryable(errors.DeadlockDetected("x"))
    assert not psycoxide.is_retryable(errors.UniqueViolation("x"))
    assert not psycoxide.is_retryable(psycoxide.OperationalError("connection lost"))
    assert not psycoxide.is_retryable(ValueError("40001"))


def test_retryable_error_inside_another() -> None:
    try:
        try:
            raise errors.SerializationFailure("x")
        except psycoxide.Error as ex:
            raise RuntimeError("of an ORM") from ex
    except RuntimeError as wrapped:
        assert psycoxide.is_retryable(wrapped)


def test_schema_changes_count_when_asked_for() -> None:
    for text in (
        "Catalog Version Mismatch: A DDL occurred while processing this query",
        "schema version mismatch for table",
        "catalog snapshot used for this transaction has been invalidated: MISMATCHED_SCHEMA",
    ):
        error = errors.InternalError_(text)
        assert error.sqlstate == "XX000"
        assert not psycoxide.is_retryable(error)
        assert psycoxide.is_retryable(error, schema_changes=True)
    assert not psycoxide.is_retryable(errors.InternalError_("other"), schema_changes=True)
