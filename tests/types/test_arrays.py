"""Lists and arrays, both ways in both formats."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest

import psycoxide
from psycoxide.types.json import Json
from psycoxide.types.numeric import Int4
from support.values import same


class Colour(Enum):
    red = 1
    green = 2


@pytest.mark.parametrize(
    "value",
    [
        [1],
        [1, None, -5],
        [1, 40000, 2**40],
        [[1, 2], [3, 4]],
        [[[1], [None]], [[3], [4]]],
        [1.5, float("inf")],
        [True, False],
        [Decimal("1.50"), Decimal("-2")],
        [b"", b"\x00\\\"'"],
        [dt.date(2024, 1, 2)],
        [dt.time(1, 2)],
        [dt.datetime(2024, 1, 2, 3)],
        [dt.timedelta(1, 2, 3)],
        [UUID(int=1), None],
    ],
)
def test_lists(echo, value):
    assert same(echo(value), value)


@pytest.mark.parametrize(
    "value",
    [
        ["a", "", None, "NULL", "null", " a", "a b", "a,b", "{}", '"', "\\", "a\nb", "é😀"],
        [["a"], ["b"]],
        [[["a", None]], [["{", "}"]]],
    ],
)
def test_lists_of_strings(echo, value):
    assert same(echo(value, "text[]"), value)


def test_every_character_as_element(echo):
    value = [chr(code) for code in range(1, 256)]
    assert same(echo(value, "text[]"), value)


@pytest.mark.parametrize("value", [[], [None], [None, None]])
def test_lists_without_elements(conn, echo, value):
    assert same(echo(value, "int[]"), value)
    assert same(echo(value, "text[]"), value)
    cur = conn.execute("SELECT 1 WHERE 1 = ANY(%s)", [value])
    assert cur.fetchone() is None


def test_random_lists(echo):
    generator = random.Random(6)
    for _ in range(50):
        sizes = [generator.randrange(1, 4) for _ in range(generator.randrange(1, 6))]

        def build(sizes):
            if not sizes:
                return generator.choice([None, generator.randrange(-(2**40), 2**40)])
            return [build(sizes[1:]) for _ in range(sizes[0])]

        value = [build(sizes[1:]) for _ in range(sizes[0])]
        assert same(echo(value, "int8[]"), value)


@pytest.mark.parametrize(
    "value, name",
    [
        ([1], "smallint[]"),
        ([1, 2**20], "integer[]"),
        ([[1], [-(2**40)]], "bigint[]"),
        ([1, 2**70], "numeric[]"),
        ([Int4(1)], "integer[]"),
        ([Json(1)], "json[]"),
        ([dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)], "timestamp with time zone[]"),
    ],
)
@pytest.mark.parametrize("placeholder", "stb")
def test_types(conn, value, name, placeholder):
    cur = conn.execute(f"SELECT pg_typeof(%{placeholder})::text", [value])
    assert cur.fetchone() == (name,)


@pytest.mark.parametrize(
    "value, names",
    [
        ([1, "a"], "int, str"),
        ([1, 1.5], "float, int"),
        ([True, 1], "bool, int"),
        ([[1], [b""]], "bytes, int"),
    ],
)
@pytest.mark.parametrize("placeholder", "stb")
def test_mixed_types(conn, value, names, placeholder):
    with pytest.raises(psycoxide.DataError, match=f"mixed types; got: {names} .*parameter 1"):
        conn.execute(f"SELECT %{placeholder}", [value])


@pytest.mark.parametrize(
    "value, message",
    [
        ([[1], [2, 3]], "inconsistent lengths"),
        ([[1], 2], "inconsistent depths"),
        ([1, [2]], "inconsistent depths"),
        ([[], [1]], "empty lists"),
    ],
)
def test_ragged_lists(conn, value, message):
    with pytest.raises(psycoxide.DataError, match=message):
        conn.execute("SELECT %b", [value])
    with pytest.raises(psycoxide.DataError):
        conn.execute("SELECT %t", [value])
    assert conn.execute("SELECT 1").fetchone() == (1,)


def test_recursive_list(conn):
    value = [1]
    value.append(value)
    for placeholder in "tb":
        with pytest.raises(psycoxide.DataError, match="recursive"):
            conn.execute(f"SELECT %{placeholder}", [value])


def test_deep_list(conn):
    value = [1]
    for _ in range(1000):
        value = [value]
    for placeholder in "tb":
        with pytest.raises(psycoxide.DataError, match="deep"):
            conn.execute(f"SELECT %{placeholder}", [value])


def test_enums_as_their_names(echo):
    assert same(echo([Colour.red, Colour.green], "text[]"), ["red", "green"])
    assert same(echo(Colour.red, "text", "st"), "red")


@pytest.mark.parametrize("binary", [False, True])
def test_lower_bounds_are_dropped(conn, binary):
    cur = conn.execute("SELECT '[0:1][-1:0]={{1,2},{3,NULL}}'::int[]", binary=binary)
    assert cur.fetchone() == ([[1, 2], [3, None]],)


def test_another_delimiter(conn):
    cur = conn.execute("SELECT '{(2,2),(1,1);(4,4),(3,3)}'::box[]")
    assert cur.fetchone() == (["(2,2),(1,1)", "(4,4),(3,3)"],)


@pytest.mark.parametrize("binary", [False, True])
def test_arrays_of_types_without_loader(conn, binary):
    cur = conn.execute("SELECT '{1/A}'::pg_lsn[]", binary=binary)
    (value,) = cur.fetchone()
    assert value == ([(1 << 32 | 10).to_bytes(8, "big")] if binary else ["1/A"])
