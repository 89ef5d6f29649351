"""`pq.PGconn`: commands that are sent, and their answers fetched without waiting."""

from __future__ import annotations

import socket as sockets

import pytest

import psycoxide
from psycoxide.pq import ConnStatus, ExecStatus, PGconn, TransactionStatus
from support.pq import fetch, fetch_all

SENT = [
    (lambda c: c.send_query(b"SELECT 1"), ExecStatus.TUPLES_OK),
    (lambda c: c.send_query_params(b"SELECT $1", [b"1"]), ExecStatus.TUPLES_OK),
    (lambda c: c.send_query_params(b"SELECT $1", [None], [25], [1], 1), ExecStatus.TUPLES_OK),
    (lambda c: c.send_prepare(b"s", b"SELECT $1", [23]), ExecStatus.COMMAND_OK),
    (lambda c: c.send_query_prepared(b"made", [b"1"]), ExecStatus.TUPLES_OK),
    (lambda c: c.send_query_prepared(b"none", [b"1"]), ExecStatus.FATAL_ERROR),
    (lambda c: c.send_describe_prepared(b"made"), ExecStatus.COMMAND_OK),
    (lambda c: c.send_describe_portal(b"none"), ExecStatus.FATAL_ERROR),
    (lambda c: c.send_close_prepared(b"made"), ExecStatus.COMMAND_OK),
    (lambda c: c.send_close_portal(b"none"), ExecStatus.COMMAND_OK),
]


@pytest.mark.parametrize("send, status", SENT)
@pytest.mark.parametrize("mode", [0, 1])
def test_send(pgconn, mode, send, status):
    pgconn.prepare(b"made", b"SELECT $1::text")
    pgconn.nonblocking = mode
    assert pgconn.nonblocking == mode
    assert send(pgconn) is None
    assert pgconn.transaction_status == TransactionStatus.ACTIVE
    assert [result.status for result in fetch_all(pgconn)] == [status]
    assert pgconn.transaction_status == TransactionStatus.IDLE
    assert fetch(pgconn) is None


def test_several_statements(nonblocking):
    nonblocking.send_query(b"SELECT 1; SET timezone TO utc; SELECT 2; wrong")
    # A syntax error is found before anything is run.
    assert [result.status for result in fetch_all(nonblocking)] == [ExecStatus.FATAL_ERROR]
    nonblocking.send_query(b"SELECT 1; SET timezone TO utc; SELECT 1/0; SELECT 2")
    statuses = [result.status for result in fetch_all(nonblocking)]
    expected = [ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.FATAL_ERROR]
    assert statuses == expected


def test_one_at_a_time(pgconn):
    pgconn.send_query(b"SELECT 1")
    with pytest.raises(psycoxide.OperationalError, match="already in progress"):
        pgconn.send_query(b"SELECT 2")
    with pytest.raises(psycoxide.OperationalError, match="pipeline"):
        pgconn.enter_pipeline_mode()
    assert pgconn.get_result().status == ExecStatus.TUPLES_OK
    # The end has come, and need not be fetched.
    while pgconn.is_busy():
        pgconn.consume_input()
    pgconn.send_query(b"SELECT 2")
    assert [result.get_value(0, 0) for result in fetch_all(pgconn)] == [b"2"]


def test_large_query_and_result(nonblocking):
    # Neither side takes all of it before the other reads.
    text = b"x" * (20 << 20)
    nonblocking.send_query_params(b"SELECT $1::text, $1::text", [text])
    (result,) = fetch_all(nonblocking)
    assert result.get_value(0, 0) == result.get_value(0, 1) == text


def test_large_query_in_blocking_mode(pgconn):
    text = b"x" * (20 << 20)
    pgconn.send_query_params(b"SELECT $1::text, $1::text", [text])
    assert pgconn.flush() == 0
    assert pgconn.get_result().get_value(0, 0) == text


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_rows_in_groups(nonblocking, size):
    nonblocking.send_query_params(b"SELECT generate_series(1, 5), 'x'", [])
    if size == 1:
        nonblocking.set_single_row_mode()
    else:
        nonblocking.set_chunked_rows_mode(size)
    *groups, last = fetch_all(nonblocking)
    kind = ExecStatus.SINGLE_TUPLE if size == 1 else ExecStatus.TUPLES_CHUNK
    assert {group.status for group in groups} == {kind}
    assert all(group.ntuples == size for group in groups[:-1])
    rows = [group.get_value(i, 0) for group in groups for i in range(group.ntuples)]
    assert rows == [b"1", b"2", b"3", b"4", b"5"]
    assert (last.status, last.ntuples, last.nfields) == (ExecStatus.TUPLES_OK, 0, 2)
    assert last.command_tuples == 5
    # It was for that query only.
    nonblocking.send_query(b"SELECT generate_series(1, 5)")
    assert [result.ntuples for result in fetch_all(nonblocking)] == [5]


def test_rows_of_several_statements(nonblocking):
    nonblocking.send_query(b"SELECT 1; SELECT 2 WHERE false; SELECT 1/0")
    nonblocking.set_single_row_mode()
    statuses = [result.status.name for result in fetch_all(nonblocking)]
    assert statuses == ["SINGLE_TUPLE", "TUPLES_OK", "TUPLES_OK", "FATAL_ERROR"]


def test_no_mode(pgconn):
    def refused():
        with pytest.raises(psycoxide.OperationalError, match="single row"):
            pgconn.set_single_row_mode()
        with pytest.raises(psycoxide.OperationalError, match="chunked"):
            pgconn.set_chunked_rows_mode(2)

    refused()
    pgconn.send_prepare(b"", b"SELECT 1")
    refused()
    assert len(fetch_all(pgconn)) == 1
    pgconn.send_query(b"SELECT 1")
    with pytest.raises(psycoxide.OperationalError, match="chunked"):
        pgconn.set_chunked_rows_mode(0)
    while pgconn.is_busy():
        pgconn.consume_input()
    refused()


def terminate(pgconn, conninfo):
    other = PGconn.connect(conninfo)
    other.exec_(b"SELECT pg_terminate_backend(%d)" % pgconn.backend_pid)
    other.exec_(
        b"DO $$BEGIN WHILE EXISTS (SELECT FROM pg_stat_activity WHERE pid = %d)"
        b" LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END$$"
        % pgconn.backend_pid
    )
    other.finish()


def test_lost_in_the_middle(nonblocking, dsn):
    nonblocking.send_query(b"SELECT pg_sleep(100)")
    nonblocking.flush()
    terminate(nonblocking, dsn.encode())
    results = []
    while True:
        try:
            result = fetch(nonblocking)
        except psycoxide.OperationalError:
            # Neither sending nor receiving works any more; the results tell why.
            result = nonblocking.get_result()
        if result is None:
            break
        results.append(result)
    assert {result.status for result in results} == {ExecStatus.FATAL_ERROR}
    assert results[0].error_message.startswith(b"FATAL:  terminating connection")
    assert b"server closed the connection unexpectedly" in results[-1].error_message
    assert nonblocking.status == ConnStatus.BAD
    assert nonblocking.transaction_status == TransactionStatus.UNKNOWN
    with pytest.raises(psycoxide.OperationalError, match="no connection"):
        nonblocking.send_query(b"SELECT 1")


def test_lost_while_idle(pgconn, dsn):
    terminate(pgconn, dsn.encode())
    with pytest.raises(psycoxide.OperationalError, match="server closed the connection"):
        while True:
            pgconn.consume_input()
    assert pgconn.status == ConnStatus.BAD
    assert pgconn.get_result() is pgconn.notifies() is None
    assert not pgconn.is_busy()


def test_lost_under_exec(pgconn, dsn):
    terminate(pgconn, dsn.encode())
    result = pgconn.exec_(b"SELECT 1")
    assert result.status == ExecStatus.FATAL_ERROR
    assert b"FATAL:  terminating connection" in pgconn.error_message
    with pytest.raises(psycoxide.OperationalError, match="no connection"):
        pgconn.exec_(b"SELECT 1")


def test_results_before_the_end_are_not_lost():
    """What the server had sent before it went is still handed out."""
    with sockets.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        pgconn = PGconn.connect_start(
            f"host=127.0.0.1 port={port} user=u dbname=d sslmode=disable".encode()
        )
        pgconn.connect_poll()
        server, _ = listener.accept()
        with server:
            server.sendall(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")
            while pgconn.connect_poll() != 3:
                pass
            pgconn.send_query(b"SELECT")
            server.recv(1000)
            server.sendall(b"C\0\0\0\x0bDO 777\0" + b"C\0\0\0\x07DO\0")
        tags = []
        while (result := pgconn.get_result()) is not None:
            tags.append(result.command_status)
        assert tags == [b"DO 777", b"DO", b""]
        assert pgconn.status == ConnStatus.BAD
