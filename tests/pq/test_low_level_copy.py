"""`pq.PGconn`: COPY."""

from __future__ import annotations

import select

import pytest

import psycoxide
from psycoxide.pq import ExecStatus, TransactionStatus
from support.pq import fetch, fetch_all


@pytest.fixture
def table(pgconn):
    pgconn.exec_(b"CREATE TEMP TABLE t (a int)")
    return pgconn


def count(pgconn):
    return int(pgconn.exec_(b"SELECT count(*) FROM t").get_value(0, 0))


@pytest.mark.parametrize("mode", [0, 1])
def test_in(table, mode):
    table.nonblocking = mode
    begun = table.exec_(b"COPY t FROM stdin")
    assert (begun.status, begun.nfields) == (ExecStatus.COPY_IN, 1)
    assert table.get_result().status == ExecStatus.COPY_IN
    assert table.put_copy_data(b"1\n2") == table.put_copy_data(memoryview(b"3\n")) == 1
    assert table.put_copy_end() == 1
    (result,) = fetch_all(table)
    assert (result.status, result.command_tuples) == (ExecStatus.COMMAND_OK, 2)
    assert count(table) == 2


def test_in_given_up(table):
    table.exec_(b"COPY t FROM stdin")
    table.put_copy_data(b"1\n")
    table.put_copy_end(b"no more")
    (result,) = fetch_all(table)
    assert result.status == ExecStatus.FATAL_ERROR
    assert b"no more" in result.error_message
    assert count(table) == 0


def test_in_ended_by_another_command(table):
    table.exec_(b"COPY t FROM stdin")
    table.put_copy_data(b"1\n")
    assert count(table) == 0


def test_in_refused_by_the_server(table):
    table.nonblocking = 1
    table.exec_(b"COPY t FROM stdin")
    with pytest.raises(psycoxide.OperationalError, match="no COPY in progress"):
        while True:
            table.put_copy_data(b"not a number\n" * 10_000)
            table.flush()
            select.select([table.socket], [], [], 0.01)
            table.consume_input()
    (result,) = fetch_all(table)
    assert b"invalid input syntax" in result.error_message
    assert table.transaction_status == TransactionStatus.IDLE


def test_in_is_held_back(table):
    """In non-blocking mode the queue has a limit, in blocking mode it is waited for."""
    row = b"1\n" * 100_000
    table.nonblocking = 1
    table.exec_(b"COPY t FROM stdin")
    refused = 0
    for _ in range(100):
        while not table.put_copy_data(row):
            refused += 1
            assert select.select([], [table.socket], [], 10)[1]
            table.flush()
    table.nonblocking = 0
    for _ in range(20):
        assert table.put_copy_data(row) == 1
    table.put_copy_end()
    (result,) = fetch_all(table)
    assert result.command_tuples == 12_000_000
    assert refused


def test_out(pgconn):
    begun = pgconn.exec_(b"COPY (SELECT generate_series(1, 2)) TO stdout")
    assert (begun.status, begun.nfields) == (ExecStatus.COPY_OUT, 1)
    assert pgconn.get_result().status == ExecStatus.COPY_OUT
    size, data = pgconn.get_copy_data(0)
    assert (size, bytes(data), type(data)) == (2, b"1\n", memoryview)
    assert pgconn.get_result().status == ExecStatus.COPY_OUT
    assert bytes(pgconn.get_copy_data(0)[1]) == b"2\n"
    assert pgconn.get_copy_data(0) == (-1, b"")
    (result,) = fetch_all(pgconn)
    assert (result.status, result.command_tuples) == (ExecStatus.COMMAND_OK, 2)


def test_out_without_waiting(nonblocking):
    # Each row is more than the server gathers before it sends.
    query = b"SELECT repeat('x', 10000) FROM generate_series(1, 3) i, LATERAL pg_sleep(i * 0.05)"
    nonblocking.send_query(b"COPY (%b) TO stdout" % query)
    assert fetch(nonblocking).status == ExecStatus.COPY_OUT
    waited, rows = 0, []
    while (found := nonblocking.get_copy_data(1))[0] != -1:
        if found[0]:
            rows.append(bytes(found[1]))
            continue
        waited += 1
        assert select.select([nonblocking.socket], [], [], 10)[0]
        nonblocking.consume_input()
    assert rows == [b"x" * 10000 + b"\n"] * 3 and waited
    assert fetch_all(nonblocking)[0].status == ExecStatus.COMMAND_OK


def test_out_ended_by_another_command(pgconn):
    pgconn.exec_(b"COPY (SELECT generate_series(1, 100000)) TO stdout")
    pgconn.get_copy_data(0)
    assert pgconn.exec_(b"SELECT 1").get_value(0, 0) == b"1"


def test_out_that_fails(pgconn):
    pgconn.exec_(b"COPY (SELECT 1/(3 - x) FROM generate_series(1, 5) x) TO stdout")
    rows = []
    while (found := pgconn.get_copy_data(0))[0] > 0:
        rows.append(bytes(found[1]))
    assert found[0] == -1 and rows == [b"0\n", b"1\n"]
    (result,) = fetch_all(pgconn)
    assert b"division by zero" in result.error_message


def test_no_copy(pgconn):
    for call in (
        lambda: pgconn.put_copy_data(b"1"),
        lambda: pgconn.put_copy_end(),
        lambda: pgconn.get_copy_data(0),
    ):
        with pytest.raises(psycoxide.OperationalError, match="no COPY in progress"):
            call()
