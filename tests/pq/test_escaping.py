"""`pq.Escaping`: values as parts of SQL."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide.pq import Escaping

ALL_BYTES = bytes(range(256))


@pytest.fixture
def conn(dsn):
    with psycoxide.connect(dsn, autocommit=True) as conn:
        yield conn


@pytest.fixture(params=["on", "off"])
def either(request, conn):
    """Connections with either setting of `standard_conforming_strings`."""
    conn.execute("SET escape_string_warning TO off")
    conn.execute(f"SET standard_conforming_strings TO {request.param}")
    return conn


@pytest.mark.parametrize("text", ["", "it's", "back\\slash'", 'dou"ble', "é😀", "\\'"])
def test_the_server_reads_it_back(either, text):
    escaping = Escaping(either.pgconn)

    def read(literal: bytes) -> object:
        return either.pgconn.exec_(b"SELECT " + literal).get_value(0, 0)

    data = text.encode()
    assert read(escaping.escape_literal(data)) == data
    assert read(b"'" + escaping.escape_string(data) + b"'") == data
    if data:
        result = either.pgconn.exec_(b"SELECT 1 AS " + escaping.escape_identifier(data))
        assert result.fname(0) == data


@pytest.mark.parametrize("output", ["hex", "escape"])
@pytest.mark.parametrize("data", [b"", b"\\x", b"it's", ALL_BYTES])
def test_bytea_there_and_back(either, output, data):
    escaping = Escaping(either.pgconn)
    either.execute(f"SET bytea_output TO {output}")
    literal = b"'" + escaping.escape_bytea(data) + b"'::bytea"
    result = either.pgconn.exec_(b"SELECT " + literal)
    assert escaping.unescape_bytea(result.get_value(0, 0)) == data


def test_forms(conn):
    escaping = Escaping(conn.pgconn)
    assert escaping.escape_literal(b"a'b") == b"'a''b'"
    assert escaping.escape_literal(b"a\\b") == b" E'a\\\\b'"
    assert escaping.escape_identifier(b'a"b') == b'"a""b"'
    assert escaping.escape_string(b"a'\\b") == b"a''\\b"
    assert escaping.escape_bytea(b"a\x00") == b"\\x6100"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_takes_buffers(conn, kind):
    escaping = Escaping(conn.pgconn)
    assert escaping.escape_literal(kind(b"a'b")) == b"'a''b'"
    assert escaping.escape_identifier(kind(b"a")) == b'"a"'
    assert escaping.escape_string(kind(b"a'")) == b"a''"
    assert escaping.escape_bytea(kind(b"a")) == b"\\x61"
    assert escaping.unescape_bytea(kind(b"\\x61")) == b"a"


METHODS = [
    *("escape_literal", "escape_identifier", "escape_string", "escape_bytea", "unescape_bytea")
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", ["text", 1, None])
def test_takes_nothing_else(conn, method, value):
    with pytest.raises(TypeError, match="bytes"):
        getattr(Escaping(conn.pgconn), method)(value)


@pytest.mark.parametrize("method", METHODS[:3])
@pytest.mark.parametrize(
    "data, match",
    [
        (b"a\x00b", "NUL"),
        (b"a\xc3", "incomplete multibyte character"),
        (b"a\xff'", "invalid multibyte character"),
    ],
)
def test_refuses_what_is_no_text(conn, method, data, match):
    with pytest.raises(psycoxide.OperationalError, match=f"{method} failed: .*{match}"):
        getattr(Escaping(conn.pgconn), method)(data)


@pytest.mark.parametrize("text", [b"\\x6", b"\\xzz", b"a\\9", b"a\\777", b"a\\"])
def test_refuses_what_is_no_bytea(text):
    with pytest.raises(psycoxide.OperationalError, match=r"unescape_bytea failed: .*bytea"):
        Escaping().unescape_bytea(text)


def test_encoding_of_the_connection(conn):
    escaping = Escaping(conn.pgconn)
    conn.execute("SET client_encoding TO latin1")
    assert escaping.escape_literal(b"\xe9'") == b"'\xe9'''"
    # The second byte of this character is a backslash.
    conn.execute("SET client_encoding TO sjis")
    assert escaping.escape_string(b"\x95\x5c'") == b"\x95\x5c''"


def test_without_a_connection():
    escaping = Escaping()
    for method in METHODS[:2]:
        with pytest.raises(psycoxide.OperationalError, match=f"{method} failed: no connection"):
            getattr(escaping, method)(b"a")
    assert escaping.escape_string(b"a'\\b") == b"a''\\\\b"
    assert escaping.escape_bytea(b"a'") == b"\\x6127"
    assert escaping.unescape_bytea(b"a\\000\\\\b") == b"a\x00\\b"
    with pytest.raises(TypeError):
        Escaping("a connection")


@pytest.mark.parametrize("method", METHODS)
def test_on_a_closed_connection(conn, method):
    escaping = Escaping(conn.pgconn)
    conn.close()
    with pytest.raises(psycoxide.OperationalError, match="the connection is closed"):
        getattr(escaping, method)(b"a")
