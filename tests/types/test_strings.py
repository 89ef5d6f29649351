"""Strings, bytes and UUIDs, both ways in both formats."""

from __future__ import annotations

import random
from uuid import UUID

import pytest

import psycoxide
from psycoxide import sql
from support.values import same

TEXTS = ["", "a", "x" * 5000, "naïve", "日本", "😀", "'\"\\%", "a\tb\n", "\x01\x7f\x80\U0010ffff"]


@pytest.mark.parametrize("text", TEXTS)
def test_strings(conn, echo, text):
    assert same(echo(text, "text"), text)
    literal = sql.SQL("SELECT {}").format(sql.Literal(text))
    assert conn.execute(literal).fetchone() == (text,)


def test_every_character(echo):
    text = "".join(chr(code) for code in range(1, 0x3000) if not 0xD800 <= code < 0xE000)
    assert same(echo(text, "text"), text)


@pytest.mark.parametrize("type_name", ["text", "varchar", "name", "bpchar", '"char"'])
def test_text_types(echo, type_name):
    assert same(echo("x", type_name, "st"), "x")


def test_unknown_takes_the_type_it_meets(conn):
    assert conn.execute("SELECT %s::int + 1", ["41"]).fetchone() == (42,)
    assert conn.execute("SELECT 'a' = %s", ["a"]).fetchone() == (True,)


@pytest.mark.parametrize("placeholder", "stb")
def test_nul_is_refused(conn, placeholder):
    with pytest.raises(psycoxide.DataError, match=r"NUL.*parameter 2, type str"):
        conn.execute(f"SELECT %s::int, %{placeholder}::text", [1, "a\0b"])


def test_named_parameters_are_named(conn):
    with pytest.raises(psycoxide.DataError, match=r"parameter 'second', type str"):
        conn.execute("SELECT %(first)s::int, %(second)s", {"first": 1, "second": "\0"})
    with pytest.raises(psycoxide.ProgrammingError, match=r"parameter 'x', type complex"):
        conn.execute("SELECT %(x)s", {"x": 1j})


def test_surrogates_are_refused(conn):
    with pytest.raises(UnicodeEncodeError):
        conn.execute("SELECT %s::text", ["\ud800"])


@pytest.mark.parametrize(
    "encoding, text", [("LATIN9", "€é"), ("EUC_JP", "日本"), ("WIN1251", "жук")]
)
def test_client_encodings(dsn, encoding, text):
    with psycoxide.connect(dsn, client_encoding=encoding) as conn:
        for placeholder in "stb":
            for binary in (False, True):
                cur = conn.execute(f"SELECT %{placeholder}::text", [text], binary=binary)
                assert cur.fetchone() == (text,)
        cur = conn.execute("SELECT %s::text[]", [[text, None]])
        assert cur.fetchone() == ([text, None],)


def test_what_the_encoding_lacks(dsn):
    with psycoxide.connect(dsn, client_encoding="LATIN1") as conn:
        with pytest.raises(UnicodeEncodeError):
            conn.execute("SELECT %s::text", ["€"])


def test_sql_ascii_gives_bytes(dsn):
    with psycoxide.connect(dsn, client_encoding="SQL_ASCII") as conn:
        for binary in (False, True):
            cur = conn.execute("SELECT %s::text", ["é"], binary=binary)
            assert cur.fetchone() == ("é".encode(),)


def test_encoding_changes_under_way(dsn):
    with psycoxide.connect(dsn) as conn:
        cur = conn.cursor()
        for encoding in ("UTF8", "LATIN1", "UTF8", "LATIN9"):
            conn.execute(f"SET client_encoding TO {encoding}")
            assert cur.execute("SELECT %s::text", ["é"]).fetchone() == ("é",)


@pytest.mark.parametrize("cls", [bytes, bytearray, memoryview])
def test_bytes(conn, echo, cls):
    data = bytes(range(256)) * 3
    assert same(echo(cls(data)), data)
    assert same(echo(cls(b"")), b"")
    literal = sql.SQL("SELECT {}").format(sql.Literal(cls(data)))
    assert conn.execute(literal).fetchone() == (data,)


def test_strided_buffer(echo):
    assert same(echo(memoryview(b"abcdef")[::2]), b"ace")


def test_random_bytes(echo):
    generator = random.Random(3)
    for _ in range(50):
        data = generator.randbytes(generator.randrange(0, 300))
        assert same(echo(data), data)


def test_bytea_escape_format(dsn):
    data = bytes(range(256))
    with psycoxide.connect(dsn) as conn:
        conn.execute("SET bytea_output TO escape")
        assert conn.execute("SELECT %s", [data]).fetchone() == (data,)


def test_uuids(echo):
    generator = random.Random(4)
    numbers = [0, 1, 2**128 - 1, *(generator.getrandbits(128) for _ in range(50))]
    for number in numbers:
        uuid = UUID(int=number)
        for value in echo(uuid):
            assert value == uuid and hash(value) == hash(uuid)
            assert (value.version, value.is_safe, str(value)) == (
                uuid.version,
                uuid.is_safe,
                str(uuid),
            )


@pytest.mark.parametrize("value", [1j, object(), {1}, {"a": 1}])
def test_no_dumper(conn, value):
    name = type(value).__name__
    expected = f"cannot adapt type '{name}' using placeholder '%s'.*parameter 2"
    with pytest.raises(psycoxide.ProgrammingError, match=expected):
        conn.execute("SELECT %s::int, %s", [1, value])
    assert conn.execute("SELECT 1").fetchone() == (1,)
