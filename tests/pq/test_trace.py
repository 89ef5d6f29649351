"""`pq.PGconn.trace()`: messages in the notation of libpq's `PQtrace`."""

from __future__ import annotations

import re

import pytest

import psycoxide
from psycoxide.pq import Trace


@pytest.fixture
def trace(pgconn, tmp_path):
    """A function that traces what another one does, and returns the lines."""

    def traced(work, flags=Trace.SUPPRESS_TIMESTAMPS | Trace.REGRESS_MODE):
        path = tmp_path / "trace"
        with path.open("w+b", buffering=0) as file:
            pgconn.trace(file.fileno())
            if flags is not None:
                pgconn.set_trace_flags(flags)
            work()
            pgconn.untrace()
            pgconn.exec_(b"SELECT 'not traced'")
        return path.read_text().splitlines()

    return traced


def test_query(pgconn, trace):
    assert trace(lambda: pgconn.exec_(b"SELECT 1::int4 AS a, NULL, 'it''s'")) == [
        "F\t39\tQuery\t \"SELECT 1::int4 AS a, NULL, 'it''s'\"",
        'B\t80\tRowDescription\t 3 "a" NNNN 0 NNNN 4 -1 0 "?column?" NNNN 0 NNNN 65535 -1 0'
        ' "?column?" NNNN 0 NNNN 65535 -1 0',
        "B\t23\tDataRow\t 3 1 '1' -1 4 'it's'",
        'B\t13\tCommandComplete\t "SELECT 1"',
        "B\t5\tReadyForQuery\t I",
    ]


def test_parameters(pgconn, trace):
    def work():
        pgconn.exec_params(b"SELECT $1::bytea", [b"\0a"], [17], [1], 1)

    assert trace(work, Trace.SUPPRESS_TIMESTAMPS) == [
        'F\t28\tParse\t "" "SELECT $1::bytea" 1 17',
        'F\t22\tBind\t "" "" 1 1 1 2 \'\\x00a\' 1 1',
        'F\t6\tDescribe\t P ""',
        'F\t9\tExecute\t "" 0',
        "F\t4\tSync",
        "B\t4\tParseComplete",
        "B\t4\tBindComplete",
        'B\t30\tRowDescription\t 1 "bytea" 0 0 17 65535 -1 1',
        "B\t12\tDataRow\t 1 2 '\\x00a'",
        'B\t13\tCommandComplete\t "SELECT 1"',
        "B\t5\tReadyForQuery\t I",
    ]


def test_error(pgconn, trace):
    _, report, _ = trace(lambda: pgconn.exec_(b"wrong"))
    assert report.startswith('B\tNN\tErrorResponse\t S "ERROR" V "ERROR" C "42601" M "syntax error')
    assert report.endswith('F "SSSS" L "SSSS" R "SSSS" \\x00')


def test_times(pgconn, trace):
    for line in trace(lambda: pgconn.exec_(b"SELECT 1"), None):
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\t[FB]\t", line)


def test_cursors_are_traced_too(dsn, tmp_path):
    with psycoxide.connect(dsn, autocommit=True) as conn, (tmp_path / "t").open("w+b") as file:
        conn.pgconn.trace(file.fileno())
        conn.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        conn.execute("SELECT %s", ["here"])
        conn.pgconn.untrace()
        file.seek(0)
        assert b"4 'here'" in file.read()


def test_a_file_that_is_closed(pgconn, tmp_path):
    with (tmp_path / "trace").open("wb") as file:
        pgconn.trace(file.fileno())
    with pytest.raises(OSError):
        pgconn.exec_(b"SELECT 1")
    # It is given up.
    assert pgconn.exec_(b"SELECT 1").get_value(0, 0) == b"1"
