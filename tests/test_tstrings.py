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


def query(*parts):
    """A query of a value, and of whether it was a parameter."""
    return Template("SELECT ", *parts)


async def test_execute(twin):
    async with await twin.connect() as conn:
        cur = await conn.execute(query(value(1), ", ", value("it's"), ", 5 % 3, '%s'"))
        assert await cur.fetchone() == (1, "it's", 2, "%s")
        cur = await conn.execute(query(value(None, "t"), ", ", value([1, None]), "::int[]"))
        assert await cur.fetchone() == (None, [1, None])
        cur = await conn.execute(Template("SELECT 1; SELECT 2"))
        assert await cur.fetchone() == (1,)


async def test_values_are_parameters_of_the_server(twin):
    async with await twin.connect(autocommit=True) as conn:
        for number in range(3):
            template = query(value(number, "b"), " AS ", value("a b", "i"), ", ", value("x", "l"))
            cur = await conn.execute(template, prepare=True)
            assert await cur.fetchone() == (number, "x")
            assert cur.description[0].name == "a b"
        cur = await conn.execute("SELECT statement FROM pg_prepared_statements")
        assert await cur.fetchall() == [("SELECT $1 AS \"a b\", 'x'",)]


async def test_formats(twin):
    async with await twin.connect() as conn:
        for spec in ("", "s", "t", "b"):
            cur = await conn.execute(query("pg_typeof(", value(1, spec), ")::text"))
            wanted = "smallint"
            assert await cur.fetchone() == (wanted,)
        inner = Template("WHERE ", value(2), " > ", value(Template(value(1)), "q"))
        for _ in range(2):
            cur = await conn.execute(query(value("a"), " ", value(inner, "q")), binary=True)
            assert await cur.fetchone() == ("a",)


async def test_parameters_besides_a_template(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        wanted = r"'execute\(\)' with string template query doesn't support parameters"
        for params in ([1], [], {"a": 1}, ()):
            with pytest.raises(TypeError, match=wanted):
                await cur.execute(query(value(1)), params)
            with pytest.raises(TypeError, match=wanted):
                await cur.executemany(query(value(1)), [params])
        with pytest.raises(TypeError, match=wanted):
            async for _ in cur.stream(query(value(1)), [1]):
                pass
        with pytest.raises(TypeError, match=wanted):
            async with cur.copy(Template("COPY (SELECT 1) TO STDOUT"), [1]):
                pass
        await cur.executemany(query(value(1)), [])
        await cur.executemany(query(value(1)), [None, None], returning=True)
        assert await cur.fetchone() == (1,) and cur.nextset()


async def test_stream_and_copy(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        stream = cur.stream(query("generate_series(1, ", value(3), ")"))
        assert [row async for row in stream] == [(1,), (2,), (3,)]
        template = Template("COPY (SELECT ", value("it's"), ", ", value(1), ") TO STDOUT")
        async with cur.copy(template) as copy:
            assert [row async for row in copy.rows()] == [("it's", "1")]
        await conn.execute('CREATE TEMP TABLE "a b" (x int)')
        async with cur.copy(Template("COPY ", value("a b", "i"), " FROM STDIN")) as copy:
            await copy.write_row([5])
        cur = await conn.execute(Template("SELECT * FROM ", value("a b", "i")))
        assert await cur.fetchall() == [(5,)]


async def test_client_cursors_write_literals(twin):
    async with await twin.connect() as conn:
        cur = twin.named("ClientCursor")(twin.unwrap(conn))
        template = query(value("it's"), ", ", value(1, "b"), ", '%s'")
        assert cur.mogrify(template) == "SELECT 'it''s', 1, '%s'"
        executed = cur.execute(template)
        assert (await executed if twin.is_async else executed).pgresult.nfields == 3
        with pytest.raises(TypeError, match="doesn't support parameters"):
            cur.mogrify(template, [1])
        many = cur.executemany(template, [None, None])
        assert (await many if twin.is_async else many) is None


async def test_server_cursors(twin):
    async with await twin.connect() as conn, conn.cursor("tstrings") as cur:
        await cur.execute(query("generate_series(1, ", value(3), ")"))
        assert await cur.fetchall() == [(1,), (2,), (3,)]


async def test_raw_cursors_take_none(twin):
    async with await twin.connect() as conn:
        cur = twin.named("RawCursor")(twin.unwrap(conn))
        for params in (None, [1]):
            with pytest.raises(psycoxide.NotSupportedError, match="template strings"):
                executed = cur.execute(query(value(1)), params)
                if twin.is_async:
                    await executed


async def test_pipelines(twin):
    async with await twin.connect() as conn, conn.pipeline():
        first = await conn.execute(query(value(1)))
        second = await conn.execute(query(value("b", "t")))
        assert (await first.fetchone(), await second.fetchone()) == ((1,), ("b",))


async def test_errors_name_the_parameter(twin):
    async with await twin.connect() as conn:
        with pytest.raises(psycoxide.ProgrammingError, match="'object'.*parameter 2, type object"):
            await conn.execute(query(value(1), value(object())))
        with pytest.raises(psycoxide.ProgrammingError, match="NUL"):
            await conn.execute(Template("SELECT '\0'"))
        cur = await conn.execute("SELECT 1")
        assert await cur.fetchone() == (1,)


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
