"""`pq.PGresult`: results, and those that the caller makes."""

from __future__ import annotations

import gc
import weakref

import pytest

import psycoxide
from psycoxide.pq import DiagnosticField, ExecStatus, Format, PGresAttDesc


def test_columns(pgconn):
    pgconn.exec_(b"CREATE TEMP TABLE t (a int, b varchar(7))")
    oid = int(pgconn.exec_(b"SELECT 't'::regclass::oid").get_value(0, 0))
    result = pgconn.exec_(b"SELECT b, 1 AS c FROM t")
    assert [result.fname(i) for i in (-1, 0, 1, 2)] == [None, b"b", b"c", None]
    assert [result.ftable(i) for i in (0, 1, 2)] == [oid, 0, 0]
    assert [result.ftablecol(i) for i in (0, 1, 2)] == [2, 0, 0]
    assert [result.ftype(i) for i in (0, 1, 2)] == [1043, 23, 0]
    assert [result.fmod(i) for i in (0, 1, 2)] == [11, -1, 0]
    assert [result.fsize(i) for i in (0, 1, 2)] == [-1, 4, 0]
    assert result.fformat(2) == Format.TEXT
    assert (result.ntuples, result.nfields, result.oid_value) == (0, 2, 0)


def test_values(pgconn):
    result = pgconn.exec_(b"SELECT NULL, '' UNION ALL SELECT 'a', 'b'")
    assert [result.get_value(0, i) for i in (0, 1)] == [None, b""]
    assert [result.get_value(1, i) for i in (0, 1)] == [b"a", b"b"]
    for row, column in [(0, 2), (2, 0), (-1, 0), (0, -1)]:
        assert result.get_value(row, column) is None


def test_clear(pgconn):
    result = pgconn.exec_(b"SELECT 1")
    assert "[TUPLES_OK]" in repr(result)
    for _ in range(2):
        result.clear()
        assert (result.status, result.ntuples) == (ExecStatus.FATAL_ERROR, 0)
        assert result.command_status is result.get_value(0, 0) is result.fname(0) is None
        assert result.error_message == b""
        assert result.get_error_message() == "no error details available"


def test_made_by_hand(pgconn):
    pgconn.exec_(b"wrong")
    for status in ExecStatus:
        made = pgconn.make_empty_result(status)
        assert made.status == status
        failure = status.name in ("BAD_RESPONSE", "NONFATAL_ERROR", "FATAL_ERROR")
        assert (b"wrong" in made.error_message) == failure
        assert made.error_field(DiagnosticField.SQLSTATE) is None
    with pytest.raises(ValueError, match="99"):
        pgconn.make_empty_result(99)


def test_set_attributes(pgconn):
    made = pgconn.make_empty_result(ExecStatus.TUPLES_OK)
    columns = [PGresAttDesc(b"a", 1, 2, 0, 23, 4, -1), PGresAttDesc(b"b", 0, 0, 1, 25, -1, 7)]
    made.set_attributes(columns)
    assert (made.nfields, made.fname(1), made.fformat(1)) == (2, b"b", Format.BINARY)
    assert (made.ftable(0), made.ftablecol(0), made.fsize(0), made.fmod(1)) == (1, 2, 4, 7)
    with pytest.raises(psycoxide.OperationalError):
        made.set_attributes(columns)
    with pytest.raises(AttributeError):
        pgconn.make_empty_result(ExecStatus.TUPLES_OK).set_attributes([1])


def test_freed(dsn, pgconn):
    result = pgconn.exec_(b"SELECT 1")
    references = [weakref.ref(result), weakref.ref(pgconn.cancel_conn())]
    del result
    gc.collect()
    assert [reference() for reference in references] == [None, None]
