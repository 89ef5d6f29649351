"""Python values that do not fit: the error names the parameter and its type, nothing is sent."""

from __future__ import annotations

import datetime as dt
import ipaddress
import sys
from decimal import Decimal

import pytest

import psycoxide
from psycoxide.types.datetime import ExtendedTimestamp, register_out_of_range
from psycoxide.types.json import Json
from psycoxide.types.multirange import Int4Multirange, Multirange
from psycoxide.types.numeric import Int2, Int4, Int8, IntNumeric, Oid
from psycoxide.types.range import DateRange, Int4Range, Range


class NoOffset(dt.tzinfo):
    """A time zone that has an offset only for datetimes."""

    def utcoffset(self, moment):
        return None


class NotSerializable:
    pass


def recursive():
    value: list = []
    value.append(value)
    return value


def deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def deep_tuple(levels):
    value = ()
    for _ in range(levels):
        value = (value,)
    return value


class Failing:
    pass


#: The placeholder, the value, and a part of the message.
BAD = [
    ("s", object(), "cannot adapt type 'object'"),
    ("b", (1, 2), "cannot adapt type 'tuple'"),
    ("b", Int2(2**15), "."),
    ("b", Int2(-(2**15) - 1), "."),
    ("b", Int4(2**31), "."),
    ("b", Int8(2**63), "."),
    ("b", Oid(2**32), "."),
    ("b", Oid(-1), "."),
    ("b", [Int2(1), Int2(2**20)], "."),
    ("s", "nul \0 in it", "NUL"),
    ("b", "nul \0 in it", "NUL"),
    ("s", [1, "a"], "cannot dump lists of mixed types; got: int, str"),
    ("b", [[1], [2, 3]], "inconsistent lengths"),
    ("b", [1, [2]], "inconsistent depths"),
    ("b", [[], [1]], "empty lists"),
    ("s", recursive(), "recursive"),
    ("s", deep(100), "nested more than"),
    ("s", deep_tuple(100), "nested more than"),
    ("s", dt.time(1, 2, tzinfo=NoOffset()), "offset"),
    ("b", [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)], "mixed"),
    ("b", Range(Decimal(1), "x"), "two types"),
    ("b", Int4Range(1, 2**40), "."),
    ("b", Int4Multirange([Range(1, 2**40)]), "."),
    ("s", ["a\0"], "NUL"),
    ("t", {"not": "a type"}, "cannot adapt type 'dict'"),
    ("b", ExtendedTimestamp(10**6, 1, 1), "out of"),
]


@pytest.mark.parametrize("placeholder, value, message", BAD, ids=lambda v: repr(v)[:30])
async def test_named(twin, placeholder, value, message):
    async with await twin.connect() as conn:
        register_out_of_range(twin.unwrap(conn), "lossless")
        wanted = (psycoxide.DataError, psycoxide.ProgrammingError)
        name = type(value).__name__
        with pytest.raises(wanted, match=message) as raised:
            await conn.execute(f"SELECT %s, %{placeholder}", [1, value])
        assert f"(parameter 2, type {name})" in str(raised.value)
        with pytest.raises(wanted) as raised:
            await conn.execute(
                f"SELECT %(a)s, %(the value){placeholder}", {"a": 1, "the value": value}
            )
        assert f"(parameter 'the value', type {name})" in str(raised.value)
        cur = conn.cursor()
        with pytest.raises(wanted) as raised:
            await cur.executemany(f"SELECT %s, %{placeholder}", [(1, None), (1, value)])
        assert f"(parameter 2, type {name})" in str(raised.value)
        # Nothing has happened to the connection.
        assert conn.info.transaction_status.name in ("IDLE", "INTRANS")
        cur = await conn.execute("SELECT 1")
        assert await cur.fetchone() == (1,)


@pytest.mark.parametrize(
    "value",
    [
        Json(NotSerializable()),
        DateRange(dt.date(2020, 1, 1), "tomorrow"),
        Multirange([Range(1, 2)]),
        ipaddress.ip_address("::1"),
        IntNumeric(10**4000),
    ],
    ids=lambda v: repr(v)[:30],
)
async def test_usable_afterwards(twin, value):
    """Whatever becomes of these, the connection goes on."""
    async with await twin.connect(autocommit=True) as conn:
        for placeholder in "stb":
            try:
                await conn.execute(f"SELECT %{placeholder}", [value])
            except (psycoxide.Error, TypeError):
                pass
            cur = await conn.execute("SELECT 1")
            assert await cur.fetchone() == (1,)


async def test_python_exceptions_get_a_note(twin):
    """As in psycopg it is Python's exception that is raised; a note says where."""
    if sys.version_info < (3, 11):
        pytest.skip("exceptions have notes since Python 3.11")
    async with await twin.connect() as conn:
        with pytest.raises(UnicodeEncodeError) as raised:
            await conn.execute("SELECT %s, %s", [1, "\ud800"])
        assert raised.value.__notes__ == ["parameter 2, type str"]
        with pytest.raises(TypeError, match="not JSON serializable") as raised:
            await conn.execute("SELECT %(a)s", {"a": Json(NotSerializable())})
        assert raised.value.__notes__ == ["parameter 'a', type Json"]


async def test_too_many_parameters(twin):
    async with await twin.connect() as conn:
        query = "SELECT " + ", ".join(["%s"] * 65_536)
        with pytest.raises(psycoxide.ProgrammingError, match="between 0 and 65535, got 65536"):
            await conn.execute(query, [None] * 65_536)


async def test_copy_names_the_column(twin):
    async with await twin.connect() as conn:
        await conn.execute("CREATE TEMP TABLE bad (a int, b int)")
        cur = conn.cursor()
        with pytest.raises((psycoxide.DataError, psycoxide.ProgrammingError), match="object"):
            async with cur.copy("COPY bad FROM STDIN") as copy:
                await copy.write_row([1, object()])
