"""Queries composed from parts."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
import subprocess
import sys

import pytest

import psycoxide
from psycoxide import sql
from psycoxide.adapt import PyFormat
from psycoxide.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder


@pytest.fixture
def conn(dsn):
    with psycoxide.connect(dsn) as conn:
        yield conn


class TestSQL:
    def test_is_written_as_it_is(self):
        assert SQL("a 'b' %s {}").as_string() == "a 'b' %s {}"
        assert SQL("é").as_bytes() == "é".encode()

    @pytest.mark.parametrize("value", [1, b"a", None, SQL("a"), ["a"]])
    def test_takes_strings_only(self, value):
        with pytest.raises(TypeError, match="SQL values must be strings"):
            SQL(value)

    def test_repr(self):
        assert repr(SQL("a'b")) == """SQL("a'b")"""

    def test_constants(self):
        assert (sql.NULL.as_string(), sql.DEFAULT.as_string()) == ("NULL", "DEFAULT")


class TestFormat:
    @pytest.mark.parametrize(
        "text, args, kwargs, want",
        [
            ("{}", [SQL("a")], {}, "a"),
            ("x {} y {}", [Identifier("a"), 1], {}, 'x "a" y 1'),
            ("{1} {0} {1}", ["a", 2], {}, "2 'a' 2"),
            ("{a} {} {b} {}", [1, 2], {"a": SQL("A"), "b": SQL("B")}, "A 1 B 2"),
            ("{{}} {{{}}}", [SQL("a")], {}, "{} {a}"),
            ("{} = %s AND x LIKE '%%'", [Identifier("a")], {}, "\"a\" = %s AND x LIKE '%%'"),
            ("{}", [1, "not used"], {"nor": "this"}, "1"),
            ("{}{}", [Composed([SQL("a"), 1]), None], {}, "a1NULL"),
            ("", [], {}, ""),
            ("nothing", [], {}, "nothing"),
        ],
    )
    def test_puts_parts_into_their_places(self, text, args, kwargs, want):
        assert SQL(text).format(*args, **kwargs).as_string() == want

    def test_gives_the_parts(self):
        assert SQL("a {} b").format(1) == Composed([SQL("a "), Literal(1), SQL(" b")])

    @pytest.mark.parametrize(
        "text, args, error, match",
        [
            ("{:x}", [1], ValueError, "no format specification"),
            ("{!r}", [1], ValueError, "no format conversion"),
            ("{} {0}", [1], ValueError, "cannot switch from automatic"),
            ("{0} {}", [1], ValueError, "cannot switch from manual"),
            ("{", [], ValueError, "encountered in format string"),
            ("}", [], ValueError, "encountered in format string"),
            ("{} {}", [1], IndexError, "out of range"),
            ("{7}", [1], IndexError, "out of range"),
            ("{name}", [1], KeyError, "name"),
            ("{0.real}", [1], KeyError, "0.real"),
            ("{ a }", [], KeyError, " a "),
        ],
    )
    def test_refuses(self, text, args, error, match):
        with pytest.raises(error, match=match):
            SQL(text).format(*args)


class TestJoin:
    def test_separates_items(self):
        joined = SQL(", ").join([Identifier("a"), 1, "b", None])
        assert joined.as_string() == "\"a\", 1, 'b', NULL"
        assert joined == Composed(
            [Identifier("a"), SQL(", "), Literal(1), SQL(", "), Literal("b"), SQL(", "), None]
        )

    def test_takes_any_iterable(self):
        assert SQL(",").join(SQL(x) for x in "abc").as_string() == "a,b,c"
        assert SQL(",").join(Composed([SQL("a"), SQL("b")])).as_string() == "a,b"
        assert SQL(",").join([]) == Composed([])
        with pytest.raises(TypeError):
            SQL(",").join(5)

    def test_of_composed(self):
        parts = Composed([SQL("a"), Identifier("b")])
        assert parts.join(", ").as_string() == 'a, "b"'
        assert parts.join(SQL("; ")).as_string() == 'a; "b"'
        for joiner in (1, None, Identifier("a")):
            with pytest.raises(TypeError, match=r"Composed.join\(\)"):
                parts.join(joiner)


class TestIdentifier:
    @pytest.mark.parametrize(
        "strings, want",
        [
            (["a"], '"a"'),
            (['a"b'], '"a""b"'),
            (['"'], '""""'),
            (["schema", "ta'ble", "%"], '"schema"."ta\'ble"."%"'),
            ([""], '""'),
            (["é😀\\"], '"é😀\\"'),
        ],
    )
    def test_is_quoted(self, strings, want):
        assert Identifier(*strings).as_string() == want
        assert Identifier(*strings).as_bytes() == want.encode()

    def test_takes_strings_only(self):
        with pytest.raises(TypeError, match="cannot be empty"):
            Identifier()
        for strings in [(1,), ("a", None), (["a"],), (b"a",)]:
            with pytest.raises(TypeError, match="identifier parts must be strings"):
                Identifier(*strings)

    def test_refuses_what_the_server_would_cut(self):
        with pytest.raises(psycoxide.ProgrammingError, match="NUL"):
            Identifier("a", "b\0c").as_string()
        with pytest.raises(UnicodeEncodeError):
            Identifier("\ud800").as_bytes()

    def test_repr(self):
        assert repr(Identifier("a", "b'")) == """Identifier('a', "b'")"""


class TestLiteral:
    @pytest.mark.parametrize(
        "value, want",
        [
            (None, "NULL"),
            (42, "42"),
            ("it's", "'it''s'"),
            ("back\\slash", " E'back\\\\slash'"),
            (dt.date(2000, 1, 2), "'2000-01-02'::date"),
            ([1, 2], "'{1,2}'::int2[]"),
        ],
    )
    def test_is_adapted(self, value, want):
        assert Literal(value).as_string() == want
        assert sql.quote(value) == want
        assert sql.as_string(value) == want
        assert sql.as_bytes(value) == want.encode()

    def test_what_no_adapter_knows(self):
        with pytest.raises(psycoxide.ProgrammingError, match="cannot adapt type 'object'"):
            Literal(object()).as_string()

    def test_uses_the_adapters_of_its_context(self, conn):
        class Loud(psycoxide.adapt.Dumper):
            def dump(self, obj):
                return obj.upper().encode()

        cur = conn.cursor()
        cur.adapters.register_dumper(str, Loud)
        assert Literal("a").as_string(cur) == "'A'"
        assert SQL("{}").format("a").as_string(cur) == "'A'"
        assert Literal("a").as_string(conn) == "'a'"

    def test_repr(self):
        assert repr(Literal([1])) == "Literal([1])"


class TestPlaceholder:
    @pytest.mark.parametrize(
        "args, want, text",
        [
            ((), "%s", "Placeholder()"),
            (("a",), "%(a)s", "Placeholder('a')"),
            (("a b", "t"), "%(a b)t", "Placeholder('a b', format=TEXT)"),
            (("", PyFormat.BINARY), "%b", "Placeholder(format=BINARY)"),
        ],
    )
    def test_is_written(self, args, want, text):
        placeholder = Placeholder(*args)
        assert placeholder.as_string() == want
        assert placeholder.as_bytes() == want.encode()
        assert repr(placeholder) == text

    def test_refuses_bad_names_and_formats(self):
        with pytest.raises(ValueError, match=r"'\)'"):
            Placeholder("a)b")
        with pytest.raises(TypeError, match="must be strings"):
            Placeholder(1)
        with pytest.raises(ValueError, match="PyFormat"):
            Placeholder("a", "x")


class TestComposed:
    def test_is_the_sequence_of_its_parts(self):
        parts = Composed([SQL("a "), 1, Identifier("b")])
        assert parts.as_string() == 'a 1"b"'
        assert list(parts) == [SQL("a "), Literal(1), Identifier("b")]
        assert repr(parts) == "Composed([SQL('a '), Literal(1), Identifier('b')])"

    def test_operators(self):
        a, b = SQL("a"), Identifier("b")
        assert a + b == Composed([a, b])
        assert a + Composed([b]) == Composed([a, b])
        assert Composed([a]) + b == Composed([a, b])
        assert Composed([a]) + Composed([b]) == Composed([a, b])
        assert a * 3 == Composed([a, a, a])
        assert (Composed([a]) * 2).as_string() == "aa"
        for other in ("b", 1, None):
            with pytest.raises(TypeError):
                a + other
            with pytest.raises(TypeError):
                Composed([a]) + other
        with pytest.raises(TypeError):
            a * "x"

    def test_a_sum_leaves_its_terms_alone(self):
        start = Composed([SQL("a")])
        start + SQL("b")
        assert list(start) == [SQL("a")]


def test_equality_is_of_kind_and_content():
    assert SQL("a") == SQL("a")
    assert SQL("a") != SQL("b")
    assert SQL("a") != Identifier("a")
    assert SQL("a") != "a"
    assert Identifier("a") != Identifier("a", "b")
    assert Literal(1) == Literal(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(SQL("a"))


@pytest.mark.parametrize(
    "obj", [SQL("a"), Identifier("a", "b"), Literal(1), Placeholder("a", "b"), SQL("{}").format(1)]
)
def test_copies(obj):
    for twin in (copy.copy(obj), copy.deepcopy(obj), pickle.loads(pickle.dumps(obj))):
        assert twin == obj
        assert repr(twin) == repr(obj)


def test_users_may_add_kinds():
    with pytest.raises(TypeError, match="abstract"):
        Composable("a")

    class Raw(Composable):
        def as_bytes(self, context=None):
            return bytes(self._obj)

    assert repr(Raw(b"x")) == "Raw(b'x')"
    assert (SQL("a ") + Raw(b"x")).as_string() == "a x"
    assert sql.as_string(Raw(b"x")) == "x"


def test_as_string_of_what_is_composed_already():
    assert sql.as_string(SQL("a")) == "a"
    assert sql.as_bytes(Identifier("a")) == b'"a"'


def test_needs_a_context_that_adapts():
    with pytest.raises(AttributeError):
        SQL("a").as_bytes("not a connection")


def test_queries_run(conn):
    query = SQL("SELECT {value} AS {name}, %s, {twice}").format(
        value="it's", name=Identifier('na"me'), twice=SQL("+").join([1, 2])
    )
    cur = conn.execute(query, [3])
    assert cur.fetchall() == [("it's", 3, 3)]
    assert cur.description[0].name == 'na"me'


def test_encoding_of_the_connection(conn):
    conn.execute("SET client_encoding TO latin9")
    query = SQL("SELECT {}, '€' AS {}").format("€", Identifier("€"))
    assert query.as_bytes(conn) == "SELECT '€', '€' AS \"€\"".encode("latin9")
    assert query.as_string(conn) == "SELECT '€', '€' AS \"€\""
    assert conn.execute(query).fetchone() == ("€", "€")
    for part in (SQL("ж"), Identifier("ж"), Placeholder("ж")):
        with pytest.raises(UnicodeEncodeError):
            part.as_bytes(conn)


def test_quotes_in_encodings_whose_characters_hold_ascii(conn):
    # The second byte of this character is a backslash in Shift JIS.
    conn.execute("SET client_encoding TO sjis")
    query = SQL("SELECT {} AS {}").format("表'", Identifier('表"'))
    cur = conn.execute(query)
    assert cur.fetchone() == ("表'",)
    assert cur.description[0].name == '表"'


def test_import_is_cheap():
    code = "import sys, psycoxide.sql; print('typing' in sys.modules, 'string' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
