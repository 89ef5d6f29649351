"""Types that are looked up when they are met."""

from __future__ import annotations

import enum
from decimal import Decimal

import pytest

import psycoxide
from psycoxide.types.auto import register_auto
from psycoxide.types.range import Range


@pytest.fixture(scope="module")
def types(dsn):
    """A schema of types of every kind, made of each other."""
    with psycoxide.connect(dsn, autocommit=True) as conn:
        conn.execute("DROP SCHEMA IF EXISTS auto_types CASCADE; CREATE SCHEMA auto_types")
        conn.execute("SET search_path TO auto_types")
        conn.execute("""\
            CREATE TYPE mood AS ENUM ('sad', 'happy ever', 'été');
            CREATE DOMAIN positive AS int CHECK (value > 0);
            CREATE DOMAIN grades AS numeric(4,1)[];
            CREATE TYPE inner_part AS (n positive, m mood);
            CREATE TYPE whole AS (id int8, part inner_part, parts inner_part[], g grades, t text);
            CREATE TYPE span AS RANGE (subtype = positive);
            CREATE TABLE things (w whole, m mood, s span, ms mood[], a int);
            """)
        conn.execute("""\
            INSERT INTO things VALUES (
                ROW(1, ROW(2, 'sad'), ARRAY[ROW(3, 'happy ever')::inner_part, NULL],
                    '{1.5,2}', 'a,"b'),
                'été', '[1,5)', '{sad,NULL,été}', 7)""")
        yield conn
        conn.execute("DROP SCHEMA auto_types CASCADE")


async def connect(twin, **options):
    conn = await twin.connect(autocommit=True)
    await conn.execute("SET search_path TO auto_types")
    register_auto(twin.unwrap(conn), **options)
    return conn


def check(row):
    whole, mood, span, moods, a = row
    assert whole[0] == whole.id == 1
    assert whole.part == (2, "sad") and whole.part.n == 2 and whole.part.m == "sad"
    assert whole.parts == [(3, "happy ever"), None] and whole.parts[0].m == "happy ever"
    assert whole.g == [Decimal("1.5"), Decimal("2.0")]
    assert whole.t == 'a,"b'
    assert (mood, span, moods, a) == ("été", Range(1, 5), ["sad", None, "été"], 7)
    assert type(mood) is str


@pytest.mark.parametrize("binary", [False, True])
async def test_kinds(twin, types, binary):
    async with await connect(twin) as conn:
        for _ in range(2):
            cur = await conn.execute("SELECT * FROM things", binary=binary)
            check(await cur.fetchone())
        cur = await conn.execute("SELECT ARRAY[1]::positive[], '{}'::span[], things FROM things")
        row = await cur.fetchone()
        assert row[:2] == ([1], [])
        check(row[2])


async def test_multirange(twin, types):
    async with await connect(twin) as conn:
        if conn.info.server_version < 140000:
            pytest.skip("multiranges came with PostgreSQL 14")
        for binary in (False, True):
            query = "SELECT span_multirange(span(1, 2), span(5, 7))"
            cur = await conn.execute(query, binary=binary)
            (value,) = await cur.fetchone()
            assert list(value) == [Range(1, 2), Range(5, 7)]


async def test_off_by_default(twin, types):
    async with await twin.connect(autocommit=True) as conn:
        await conn.execute("SET search_path TO auto_types")
        cur = await conn.execute("SELECT m, s, ms FROM things")
        assert await cur.fetchone() == ("été", "[1,5)", "{sad,NULL,été}")


@pytest.mark.parametrize("binary", [False, True])
async def test_enum_classes(twin, types, binary):
    async with await connect(twin, enums=True) as conn:
        cur = await conn.execute("SELECT m, ms, (w).part FROM things", binary=binary)
        mood, moods, part = await cur.fetchone()
        assert isinstance(mood, enum.Enum) and mood.name == "été"
        assert moods == [type(mood).sad, None, mood]
        assert part == (2, type(mood).sad)
        for placeholder in "stb":
            cur = await conn.execute(f"SELECT %{placeholder}::mood", [mood], binary=binary)
            assert await cur.fetchone() == (mood,)
    async with await connect(twin, enums=True) as conn:
        cur = await conn.execute("SELECT m FROM things")
        assert (await cur.fetchone())[0] is mood


async def test_values_go_back(twin, types):
    async with await connect(twin) as conn:
        for binary in (False, True):
            cur = await conn.execute("SELECT w, s FROM things", binary=binary)
            row = await cur.fetchone()
            for placeholder in "st":
                cur = await conn.execute(
                    f"SELECT %{placeholder}::whole = w, %{placeholder}::span = s FROM things",
                    row,
                )
                assert await cur.fetchone() == (True, True)


class Questions:
    """Counts what the learners of all connections ask."""

    def __init__(self, monkeypatch):
        from psycoxide.types import auto

        self.asked = []
        ask = auto._query

        def counting(version, oids):
            self.asked.append(list(oids))
            return ask(version, oids)

        monkeypatch.setattr(auto, "_query", counting)


async def test_looked_up_once_for_all_connections(twin, types, monkeypatch):
    from psycoxide.types import auto

    monkeypatch.setattr(auto, "_databases", {})
    monkeypatch.setattr(auto, "_last_seen", {})
    questions = Questions(monkeypatch)
    async with await connect(twin) as conn:
        for _ in range(3):
            await (await conn.execute("SELECT w FROM things")).fetchone()
        assert len(questions.asked) == 1
        await (await conn.execute("SELECT ms, m FROM things")).fetchone()
        # The enum was a part of the first type, its array was not.
        assert len(questions.asked) == 1
        # What is nothing of the kind is not asked for twice.
        for _ in range(2):
            await conn.execute("SELECT NULL::aclitem, NULL::pg_snapshot")
        assert len(questions.asked) <= 2
    questions.asked.clear()
    async with await connect(twin) as conn:
        for _ in range(2):
            cur = await conn.execute("SELECT * FROM things")
            check(await cur.fetchone())
        # It has to ask which database this is, and about what nobody has met so far.
        assert len(questions.asked) == 1 and len(questions.asked[0]) == 1


async def test_in_a_transaction(twin, types):
    """It runs in a savepoint, which is released."""
    async with await connect(twin) as conn:
        async with conn.transaction():
            cur = await conn.execute("SELECT * FROM things")
            check(await cur.fetchone())
            with pytest.raises(psycoxide.Error):
                await conn.execute("ROLLBACK TO SAVEPOINT psycoxide_auto_types")
            raise psycoxide.Rollback()


async def test_a_lookup_that_fails(twin, types, monkeypatch):
    from psycoxide.types import auto

    monkeypatch.setattr(auto, "_query", lambda version, oids: b"SELECT 1 / 0")
    for autocommit in (True, False):
        async with await connect(twin) as conn:
            await conn.set_autocommit(autocommit)
            for _ in range(5):
                cur = await conn.execute("SELECT m, s FROM things")
                assert await cur.fetchone() == ("été", "[1,5)")
                cur = await conn.execute("SELECT s FROM things", binary=True)
                assert isinstance((await cur.fetchone())[0], bytes)
            cur = await conn.execute("SELECT 1")
            assert await cur.fetchone() == (1,)


async def test_types_that_cannot_be_registered(twin, types, monkeypatch, caplog):
    from psycoxide.types import auto

    def fail(*args):
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr(auto._Learner, "_register_type", fail)
    async with await connect(twin) as conn:
        for _ in range(3):
            cur = await conn.execute("SELECT m, s FROM things")
            assert await cur.fetchone() == ("été", "[1,5)")
    assert "no such luck" in caplog.text


async def test_where_nothing_can_be_asked(twin, types):
    async with await connect(twin) as conn:
        async with conn.pipeline():
            cur = await conn.execute("SELECT m, s FROM things")
            assert await cur.fetchone() == ("été", "[1,5)")
        cur = conn.cursor()
        assert [row async for row in cur.stream("SELECT m, s FROM things")] == [("été", "[1,5)")]
        # Once the connection has met them they are known there, too.
        await conn.execute("SELECT s, ms FROM things")
        wanted = ("été", Range(1, 5), ["sad", None, "été"])
        async with conn.pipeline():
            cur = await conn.execute("SELECT m, s, ms FROM things")
            assert await cur.fetchone() == wanted
        for binary in (False, True):
            cur = conn.cursor()
            stream = cur.stream("SELECT m, s, ms FROM things", binary=binary)
            assert [row async for row in stream] == [wanted]


async def test_server_cursor_and_executemany(twin, types):
    async with await connect(twin) as conn:
        async with conn.transaction(), conn.cursor("auto") as cur:
            await cur.execute("SELECT * FROM things")
            check(await cur.fetchone())
    async with await connect(twin) as conn:
        cur = conn.cursor()
        await cur.executemany("SELECT s, %s FROM things", [(1,), (2,)], returning=True)
        found = [await cur.fetchone()]
        while cur.nextset():
            found.append(await cur.fetchone())
        assert found == [(Range(1, 5), 1), (Range(1, 5), 2)]


async def test_own_adapters_of_a_cursor(twin, types):
    async with await connect(twin) as conn:
        cur = conn.cursor()
        cur.adapters.register_loader("int4", psycoxide.adapters.get_loader(25, 0))
        await cur.execute("SELECT s, 1 FROM things")
        assert await cur.fetchone() == (Range("1", "5"), "1")


async def test_what_was_registered_stays(twin, types):
    from psycoxide.types import TypeInfo
    from psycoxide.types.enum import EnumInfo, register_enum

    async with await connect(twin) as conn:
        plain = twin.unwrap(conn)
        fetched = EnumInfo.fetch(plain, "mood")
        info = await fetched if twin.is_async else fetched
        assert isinstance(info, TypeInfo)
        register_enum(info, plain)
        cur = await conn.execute("SELECT m, (w).part FROM things")
        mood, part = await cur.fetchone()
        assert isinstance(mood, enum.Enum)
        assert part == (2, type(mood).sad)


@pytest.mark.parametrize("binary", [False, True])
async def test_types_that_change(twin, types, binary):
    async with await connect(twin, enums=True) as conn:
        await conn.execute("""\
            DROP TYPE IF EXISTS changing_row, changing CASCADE;
            CREATE TYPE changing AS ENUM ('a', 'b');
            CREATE TYPE changing_row AS (x int, y text);""")
        query = "SELECT 'a'::changing, ROW(1, 'x')::changing_row, ARRAY[ROW(1, 'x')::changing_row]"
        cur = await conn.execute(query, binary=binary)
        a, row, rows = await cur.fetchone()
        assert a.name == "a" and row == (1, "x") and rows == [row]
        await conn.execute("ALTER TYPE changing ADD VALUE 'c'")
        await conn.execute("ALTER TYPE changing_row ADD ATTRIBUTE z int")
        query = "SELECT 'c'::changing, ROW(1, 'x', 2)::changing_row"
        cur = await conn.execute(query, binary=binary)
        label, raw = await cur.fetchone()
        # The values that show it are loaded as if the types were not known.
        assert label == "c" and isinstance(raw, bytes if binary else str)
        cur = await conn.execute(query, binary=binary)
        c, row = await cur.fetchone()
        assert c.name == "c" and row == (1, "x", 2) and row.z == 2


async def test_an_oid_that_means_another_type(twin, types):
    """A type that was dropped and made anew has another OID, and is looked up anew."""
    async with await connect(twin) as conn:
        for fields in ("a int", "a text, b int", "c int4range"):
            await conn.execute(f"DROP TYPE IF EXISTS again; CREATE TYPE again AS ({fields})")
            cur = await conn.execute("SELECT NULL::again, ARRAY[NULL::again]")
            assert await cur.fetchone() == (None, [None])
        cur = await conn.execute("SELECT ROW('[1,2)')::again")
        assert await cur.fetchone() == ((Range(1, 2),),)


async def test_other_encodings(twin, types):
    for encoding in ("latin1", "sql_ascii"):
        async with await connect(twin, enums=True) as conn:
            await conn.execute(f"SET client_encoding TO {encoding}")
            cur = await conn.execute("SELECT m, s FROM things")
            mood, span = await cur.fetchone()
            assert mood.name == "été" and span == Range(1, 5)


def test_nothing_is_left_behind(dsn, types):
    import gc
    import weakref

    found = []
    for _ in range(3):
        with psycoxide.connect(dsn, autocommit=True) as conn:
            conn.execute("SET search_path TO auto_types")
            register_auto(conn, enums=True)
            conn.execute("SELECT * FROM things").fetchall()
            found.append(
                weakref.ref(
                    conn.adapters.get_loader(
                        types.execute("SELECT 'whole'::regtype::oid").fetchone()[0], 0
                    )
                )
            )
        del conn
    gc.collect()
    assert [ref() for ref in found] == [None] * 3
