"""The package `pq`: what is in it, options of connection strings, texts about connections."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide import pq
from psycoxide.pq import misc


def test_says_what_it_is():
    assert pq.__impl__ == "rust"
    assert pq.version() == pq.__build_version__ >= 180000


def test_all_names_are_there():
    for name in pq.__all__:
        assert getattr(pq, name) is not None
    assert set(pq.__all__) <= set(dir(pq))
    with pytest.raises(AttributeError, match="no_such"):
        pq.no_such  # noqa: B018 - reading it is the test


@pytest.mark.parametrize(
    "number, text",
    [
        (180003, "18.3"),
        (100000, "10.0"),
        (90624, "9.6.24"),
        (150018, "15.18"),
        (101112, "10.11.12"),
    ],
)
def test_version_pretty(number, text):
    assert pq.version_pretty(number) == text


class TestConninfo:
    def test_defaults(self, monkeypatch):
        monkeypatch.setenv("PGHOST", "ho st")
        options = {option.keyword: option for option in pq.Conninfo.get_defaults()}
        host = options[b"host"]
        assert type(host) is pq.ConninfoOption
        assert (host.envvar, host.val, host.label) == (b"PGHOST", b"ho st", b"Database-Host")
        assert (host.dispchar, host.dispsize) == (b"", 40)
        assert options[b"password"].dispchar == b"*"
        assert options[b"sslmode"].val == options[b"sslmode"].compiled == b"prefer"
        assert len(options) >= 50

    def test_parse(self):
        options = pq.Conninfo.parse("dbname='é x' user=".encode())
        assert {o.keyword: o.val for o in options if o.val is not None} == {
            b"dbname": "é x".encode(),
            b"user": b"",
        }
        assert [o.keyword for o in options] == [o.keyword for o in pq.Conninfo.get_defaults()]

    @pytest.mark.parametrize("text", [b"no_such=1", b"word", b"dbname=\xff", b"dbname=a\0b"])
    def test_bad_strings(self, text):
        with pytest.raises(psycoxide.OperationalError):
            pq.Conninfo.parse(text)

    def test_takes_bytes(self):
        with pytest.raises(TypeError, match="bytes"):
            pq.Conninfo.parse("dbname=x")


@pytest.mark.parametrize(
    "text, want",
    [
        ("ERROR:  bad\nLINE 1: x\n\n", "bad\nLINE 1: x"),
        ("FEHLER:  schlecht", "schlecht"),
        ("ERREUR :  mauvais", "mauvais"),
        ("ОШИБКА:  плохо", "плохо"),
        ("错误:  坏", "坏"),
        ("ERROR: one blank", "one blank"),
        ("오류: 나쁨", "나쁨"),
        ("bad: very", "bad: very"),
        ("connection failed: FATAL:  bad", "connection failed: FATAL:  bad"),
        ("SSL: off\n", "SSL: off"),
        ("", ""),
    ],
)
def test_strip_severity(text, want):
    assert misc.strip_severity(text) == want


def test_error_message(dsn):
    with psycoxide.connect(dsn) as conn:
        result = conn.pgconn.exec_(b"selct 1")
        assert result.error_message.startswith(b"ERROR:  syntax error")
        text = 'syntax error at or near "selct"\nLINE 1: selct 1\n        ^'
        assert pq.error_message(result) == pq.error_message(result, "latin1") == text
        assert pq.error_message(conn.pgconn) == text
        nothing = pq.error_message(conn.pgconn.exec_(b"rollback"))
        assert nothing == "no error details available"


def test_connection_summary(dsn):
    with psycoxide.connect(dsn, application_name="not shown") as conn:
        info = conn.info
        summary = misc.connection_summary(conn.pgconn)
        assert summary.startswith("[IDLE] (")
        assert f"database={info.dbname}" in summary
        assert f"port={info.port}" in summary or info.port == 5433
        assert "password" not in summary
        conn.execute("select 1")
        assert misc.connection_summary(conn.pgconn).startswith("[INTRANS] (")
        assert misc.connection_summary(conn.pgconn) in repr(conn)
    assert misc.connection_summary(conn.pgconn) == "[BAD]"


def test_what_goes_without_saying_is_left_out():
    class Connection:
        status = pq.ConnStatus.OK
        transaction_status = pq.TransactionStatus.INERROR
        pipeline_status = pq.PipelineStatus.ABORTED
        host, port, user, db = b"/tmp", b"5433", b"ann", b"ann"

    connection = Connection()
    assert misc.connection_summary(connection) == "[INERROR, pipeline=ABORTED] (database=ann)"
    connection.pipeline_status = pq.PipelineStatus.OFF
    connection.host, connection.port, connection.db = b"h", b"7", b"shop"
    assert misc.connection_summary(connection) == "[INERROR] (host=h port=7 user=ann database=shop)"


def test_notifications_are_named_tuples(dsn):
    with psycoxide.connect(dsn, autocommit=True) as conn:
        received = []
        conn.pgconn.notify_handler = received.append
        conn.execute("LISTEN ch")
        conn.execute("NOTIFY ch, 'hi'")
        conn.execute("SELECT 1")
        assert received == [(b"ch", conn.pgconn.backend_pid, b"hi")]
        assert type(received[0]) is pq.PGnotify
        assert received[0].relname == b"ch"
