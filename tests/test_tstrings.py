"""Template strings as queries, by stand-ins where Python has none."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide import sql
from psycoxide._tstrings import convert
from psycoxide.adapt import PyFormat
from psycoxide.sql import SQL, Composed, Identifier, Literal, Placeholder
from support.templates import Template, value


def test_values_are_parameters():
    template = Template("SELECT ", value(1), ", ", value("a", "s"), value(2, "t"), value(3, "b"))
    query, parameters, formats = convert(template)
    assert query == b"SELECT $1, $2$3$4"
    assert parameters == [1, "a", 2, 3]
    assert formats == [PyFormat.AUTO, PyFormat.AUTO, PyFormat.TEXT, PyFormat.BINARY]


def test_text_is_sent_as_it_is():
    template = Template("SELECT 10 % 3, '%s', '%%', {}")
    assert convert(template) == (b"SELECT 10 % 3, '%s', '%%', {}", [], [])
    assert convert(Template()) == (b"", [], [])


@pytest.mark.parametrize(
    "part, want",
    [
        (value('a"b', "i"), b'"a""b"'),
        (value(Identifier("a", "b"), "i"), b'"a"."b"'),
        (value("it's 10%", "l"), b"'it''s 10%'"),
        (value(None, "l"), b"NULL"),
        (value(Literal(1), "l"), b"1"),
        (value(SQL("x %s"), "q"), b"x %s"),
        (value(SQL("x {}").format(1), "q"), b"x 1"),
        (value(Template("x ", value("y", "i")), "q"), b'x "y"'),
    ],
)
def test_what_is_written_into_the_query(part, want):
    assert convert(Template("SELECT ", part)) == (b"SELECT " + want, [], [])


def test_templates_in_templates_share_the_numbers():
    inner = Template("b ", value(2), " c ", value(Template(value(3)), "q"))
    template = Template("a ", value(1), " ", value(inner, "q"), " d ", value(4))
    assert convert(template)[:2] == (b"a $1 b $2 c $3 d $4", [1, 2, 3, 4])


@pytest.mark.parametrize(
    "part, match",
    [
        (value(1, "x"), "format 'x' not supported in query; got '{x:x}'"),
        (value(1, " s"), "format ' s' not supported"),
        (value(1, "i"), "identifier values must be strings.*; got int in '{x:i}'"),
        (value("a", "q"), "sql values must be .*; got str in '{x:q}'"),
        (value(SQL("a")), "SQL objects require format ':q'; got '{x}'"),
        (value(Composed([]), "s"), "Composed objects require format ':q'"),
        (value(Template("a"), "l"), "Template objects require format ':q'"),
        (value(Identifier("a"), "q"), "Identifier objects require format ':i'"),
        (value(Literal("a")), "Literal objects require format ':l'"),
        (value(Placeholder("a"), "q"), "Placeholder not supported in template strings"),
    ],
)
def test_refuses_what_does_not_suit(part, match):
    template = Template("SELECT ", part)
    with pytest.raises(psycoxide.ProgrammingError, match=match):
        convert(template)
    with pytest.raises(psycoxide.ProgrammingError, match=match):
        sql.as_bytes(template)


def test_refuses_conversions():
    with pytest.raises(TypeError, match=r"conversions not supported in query; got '{x!r:l}'"):
        convert(Template(value("a", "l", "r")))


def test_as_text_values_are_literals():
    template = Template("SELECT ", value("it's"), ", ", value(1, "b"), ", ", value("é", "i"))
    assert sql.as_string(template) == "SELECT 'it''s', 1, \"é\""
    assert sql.as_bytes(template) == "SELECT 'it''s', 1, \"é\"".encode()


def test_join():
    joined = SQL(" AND ").join([Template("a = ", value(1)), Template(value("b", "i"), " = 2")])
    assert type(joined) is Template
    assert convert(joined)[0] == b'a = $1 AND "b" = 2'
    assert convert(SQL(", ").join(Template(x) for x in "ab"))[0] == b"a, b"
    for items in ([Template("a"), SQL("b")], [1, Template("a")]):
        with pytest.raises(TypeError, match=r"can't mix Template and (SQL|int)"):
            SQL(", ").join(items)


def test_only_templates_are_taken_for_one():
    from string import Template as OtherTemplate

    with pytest.raises(psycoxide.ProgrammingError, match="cannot adapt type 'Template'"):
        sql.as_string(OtherTemplate("a"))


def test_encoding_of_the_connection(dsn):
    with psycoxide.connect(dsn) as conn:
        conn.execute("SET client_encoding TO latin9")
        template = Template("SELECT '€' AS ", value("€", "i"), " WHERE ", value("€", "l"), " > ''")
        wanted = "SELECT '€' AS \"€\" WHERE '€' > ''"
        assert convert(template, conn)[0] == wanted.encode("latin9")
        assert sql.as_string(template, conn) == wanted
