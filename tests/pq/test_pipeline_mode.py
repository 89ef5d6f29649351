"""`pq.PGconn`: pipeline mode."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide.pq import ExecStatus, PipelineStatus, TransactionStatus
from support.pq import fetch


@pytest.fixture
def pipeline(nonblocking):
    assert nonblocking.pipeline_status == PipelineStatus.OFF
    nonblocking.enter_pipeline_mode()
    assert nonblocking.pipeline_status == PipelineStatus.ON
    return nonblocking


def names(pgconn, count):
    """The statuses of so many results; None is the end of a command."""
    results = [fetch(pgconn) for _ in range(count)]
    return [result and result.status.name for result in results]


def test_order(pipeline):
    pipeline.send_query_params(b"SELECT $1", [b"1"])
    pipeline.send_prepare(b"s", b"SELECT 2")
    pipeline.pipeline_sync()
    pipeline.send_query_prepared(b"s", [])
    pipeline.send_close_prepared(b"s")
    pipeline.pipeline_sync()
    assert names(pipeline, 5) == ["TUPLES_OK", None, "COMMAND_OK", None, "PIPELINE_SYNC"]
    assert pipeline.transaction_status == TransactionStatus.ACTIVE
    assert names(pipeline, 5) == ["TUPLES_OK", None, "COMMAND_OK", None, "PIPELINE_SYNC"]
    assert names(pipeline, 2) == [None, None]
    assert pipeline.transaction_status == TransactionStatus.IDLE
    pipeline.exit_pipeline_mode()
    assert pipeline.pipeline_status == PipelineStatus.OFF
    assert pipeline.exec_(b"SELECT 1").status == ExecStatus.TUPLES_OK


def test_error_and_what_follows(pipeline):
    for number in (b"1", b"0", b"2"):
        pipeline.send_query_params(b"SELECT 1/$1::int", [number])
    pipeline.pipeline_sync()
    pipeline.send_query_params(b"SELECT 3", [])
    pipeline.pipeline_sync()
    assert names(pipeline, 4) == ["TUPLES_OK", None, "FATAL_ERROR", None]
    assert pipeline.pipeline_status == PipelineStatus.ABORTED
    assert names(pipeline, 3) == ["PIPELINE_ABORTED", None, "PIPELINE_SYNC"]
    assert pipeline.pipeline_status == PipelineStatus.ON
    assert names(pipeline, 3) == ["TUPLES_OK", None, "PIPELINE_SYNC"]


def test_error_at_the_sync(pgconn):
    pgconn.exec_(b"CREATE TEMP TABLE d (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)")
    pgconn.enter_pipeline_mode()
    pgconn.send_query_params(b"INSERT INTO d VALUES (1), (1)", [])
    pgconn.pipeline_sync()
    assert names(pgconn, 5) == ["COMMAND_OK", None, "FATAL_ERROR", None, "PIPELINE_SYNC"]
    assert pgconn.transaction_status == TransactionStatus.IDLE


def test_flush_request(pipeline):
    pipeline.send_query_params(b"SELECT 1", [])
    pipeline.send_flush_request()
    assert names(pipeline, 2) == ["TUPLES_OK", None]
    assert not pipeline.is_busy()
    pipeline.exit_pipeline_mode()


def test_rows_one_by_one(pipeline):
    for _ in range(2):
        pipeline.send_query_params(b"SELECT generate_series(1, 2)", [])
    pipeline.pipeline_sync()
    pipeline.set_single_row_mode()
    assert names(pipeline, 4) == ["SINGLE_TUPLE", "SINGLE_TUPLE", "TUPLES_OK", None]
    # It is said for each query, before its results.
    assert names(pipeline, 3) == ["TUPLES_OK", None, "PIPELINE_SYNC"]


def test_no_exit_before_the_end(pipeline):
    pipeline.send_query_params(b"SELECT 1", [])
    pipeline.pipeline_sync()
    with pytest.raises(psycoxide.OperationalError, match="cannot exit pipeline mode"):
        pipeline.exit_pipeline_mode()
    assert names(pipeline, 3) == ["TUPLES_OK", None, "PIPELINE_SYNC"]
    pipeline.exit_pipeline_mode()
    pipeline.exit_pipeline_mode()


def test_what_is_not_possible(pipeline):
    for command in (
        lambda: pipeline.exec_(b"SELECT 1"),
        lambda: pipeline.exec_params(b"SELECT 1", []),
        lambda: pipeline.prepare(b"", b"SELECT 1"),
        lambda: pipeline.encrypt_password(b"p", b"u"),
        lambda: pipeline.send_query(b"SELECT 1"),
    ):
        with pytest.raises(psycoxide.OperationalError, match="not allowed in pipeline mode"):
            command()
    pipeline.exit_pipeline_mode()
    with pytest.raises(psycoxide.OperationalError, match="not in pipeline mode"):
        pipeline.pipeline_sync()


def test_many(pipeline):
    # More than the buffers of both sides hold.
    text = b"x" * 100_000
    for _ in range(300):
        pipeline.send_query_params(b"SELECT $1::text", [text])
    pipeline.pipeline_sync()
    for _ in range(300):
        assert fetch(pipeline).get_value(0, 0) == text
        assert fetch(pipeline) is None
    assert names(pipeline, 1) == ["PIPELINE_SYNC"]
