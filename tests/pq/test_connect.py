"""`pq.PGconn`: making connections, at once and step by step, and again."""

from __future__ import annotations

import select

import pytest

import psycoxide
from psycoxide.pq import ConnStatus, ExecStatus, PGconn, Ping, PollingStatus, TransactionStatus


@pytest.fixture
def conninfo(dsn):
    return dsn.encode()


def finish_connecting(pgconn, poll):
    """Poll until the connection is made or has failed, and say which."""
    while True:
        state = poll()
        if state == PollingStatus.READING:
            assert select.select([pgconn.socket], [], [], 10)[0]
        elif state == PollingStatus.WRITING:
            assert select.select([], [pgconn.socket], [], 10)[1]
        else:
            return state


def test_connect(conninfo):
    pgconn = PGconn.connect(conninfo)
    assert pgconn.status == ConnStatus.OK
    assert pgconn.error_message == b""
    assert pgconn.exec_(b"SELECT 1").get_value(0, 0) == b"1"
    pgconn.finish()
    pgconn.finish()
    assert pgconn.status == ConnStatus.BAD
    assert pgconn.transaction_status == TransactionStatus.UNKNOWN


def test_no_such_database(conninfo):
    pgconn = PGconn.connect(conninfo + b" dbname=no_such_db")
    assert pgconn.status == ConnStatus.BAD
    assert b'FATAL:  database "no_such_db" does not exist\n' in pgconn.error_message
    assert pgconn.db == b"no_such_db"


def test_no_connection_string():
    pgconn = PGconn.connect(b"nonsense")
    assert pgconn.status == ConnStatus.BAD
    assert b'missing "="' in pgconn.error_message
    assert "nonsense" in pgconn.get_error_message()
    with pytest.raises(psycoxide.OperationalError, match="lost"):
        pgconn.socket  # noqa: B018 - reading it is the test


def test_connect_in_steps(conninfo):
    pgconn = PGconn.connect_start(conninfo)
    assert pgconn.status == ConnStatus.STARTED
    assert finish_connecting(pgconn, pgconn.connect_poll) == PollingStatus.OK
    assert pgconn.status == ConnStatus.OK
    assert pgconn.connect_poll() == PollingStatus.OK
    assert pgconn.exec_(b"SELECT 1").status == ExecStatus.TUPLES_OK


def test_fail_in_steps(conninfo):
    pgconn = PGconn.connect_start(conninfo + b" dbname=no_such_db")
    assert finish_connecting(pgconn, pgconn.connect_poll) == PollingStatus.FAILED
    assert pgconn.status == ConnStatus.BAD
    assert b"no_such_db" in pgconn.error_message


def test_finished_in_the_middle(conninfo):
    pgconn = PGconn.connect_start(conninfo)
    pgconn.finish()
    assert pgconn.status == ConnStatus.BAD
    with pytest.raises(psycoxide.OperationalError, match="closed"):
        pgconn.connect_poll()


def test_reset(conninfo):
    pgconn = PGconn.connect(conninfo)
    pid = pgconn.backend_pid
    pgconn.exec_(b"CREATE TEMP TABLE gone ()")
    pgconn.reset()
    assert pgconn.status == ConnStatus.OK
    assert pgconn.backend_pid != pid
    assert pgconn.exec_(b"SELECT * FROM gone").status == ExecStatus.FATAL_ERROR


def test_reset_in_steps(conninfo):
    pgconn = PGconn.connect(conninfo)
    pid = pgconn.backend_pid
    pgconn.reset_start()
    assert finish_connecting(pgconn, pgconn.reset_poll) == PollingStatus.OK
    assert pgconn.backend_pid != pid


def test_reset_of_a_lost_connection(conninfo):
    pgconn = PGconn.connect(conninfo)
    other = PGconn.connect(conninfo)
    other.exec_(b"SELECT pg_terminate_backend(%d)" % pgconn.backend_pid)
    try:
        while pgconn.exec_(b"SELECT pg_sleep(0.1)").status == ExecStatus.TUPLES_OK:
            pass
    except psycoxide.OperationalError:
        pass
    assert pgconn.status == ConnStatus.BAD
    pgconn.reset()
    assert pgconn.exec_(b"SELECT 1").status == ExecStatus.TUPLES_OK


def test_no_reset_of_a_finished_one(conninfo):
    pgconn = PGconn.connect(conninfo)
    pgconn.finish()
    for again in (pgconn.reset, pgconn.reset_start, pgconn.reset_poll):
        with pytest.raises(psycoxide.OperationalError):
            again()


def test_ping(conninfo, tmp_path):
    assert PGconn.ping(conninfo) == Ping.OK
    assert PGconn.ping(conninfo + b" dbname=no_such_db user=nobody") == Ping.OK
    assert PGconn.ping(b"nonsense") == Ping.NO_ATTEMPT
    assert PGconn.ping(f"host={tmp_path}".encode()) == Ping.NO_RESPONSE


def test_connection_of_a_pgconn(conninfo):
    with psycoxide.Connection(PGconn.connect(conninfo)) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
        assert conn.info.transaction_status == TransactionStatus.INTRANS
        conn.pgconn.reset()
        assert conn.execute("SELECT 2").fetchone() == (2,)
