"""Ranges, multiranges, records, composites, enums and network addresses."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

import pytest

import psycoxide
from psycoxide import sql
from psycoxide.types import TypeInfo
from psycoxide.types import multirange as mr
from psycoxide.types import range as rg
from psycoxide.types.composite import CompositeInfo, register_composite
from psycoxide.types.enum import EnumInfo, register_enum
from psycoxide.types.hstore import register_hstore
from psycoxide.types.multirange import Multirange
from psycoxide.types.range import Range, RangeInfo, register_range
from support.values import same

UTC = dt.timezone.utc
BOUNDS = {
    "int4range": (rg.Int4Range, mr.Int4Multirange, 1, 5),
    "int8range": (rg.Int8Range, mr.Int8Multirange, -(2**40), 2**40),
    "numrange": (rg.NumericRange, mr.NumericMultirange, Decimal("1.5"), Decimal(7)),
    "daterange": (rg.DateRange, mr.DateMultirange, dt.date(2024, 1, 1), dt.date(2024, 2, 1)),
    "tsrange": (
        rg.TimestampRange,
        mr.TimestampMultirange,
        dt.datetime(2024, 1, 1),
        dt.datetime(2025, 1, 1, 2, 3),
    ),
    "tstzrange": (
        rg.TimestamptzRange,
        mr.TimestamptzMultirange,
        dt.datetime(2024, 1, 1, tzinfo=UTC),
        dt.datetime(2025, 1, 1, tzinfo=UTC),
    ),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_ranges(echo, name):
    cls, _, lower, upper = BOUNDS[name]
    for value in (
        Range(lower, upper),
        Range(lower, None),
        Range(None, upper),
        Range(),
        Range(empty=True),
    ):
        assert same(echo(value, name), value)
        wrapped = cls(value.lower, value.upper, value.bounds or "[)", value.isempty)
        assert same(echo(wrapped), value)


@pytest.mark.parametrize("name", BOUNDS)
def test_multiranges(conn, echo, name):
    if conn.info.server_version < 140000:
        pytest.skip("multiranges exist since PostgreSQL 14")
    _, cls, lower, upper = BOUNDS[name]
    ranges = [Range(None, lower), Range(upper, None)]
    multi = name.replace("range", "multirange")
    for value in (Multirange(ranges), Multirange([]), Multirange(ranges[:1])):
        assert same(echo(value, multi), value)
        assert same(echo(cls(value)), value)


def test_ranges_of_strings(dsn):
    with psycoxide.connect(dsn) as conn:
        conn.execute("CREATE TYPE pg_temp.strings AS RANGE (subtype = text)")
        register_range(RangeInfo.fetch(conn, "strings"), conn)
        for text in ("", " ", ",", '"', "\\", "[", ")", "é", "a b"):
            value = Range(text, text + "z", "[]")
            for placeholder in "stb":
                for binary in (False, True):
                    cur = conn.execute(f"SELECT %{placeholder}::strings", [value], binary=binary)
                    assert cur.fetchone() == (value,)
        cur = conn.execute("SELECT %s::strings[]", [[Range("a", "b"), None]])
        assert cur.fetchone() == ([Range("a", "b"), None],)


def test_range_of_two_types(conn):
    with pytest.raises(psycoxide.DataError, match=r"two types.*parameter 1, type Range"):
        conn.execute(
            "SELECT %b", [Range(dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=UTC))]
        )


def test_tuples_and_records(conn):
    value = (1, "a,b", None, 'c"\\', "", dt.date(2024, 1, 1), [1, 2])
    (text,) = conn.execute("SELECT %s::text", [value]).fetchone()
    assert text == r'(1,"a,b",,"c\"\\","",2024-01-01,"{1,2}")'
    query = "SELECT ROW(1, 'a,b'::text, NULL, '2024-01-01'::date, ARRAY[1,2])"
    assert conn.execute(query).fetchone() == (("1", "a,b", None, "2024-01-01", "{1,2}"),)
    typed = (1, "a,b", None, dt.date(2024, 1, 1), [1, 2])
    assert conn.execute(query, binary=True).fetchone() == (typed,)


def test_deep_tuples(conn):
    value = ()
    for _ in range(100_000):
        value = (value,)
    with pytest.raises(psycoxide.DataError, match="deep"):
        conn.execute("SELECT %s", [value])


@dataclass
class Card:
    name: str
    rank: int | None
    tags: list[str]


def test_composites(dsn):
    with psycoxide.connect(dsn) as conn:
        conn.execute("CREATE TYPE pg_temp.card AS (name text, rank int, tags text[])")
        info = CompositeInfo.fetch(conn, "card")
        register_composite(info, conn)
        values = [("a,b", 1, ["x", None]), ("", None, []), ('"\\', -5, ["{"])]
        for value in values:
            for placeholder in "stb":
                for binary in (False, True):
                    card = info.python_type(*value)
                    cur = conn.execute(f"SELECT %{placeholder}", [card], binary=binary)
                    (back,) = cur.fetchone()
                    assert back == value and type(back) is info.python_type
        cur = conn.execute("SELECT %s", [[info.python_type(*value) for value in values]])
        assert cur.fetchone() == (values,)


def test_composites_of_a_class(dsn):
    with psycoxide.connect(dsn) as conn:
        conn.execute("CREATE TYPE pg_temp.card AS (name text, rank int, tags text[])")
        register_composite(
            CompositeInfo.fetch(conn, "card"),
            conn,
            Card,
            make_object=lambda values, info: Card(
                **dict(zip(info.field_names, values, strict=True))
            ),
            make_sequence=lambda card, info: [getattr(card, name) for name in info.field_names],
        )
        card = Card("a", 1, ["x"])
        for placeholder in "stb":
            for binary in (False, True):
                cur = conn.execute(f"SELECT %{placeholder}", [card], binary=binary)
                assert cur.fetchone() == (card,)
        conn.execute("ALTER TYPE card ADD ATTRIBUTE more int")
        for binary in (False, True):
            cur = conn.execute("SELECT ('a',1,'{x}',2)::card", binary=binary)
            with pytest.raises(psycoxide.DataError, match="other fields"):
                cur.fetchone()


class Mood(Enum):
    sad = "s"
    happy = "h"


def test_enums(dsn):
    with psycoxide.connect(dsn) as conn:
        conn.execute("CREATE TYPE pg_temp.mood AS ENUM ('sad', 'happy', 'so lala')")
        info = EnumInfo.fetch(conn, "mood")
        register_enum(info, conn, Mood)
        for mood in Mood:
            for placeholder in "stb":
                for binary in (False, True):
                    query = f"SELECT %{placeholder}, %{placeholder}"
                    cur = conn.execute(query, [mood, [mood]], binary=binary)
                    assert cur.fetchone() == (mood, [mood])
        cur = conn.execute("SELECT 'so lala'::mood AS m")
        with pytest.raises(psycoxide.DataError, match=r'bad member.*so lala.*column "m"'):
            cur.fetchone()
        literal = sql.SQL("SELECT {}").format(sql.Literal(Mood.sad))
        assert conn.execute(literal).fetchone() == (Mood.sad,)


@pytest.mark.parametrize(
    "value",
    [
        ipaddress.ip_address("127.0.0.1"),
        ipaddress.ip_address("::1"),
        ipaddress.ip_interface("10.1.2.3/8"),
        ipaddress.ip_interface("2001:db8::1/32"),
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("0.0.0.0/0"),
        ipaddress.ip_network("192.0.2.1/32"),
        ipaddress.ip_network("2001:db8::/128"),
    ],
)
def test_networks(echo, value):
    assert same(echo(value), value)
    assert same(echo([value, None]), [value, None])


def test_mac_addresses_as_text(conn):
    cur = conn.execute("SELECT '08:00:2b:01:02:03'::macaddr")
    assert cur.fetchone() == ("08:00:2b:01:02:03",)


@pytest.mark.full_server
def test_hstore(dsn):
    values = [
        {},
        {"a": "b"},
        {"": "", "é": None, '"': "\\", "a=>b": ",", "NULL": "NULL", " ": "\n"},
    ]
    with psycoxide.connect(dsn, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION IF NOT EXISTS hstore")
        register_hstore(TypeInfo.fetch(conn, "hstore"), conn)
        for value in values:
            for placeholder in "stb":
                for binary in (False, True):
                    cur = conn.execute(f"SELECT %{placeholder}", [value], binary=binary)
                    assert cur.fetchone() == (value,)
        cur = conn.execute("SELECT %s", [values])
        assert cur.fetchone() == (values,)
        for wrong in ({1: "a"}, {"a": 1}):
            with pytest.raises(psycoxide.DataError, match="can only be strings"):
                conn.execute("SELECT %s", [wrong])


@pytest.mark.parametrize(
    "register", [register_range, register_composite, register_enum, register_hstore]
)
def test_types_that_do_not_exist(conn, register):
    with pytest.raises(TypeError, match="no info passed"):
        register(None, conn)
