"""`pq.PGconn`: commands that wait for their result."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide.pq import DiagnosticField, ExecStatus, Format, TransactionStatus

OK, TUPLES, FATAL = ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK, ExecStatus.FATAL_ERROR


@pytest.mark.parametrize(
    "command, status, tag",
    [
        (b"", ExecStatus.EMPTY_QUERY, b""),
        (b"SELECT 1 WHERE false", TUPLES, b"SELECT 0"),
        (b"SET timezone TO utc", OK, b"SET"),
        (b"SELECT 1; SELECT 2", TUPLES, b"SELECT 1"),
        (b"wrong", FATAL, b""),
        (b"SELECT 1; wrong; SELECT 2", FATAL, b""),
    ],
)
def test_exec(pgconn, command, status, tag):
    result = pgconn.exec_(command)
    assert (result.status, result.command_status) == (status, tag)
    assert pgconn.exec_(b"SELECT 7").get_value(0, 0) == b"7"


def test_the_last_result_counts(pgconn):
    result = pgconn.exec_(b"SELECT 1; SELECT 2, 3")
    assert (result.nfields, result.get_value(0, 1)) == (2, b"3")


def test_error(pgconn):
    result = pgconn.exec_(b"SELECT no_such")
    assert result.error_field(DiagnosticField.SQLSTATE) == b"42703"
    message = b'ERROR:  column "no_such" does not exist\nLINE 1: SELECT no_such\n'
    assert result.error_message.startswith(message)
    assert pgconn.error_message == result.error_message
    assert pgconn.get_error_message() == result.get_error_message()
    assert result.get_error_message().startswith('column "no_such"')
    pgconn.exec_(b"SELECT 1")
    assert pgconn.error_message == b""


def test_error_in_another_encoding(pgconn):
    pgconn.exec_(b"SET client_encoding TO latin1")
    result = pgconn.exec_("SELECT * FROM è".encode("latin1"))
    assert result.error_message.startswith(b'ERROR:  relation "\xe8" does not exist\n')
    assert result.get_error_message("latin1").startswith('relation "è"')
    assert pgconn.get_error_message().startswith('relation "è"')
    assert "�" in result.get_error_message()


def test_exec_params(pgconn):
    result = pgconn.exec_params(
        b"SELECT $1::int4 + 1, $2::text, $3::bytea",
        [b"41", None, memoryview(b"\0\xff")],
        [0, 0, 17],
        [0, 0, 1],
        Format.BINARY,
    )
    assert result.status == TUPLES
    values = [result.get_value(0, i) for i in range(3)]
    assert values == [b"\0\0\0\x2a", None, b"\0\xff"]
    assert result.binary_tuples == result.fformat(0) == Format.BINARY
    assert pgconn.exec_params(b"SELECT 1", None).status == TUPLES
    assert pgconn.exec_params(b"SELECT $1::int", None).status == FATAL


def test_prepared(pgconn):
    assert pgconn.prepare(b"s", b"SELECT $1::int4, $2", [0, 25]).status == OK
    described = pgconn.describe_prepared(b"s")
    assert (described.nparams, described.param_type(0), described.param_type(1)) == (2, 23, 25)
    assert (described.nfields, described.ftype(0), described.ftype(9)) == (2, 23, 0)
    result = pgconn.exec_prepared(b"s", [b"\0\0\0\1", b"x"], [1, 0])
    assert (result.get_value(0, 0), result.get_value(0, 1)) == (b"1", b"x")
    assert pgconn.close_prepared(b"s").status == OK
    assert pgconn.exec_prepared(b"s", [b"1", b"x"]).status == FATAL
    assert pgconn.close_prepared(b"s").status == OK


def test_portal(pgconn):
    pgconn.exec_(b"BEGIN; DECLARE c CURSOR FOR SELECT 1::int8 AS a")
    described = pgconn.describe_portal(b"c")
    assert (described.fname(0), described.ftype(0)) == (b"a", 20)
    assert pgconn.close_portal(b"c").status == OK
    assert pgconn.describe_portal(b"c").status == FATAL
    assert pgconn.transaction_status == TransactionStatus.INERROR


def test_bad_arguments(pgconn):
    for command in (pgconn.exec_, pgconn.send_query, pgconn.describe_prepared):
        with pytest.raises(TypeError):
            command("SELECT 1")
    with pytest.raises(TypeError, match="str"):
        pgconn.exec_params(b"SELECT $1", ["a"])
    with pytest.raises(ValueError, match="1 param_values but 2 param_types"):
        pgconn.exec_params(b"SELECT $1", [b"a"], [25, 25])
    with pytest.raises(ValueError, match="1 param_values but 2 param_formats"):
        pgconn.exec_params(b"SELECT $1", [b"a"], None, [0, 0])
    with pytest.raises(psycoxide.OperationalError, match="65535"):
        pgconn.exec_params(b"SELECT 1", [b""] * 65536)
    # libpq would cut it there.
    with pytest.raises(psycoxide.OperationalError, match="zero"):
        pgconn.exec_(b"SELECT 1\0; SELECT 2")
    assert pgconn.exec_(b"SELECT 1").status == TUPLES


def test_results_that_nobody_fetched_give_way(pgconn):
    pgconn.send_query(b"SELECT 1; SELECT 2")
    pgconn.get_result()
    assert pgconn.exec_(b"SELECT 3").get_value(0, 0) == b"3"
    assert pgconn.get_result() is None


def test_notices(pgconn, caplog):
    seen = []
    raise_notice = b"DO $$BEGIN RAISE NOTICE 'hello'; END$$"
    assert pgconn.exec_(raise_notice).status == OK
    pgconn.notice_handler = seen.append
    assert pgconn.exec_(raise_notice).status == OK
    (notice,) = seen
    assert notice.status == ExecStatus.NONFATAL_ERROR
    assert notice.error_message == b"NOTICE:  hello\n"
    assert b"inline_code_block" in notice.error_field(DiagnosticField.CONTEXT)
    pgconn.notice_handler = lambda notice: 1 / 0
    assert pgconn.exec_(raise_notice).status == OK
    assert "division by zero" in caplog.text


def test_notifies(pgconn):
    handled = []
    pgconn.notify_handler = handled.append
    pgconn.exec_(b"LISTEN a; NOTIFY a, 'one'; NOTIFY a, 'two'")
    first, second = pgconn.notifies(), pgconn.notifies()
    assert (first.relname, first.be_pid, first.extra) == (b"a", pgconn.backend_pid, b"one")
    assert second.extra == b"two"
    assert pgconn.notifies() is None
    assert not handled


def test_getters(pgconn, dsn):
    info = {option.keyword: option.val for option in pgconn.info}
    assert (info[b"user"], info[b"dbname"]) == (pgconn.user, pgconn.db)
    assert info[b"sslmode"] == b"prefer"
    assert pgconn.server_version >= 90600
    assert pgconn.parameter_status(b"integer_datetimes") == b"on"
    assert pgconn.parameter_status(b"no_such") is None
    assert pgconn.socket >= 0
    assert (pgconn.protocol_version, pgconn.tty, pgconn.nonblocking) == (3, b"", 0)


_CLOSED = """
    exec_(b"") exec_params(b"",[]) prepare(b"",b"") exec_prepared(b"",[]) describe_prepared(b"")
    describe_portal(b"") close_prepared(b"") close_portal(b"") send_query(b"")
    send_query_params(b"",[]) send_prepare(b"",b"") send_query_prepared(b"",[])
    send_describe_prepared(b"") send_describe_portal(b"") send_close_prepared(b"")
    send_close_portal(b"") consume_input() flush() set_single_row_mode() set_chunked_rows_mode(2)
    put_copy_data(b"") put_copy_end() get_copy_data(0) get_cancel() encrypt_password(b"",b"",b"md5")
    change_password(b"",b"") enter_pipeline_mode() exit_pipeline_mode() pipeline_sync()
    send_flush_request() parameter_status(b"") info db user password host hostaddr port tty options
    socket backend_pid server_version protocol_version full_protocol_version ssl_in_use
"""
CLOSED = _CLOSED.split()


@pytest.mark.parametrize("call", CLOSED)
def test_closed(pgconn, call):
    pgconn.finish()
    with pytest.raises(psycoxide.OperationalError):
        eval(f"pgconn.{call}")


def test_what_a_closed_one_still_says(pgconn):
    pgconn.finish()
    assert pgconn.get_result() is pgconn.notifies() is None
    assert not pgconn.is_busy() and not pgconn.needs_password and not pgconn.used_password
    assert "[BAD]" in repr(pgconn)
    assert pgconn.error_message
    assert pgconn.make_empty_result(FATAL).error_message == b""
