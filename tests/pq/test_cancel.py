"""`pq.PGcancel` and `pq.PGcancelConn`."""

from __future__ import annotations

import contextlib
import select

import pytest

import psycoxide
from psycoxide.pq import ConnStatus, ExecStatus, PGconn, PollingStatus


@contextlib.contextmanager
def running(pgconn, dsn):
    """A query that is to be cancelled, and is."""
    pgconn.send_query(b"SELECT pg_sleep(100)")
    with psycoxide.connect(dsn, autocommit=True) as other:
        query = "SELECT FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
        while not other.execute(query, [pgconn.backend_pid]).rowcount:
            pass
    yield
    result = pgconn.get_result()
    assert result.status == ExecStatus.FATAL_ERROR
    assert b"canceling statement due to user request" in result.error_message
    assert pgconn.get_result() is None


def test_cancel(pgconn, dsn):
    cancel = pgconn.get_cancel()
    with running(pgconn, dsn):
        cancel.cancel()
    cancel.cancel()
    cancel.free()
    cancel.free()
    with pytest.raises(psycoxide.OperationalError, match="cancel failed"):
        cancel.cancel()


def test_outlives_the_connection(pgconn):
    cancel = pgconn.get_cancel()
    pgconn.finish()
    cancel.cancel()


def test_blocking(pgconn, dsn):
    cancel = pgconn.cancel_conn()
    assert cancel.status == ConnStatus.ALLOCATED
    with running(pgconn, dsn):
        cancel.blocking()
        assert cancel.status == ConnStatus.OK
    with pytest.raises(psycoxide.OperationalError, match="reset it first"):
        cancel.blocking()
    cancel.reset()
    with running(pgconn, dsn):
        cancel.blocking()


def test_polling(pgconn, dsn):
    cancel = pgconn.cancel_conn()
    with pytest.raises(psycoxide.OperationalError, match="not opened"):
        cancel.socket  # noqa: B018 - reading it is the test
    with running(pgconn, dsn):
        cancel.start()
        while (state := cancel.poll()) != PollingStatus.OK:
            assert state != PollingStatus.FAILED, cancel.get_error_message()
            wait = (
                ([cancel.socket], []) if state == PollingStatus.READING else ([], [cancel.socket])
            )
            assert any(select.select(*wait, [], 10))
    assert cancel.status == ConnStatus.OK
    assert cancel.poll() == PollingStatus.OK
    with pytest.raises(psycoxide.OperationalError):
        cancel.start()
    assert cancel.status == ConnStatus.BAD
    assert cancel.error_message.endswith(b"\n")


def test_finished(pgconn):
    cancel = pgconn.cancel_conn()
    cancel.finish()
    cancel.finish()
    assert cancel.status == ConnStatus.BAD
    for call in (cancel.start, cancel.blocking, cancel.poll, cancel.reset):
        with pytest.raises(psycoxide.OperationalError):
            call()


def test_of_a_closed_connection(pgconn):
    pgconn.finish()
    with pytest.raises(psycoxide.OperationalError):
        pgconn.get_cancel()
    cancel = pgconn.cancel_conn()
    assert cancel.status == ConnStatus.BAD
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        cancel.blocking()


def test_server_gone(start_server):
    with start_server() as server:
        pgconn = PGconn.connect(server.dsn.encode())
        cancel, polled = pgconn.get_cancel(), pgconn.cancel_conn()
    with pytest.raises(psycoxide.OperationalError, match="cancel failed"):
        cancel.cancel()
    with pytest.raises(psycoxide.OperationalError, match="couldn't send cancellation"):
        polled.blocking()
    assert polled.status == ConnStatus.BAD
    polled.reset()
    assert polled.status == ConnStatus.ALLOCATED


@pytest.mark.full_server
def test_encrypted(tls_server):
    pgconn = PGconn.connect(tls_server.dsn.encode())
    assert pgconn.ssl_in_use
    with running(pgconn, tls_server.dsn):
        pgconn.get_cancel().cancel()
    with running(pgconn, tls_server.dsn):
        pgconn.cancel_conn().blocking()
