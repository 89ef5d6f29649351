"""Servers that break the rules while a query is answered.

Whatever they send, the call raises an OperationalError (or, for a value, a DataError), and the
connection is usable afterwards or closed. See "Extended Query" of the PostgreSQL manual, protocol
flow.
"""

from __future__ import annotations

import struct

import pytest

import psycoxide
from psycoxide import errors
from support.hostile import (
    ONE,
    PID,
    SECRET,
    WELCOME,
    authentication,
    backend_key,
    complete,
    data_row,
    message,
    parameter,
    ready,
    report,
    row_description,
)
from support.state import state_of

pytestmark = pytest.mark.usefixtures("no_leaks")

COLUMN = row_description((b"a", 23))
END = complete() + ready()
#: What answers a query with parameters: Parse, Bind and Describe too.
EXTENDED = message(b"1") + message(b"2") + ONE

# What the server answers to a query, and how the error describes it. The connection is lost.
ANSWERS = {
    "nothing": (b"", "server closed the connection unexpectedly"),
    "half a message": (COLUMN[:9], "server closed the connection unexpectedly"),
    "half a row": (COLUMN + data_row(b"12345")[:-2], "server closed the connection unexpectedly"),
    "no end": (COLUMN + data_row(b"1"), "server closed the connection unexpectedly"),
    "not PostgreSQL": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "cannot be understood"),
    "zeroes": (bytes(100), "unknown message type"),
    "unknown type": (b"?\0\0\0\x04", "unknown message type"),
    "too short a length": (b"C\0\0\0\x03", "invalid length 3"),
    "negative length": (b"C\xff\xff\xff\xff", "invalid length -1"),
    "length of zero": (b"C\0\0\0\0", "invalid length 0"),
    "row with too short a length": (COLUMN + b"D\0\0\0\x03", "invalid length 3"),
    "row with a negative length": (COLUMN + b"D\x80\0\0\0", "invalid length -2147483648"),
    "row without a count": (COLUMN + b"D\0\0\0\x04", "row of 0 columns where 1 were described"),
    "row of 1 GiB that does not come": (COLUMN + b"D\x40\0\0\0\0\1", "server closed"),
    "row above 1 GiB": (COLUMN + b"D\x40\0\0\x01\0\1", "1073741825 bytes exceeds"),
    "tag of 1 GiB": (b"C\x40\0\0\0", "1073741824 bytes exceeds"),
    "row that nobody described": (data_row(b"1") + END, "'D' while no rows were described"),
    "too few columns": (COLUMN + data_row() + END, "row of 0 columns where 1 were described"),
    "too many columns": (COLUMN + data_row(b"1", b"2"), "row of 2 columns where 1 were"),
    "negative number of columns": (message(b"T", b"\xff\xff"), "RowDescription"),
    "more columns than there are": (message(b"T", b"\0\5" + COLUMN[7:]), "RowDescription"),
    "fewer columns than there are": (message(b"T", b"\0\0" + COLUMN[7:]), "RowDescription"),
    "format that does not exist": (COLUMN[:-1] + b"\x07", "format"),
    "description twice": (COLUMN + COLUMN, "unexpected message 'T'"),
    "description behind a row": (COLUMN + data_row(b"1") + COLUMN, "unexpected message 'T'"),
    "tag not terminated": (message(b"C", b"SELECT 1"), "CommandComplete"),
    "ready at once": (ready(), "unexpected message 'Z'"),
    "ready within a result": (COLUMN + ready(), "unexpected message 'Z'"),
    "unknown status": (ONE[:-1] + b"?", "unknown transaction status"),
    "status of two bytes": (complete() + message(b"Z", b"II"), "ReadyForQuery"),
    "authentication": (authentication(0), "unexpected message 'R'"),
    "password asked for": (authentication(3), "unexpected message 'R'"),
    "another key": (backend_key() + ONE, "unexpected message 'K'"),
    "version": (message(b"v", struct.pack("!II", 3 << 16, 0)), "unexpected message 'v'"),
    "completion of Parse": (message(b"1"), "unexpected message '1'"),
    "completion of Bind": (message(b"2"), "unexpected message '2'"),
    "completion of Close": (message(b"3"), "unexpected message '3'"),
    "no data": (message(b"n"), "unexpected message 'n'"),
    "suspended portal": (COLUMN + message(b"s"), "unexpected message 's'"),
    "types of parameters": (message(b"t", b"\0\0"), "unexpected message 't'"),
    "answer of a function": (message(b"V", b"\xff\xff\xff\xff"), "unexpected message 'V'"),
    "data of a copy": (message(b"d", b"abc"), "unexpected message 'd'"),
    "end of a copy": (message(b"c"), "unexpected message 'c'"),
    "copy within a result": (COLUMN + message(b"H", b"\0\0\0"), "unexpected message 'H'"),
    "copy of a wrong format": (message(b"H", b"\x07\0\0"), "CopyOutResponse|format"),
    "copy of columns that lie": (message(b"H", b"\0\0\5"), "CopyOutResponse"),
    "empty error": (message(b"E"), "ErrorResponse"),
    "error not terminated": (message(b"E", b"Sabc"), "ErrorResponse"),
    "error, then nothing": (report(b"the last words", b"57P01", b"FATAL"), "the last words"),
    "notice not terminated": (message(b"N", b"Sabc"), "NoticeResponse"),
    "notification not terminated": (message(b"A", b"\0\0\0\1abc"), "NotificationResponse"),
    "setting not terminated": (message(b"S", b"abc"), "ParameterStatus"),
}


@pytest.mark.parametrize("fault", ANSWERS)
async def test_wrong_answer(twin, hostile, fault):
    data, match = ANSWERS[fault]

    def script(peer):
        peer.greet()
        peer.answer(data)

    server = hostile(script)
    conn = await twin.connect(server.dsn, autocommit=True)
    cur = conn.cursor()
    with pytest.raises(psycoxide.OperationalError, match=match):
        await cur.execute("SELECT 1")
    assert conn.closed and conn.broken
    with pytest.raises(psycoxide.OperationalError, match="the connection is lost: open another"):
        await cur.execute("SELECT 1")
    with pytest.raises(psycoxide.ProgrammingError, match="no result available"):
        await cur.fetchone()
    assert await state_of(conn) == "closed"


# The same while a query with parameters is answered.
EXTENDED_ANSWERS = {
    "the end at once": (END, "unexpected message 'C'"),
    "bound but not parsed": (message(b"2"), "unexpected message '2'"),
    "parsed twice": (message(b"1") * 2, "unexpected message '1'"),
    "described before it was bound": (message(b"1") + COLUMN, "unexpected message 'T'"),
    "rows before their description": (
        message(b"1") + message(b"2") + data_row(b"1"),
        "unexpected message 'D'",
    ),
    "ready without a result": (message(b"1") + message(b"2") + ready(), "unexpected message 'Z'"),
    "rows of what has none": (
        message(b"1") + message(b"2") + message(b"n") + data_row(b"1"),
        "unexpected message 'D'",
    ),
    "parsed with a body": (message(b"1", b"x"), "ParseComplete"),
}


@pytest.mark.parametrize("fault", EXTENDED_ANSWERS)
async def test_wrong_answer_to_parameters(twin, hostile, fault):
    data, match = EXTENDED_ANSWERS[fault]

    def script(peer):
        peer.greet()
        peer.answer(data)
        peer.wait_closed()

    server = hostile(script)
    conn = await twin.connect(server.dsn, autocommit=True)
    with pytest.raises(psycoxide.OperationalError, match=match):
        await conn.execute("SELECT %s", [1])
    assert await state_of(conn) == "closed"


@pytest.mark.parametrize("parameters", [None, [1]])
async def test_closed_at_every_point(twin, hostile, parameters):
    answer = ONE if parameters is None else EXTENDED
    sent = 0

    def script(peer):
        peer.greet()
        peer.read_query()
        peer.send(answer[:sent])

    server = hostile(script)
    query = "SELECT 1" if parameters is None else "SELECT %s"
    for sent in range(len(answer)):  # noqa: B007 - the script reads it
        conn = await twin.connect(server.dsn, autocommit=True)
        with pytest.raises(psycoxide.OperationalError, match="server closed the connection"):
            await conn.execute(query, parameters)
        assert await state_of(conn) == "closed"


async def test_closed_between_queries(twin, hostile):
    server = hostile(lambda peer: (peer.greet(), peer.answer(ONE)))
    conn = await twin.connect(server.dsn, autocommit=True)
    await conn.execute("SELECT 1")
    with pytest.raises(
        psycoxide.OperationalError, match="consuming input failed: .*(closed|reset)"
    ):
        await conn.execute("SELECT 1")
    assert await state_of(conn) == "closed"


async def test_reset(twin, hostile):
    def script(peer):
        peer.greet()
        peer.read_query()
        peer.reset()

    server = hostile(script)
    conn = await twin.connect(server.dsn, autocommit=True)
    with pytest.raises(psycoxide.OperationalError, match="Connection reset by peer"):
        await conn.execute("SELECT 1")
    assert await state_of(conn) == "closed"


async def test_error_before_the_end_is_told(twin, hostile):
    """The server's reason, although the connection is gone by the time it is read."""

    def script(peer):
        peer.greet()
        peer.send(report(b"terminating connection", b"57P01", b"FATAL"))

    server = hostile(script)
    conn = await twin.connect(server.dsn, autocommit=True)
    with pytest.raises(errors.AdminShutdown, match="terminating connection"):
        await conn.execute("SELECT 1")
    assert await state_of(conn) == "closed"


async def test_answer_nobody_asked_for(twin, hostile):
    """It comes with what lets the client in, and is not taken for the answer to its query."""
    server = hostile(lambda peer: (peer.greet(WELCOME + ONE), peer.wait_closed()))
    conn = await twin.connect(server.dsn, autocommit=True)
    with pytest.raises(psycoxide.OperationalError, match="unexpected message 'T'"):
        await conn.execute("SELECT 1")
    assert await state_of(conn) == "closed"


async def test_answer_after_the_end(twin, hostile):
    """What follows a result is not taken for the next one."""
    server = hostile(lambda peer: (peer.greet(), peer.answer(ONE + ONE), peer.wait_closed()))
    conn = await twin.connect(server.dsn, autocommit=True)
    cur = await conn.execute("SELECT 1")
    assert await cur.fetchall() == [(1,)]
    with pytest.raises(psycoxide.OperationalError, match="unexpected message 'T'"):
        await conn.execute("SELECT 2")
    assert await state_of(conn) == "closed"


async def test_errors_twice(twin, hostile):
    """One Sync, one error: a second one is told and then the connection goes on."""
    answers = [report(b"one", b"42601") + ready(), ONE.replace(b"one", b"two")]

    def script(peer):
        peer.greet()
        peer.answer(*answers)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        with pytest.raises(errors.SyntaxError, match="one"):
            await conn.execute("SELECT 1")
        assert not conn.closed
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


# Rows whose columns lie about their lengths, though the message itself is right.
ROWS = {
    "beyond the row": b"\0\1\0\0\0\x20abc",
    "1 GiB": b"\0\1\x40\0\0\0abc",
    "negative": b"\0\1\xff\xff\xff\xfe",
    "cut off": b"\0\1\0\0",
}


@pytest.mark.parametrize("fault", ROWS)
async def test_cell_that_lies(twin, hostile, fault):
    bad = COLUMN + message(b"D", ROWS[fault]) + END

    def script(peer):
        peer.greet()
        peer.answer(bad, ONE)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        cur = await conn.execute("SELECT 1")
        with pytest.raises(psycoxide.OperationalError, match="DataRow"):
            await cur.fetchall()
        # The message was whole: the connection is not half-read.
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


# Values that are not what their types say: oid, text, and what the error names.
VALUES = {
    "int4": (23, b"zzz", "int"),
    "int4, empty": (23, b"", "int"),
    "float8": (701, b"1.2.3", "float8"),
    "numeric": (1700, b"1e", "not a number that Decimal"),
    "bool": (16, b"maybe", "bool"),
    "uuid": (2950, b"0123", "uuid"),
    "date": (1082, b"2020-13-45", "date"),
    "timestamptz": (1184, b"yesterday", "timestamp"),
    "interval": (1186, b"1 fortnight", "interval"),
    "bytea": (17, b"\\xzz", "bytea"),
    "array": (1007, b"{1,2", "array"),
    "json": (114, b"{", "JSON"),
    "text": (25, b"\xff\xfe", "text"),
    "varchar": (1043, b"abc\xc3", "varchar|text"),
}


@pytest.mark.parametrize("fault", VALUES)
async def test_value_that_is_not_of_its_type(twin, hostile, fault):
    oid, value, match = VALUES[fault]
    bad = row_description((b"bad", oid)) + data_row(value) + END

    def script(peer):
        peer.greet()
        peer.answer(bad, ONE)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        cur = await conn.execute("SELECT 1")
        with pytest.raises(psycoxide.DataError, match=match) as raised:
            await cur.fetchone()
        assert 'column "bad"' in str(raised.value)
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_invalid_utf8_everywhere(twin, hostile):
    """Names, tags, notices and errors are shown with replacement characters."""
    bad = b"\xff\xfe"
    answers = [
        report(bad, b"01000", bad, tag=b"N")
        + message(b"A", struct.pack("!I", 1) + bad + b"\0" + bad + b"\0")
        + parameter(bad, bad)
        + row_description((bad, 23))
        + data_row(b"1")
        + complete(bad)
        + ready(),
        report(bad, b"42601", bad) + ready(),
        report(b"x", bad + b"12\xff") + ready(),
        ONE,
    ]

    def script(peer):
        peer.greet()
        peer.answer(*answers)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        notices = []
        conn.add_notice_handler(notices.append)
        cur = await conn.execute("SELECT 1")
        assert await cur.fetchall() == [(1,)]
        assert cur.description[0].name == "\ufffd\ufffd"
        assert cur.statusmessage == "\ufffd\ufffd"
        assert [notice.message_primary for notice in notices] == ["\ufffd\ufffd"]
        with pytest.raises(errors.SyntaxError, match="\ufffd\ufffd") as raised:
            await conn.execute("SELECT 1")
        assert raised.value.diag.severity == "\ufffd\ufffd"
        with pytest.raises(psycoxide.DatabaseError, match="x"):
            await conn.execute("SELECT 1")
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_notices_by_the_thousand(twin, hostile):
    flood = report(b"again", b"01000", b"WARNING", tag=b"N") * 5000

    def script(peer):
        peer.greet()
        peer.answer(flood + ONE)
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        notices = []
        conn.add_notice_handler(notices.append)
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)
        assert len(notices) == 5000


async def test_executemany(twin, hostile):
    """The server goes in the middle of a pipeline."""

    def script(peer):
        peer.greet()
        peer.read_message()
        peer.send(message(b"1") + message(b"2"))

    server = hostile(script)
    conn = await twin.connect(server.dsn, autocommit=True)
    with pytest.raises(psycoxide.OperationalError, match="(closed|reset)"):
        await conn.cursor().executemany("INSERT INTO t VALUES (%s)", [(n,) for n in range(5000)])
    assert await state_of(conn) == "closed"


async def test_begin_is_refused(twin, hostile):
    """No statement runs outside of the transaction that it was to run in."""
    heard = []

    def script(peer):
        peer.greet()
        heard.extend(peer.read_query())
        peer.send(report(b"no transactions here", b"0A000") + ready())
        heard.extend(peer.read_query())
        peer.send(ONE)
        peer.wait_closed()

    server = hostile(script)
    conn = await twin.connect(server.dsn)
    with pytest.raises(psycoxide.NotSupportedError, match="no transactions here"):
        await conn.execute("DELETE FROM t")
    assert [tag for tag, _ in heard] == [b"Q"] and heard[0][1].startswith(b"BEGIN")
    await conn.close()


async def test_commit(twin, hostile):
    """The server goes while it commits: nobody can say whether it did."""

    def script(peer):
        peer.greet()
        peer.answer(complete(b"BEGIN") + ready(b"T"), ONE[:-1] + b"T")
        peer.read_query()

    server = hostile(script)
    conn = await twin.connect(server.dsn)
    await conn.execute("SELECT 1")
    with pytest.raises(psycoxide.OperationalError, match="server closed the connection"):
        await conn.commit()
    assert await state_of(conn) == "closed"


async def test_cancel_names_the_session(twin, hostile):
    """A cancel request shows the key, on a connection of its own."""

    def script(peer):
        peer.greet()
        peer.wait_closed()

    server = hostile(script)
    async with await twin.connect(server.dsn, autocommit=True) as conn:
        await conn.cancel_safe(timeout=5)
        assert server.cancels.get(timeout=5) == (PID, SECRET)
    assert SECRET.hex() not in repr(conn)


async def test_the_connection_is_not_used_beyond_its_context(twin, hostile):
    """Leaving the block on a lost connection raises nothing that would hide the first error."""
    server = hostile(lambda peer: (peer.greet(), peer.answer(b"")))
    with pytest.raises(psycoxide.OperationalError, match="server closed the connection"):
        async with await twin.connect(server.dsn, autocommit=True) as conn:
            await conn.execute("SELECT 1")
    assert conn.closed and conn.broken
