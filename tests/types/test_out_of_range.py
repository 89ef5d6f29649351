"""Dates, timestamps and intervals that Python cannot hold."""

from __future__ import annotations

import copy
import datetime as dt
import pickle

import pytest

import psycoxide
from psycoxide.types.datetime import (
    ExtendedDate,
    ExtendedInterval,
    ExtendedTimestamp,
    ExtendedTimestamptz,
    register_out_of_range,
)
from psycoxide.types.range import Range

UTC = dt.timezone.utc
FIRST, LAST = dt.datetime.min, dt.datetime.max

CASES = [
    ("date", "infinity", dt.date.max, ExtendedDate.INFINITY),
    ("date", "-infinity", dt.date.min, ExtendedDate.NEGATIVE_INFINITY),
    ("date", "0044-03-15 BC", dt.date.min, ExtendedDate(-43, 3, 15)),
    ("date", "4713-01-01 BC", dt.date.min, ExtendedDate(-4712, 1, 1)),
    ("date", "0001-12-31 BC", dt.date.min, ExtendedDate(0, 12, 31)),
    ("date", "10000-01-01", dt.date.max, ExtendedDate(10000, 1, 1)),
    ("date", "5874897-12-31", dt.date.max, ExtendedDate(5874897, 12, 31)),
    ("timestamp", "infinity", LAST, ExtendedTimestamp.INFINITY),
    ("timestamp", "-infinity", FIRST, ExtendedTimestamp.NEGATIVE_INFINITY),
    (
        "timestamp",
        "0044-03-15 12:13:14.000015 BC",
        FIRST,
        ExtendedTimestamp(-43, 3, 15, 12, 13, 14, 15),
    ),
    ("timestamp", "4713-01-01 00:00:00 BC", FIRST, ExtendedTimestamp(-4712, 1, 1)),
    (
        "timestamp",
        "294276-12-31 23:59:59.999999",
        LAST,
        ExtendedTimestamp(294276, 12, 31, 23, 59, 59, 999999),
    ),
    ("timestamptz", "infinity", LAST.replace(tzinfo=UTC), ExtendedTimestamptz.INFINITY),
    ("timestamptz", "-infinity", FIRST.replace(tzinfo=UTC), ExtendedTimestamptz.NEGATIVE_INFINITY),
    (
        "timestamptz",
        "0044-03-15 12:13:14.5+00 BC",
        FIRST.replace(tzinfo=UTC),
        ExtendedTimestamptz(-43, 3, 15, 12, 13, 14, 500000),
    ),
    (
        "timestamptz",
        "10000-01-01 00:00:00+00",
        LAST.replace(tzinfo=UTC),
        ExtendedTimestamptz(10000, 1, 1),
    ),
    (
        "interval",
        "2800000 years 1 mon 2 days 00:00:03",
        dt.timedelta.max,
        ExtendedInterval(2800000 * 12 + 1, 2, 3_000_000),
    ),
    (
        "interval",
        "-2800000 years 00:00:00.5",
        dt.timedelta.min,
        ExtendedInterval(-2800000 * 12, 0, 500_000),
    ),
]


@pytest.fixture(params=["clamp", "infinity", "lossless"])
def policy(request):
    return request.param


async def connect(twin, policy):
    conn = await twin.connect(autocommit=True)
    await conn.execute("SET TIME ZONE 'UTC'")
    register_out_of_range(twin.unwrap(conn), policy)
    return conn


async def fetch(conn, query, *args, **options):
    cur = await conn.execute(query, *args, **options)
    (value,) = await cur.fetchone()
    return value


@pytest.mark.parametrize("binary", [False, True])
async def test_values(twin, policy, binary):
    async with await connect(twin, policy) as conn:
        for name, text, clamped, exact in CASES:
            if policy == "infinity" and not exact.is_infinite:
                with pytest.raises(psycoxide.DataError):
                    await fetch(conn, f"SELECT '{text}'::{name}", binary=binary)
                continue
            value = await fetch(conn, f"SELECT '{text}'::{name}", binary=binary)
            wanted = clamped if policy == "clamp" else exact
            assert value == wanted and type(value) is type(wanted), (name, text)
            if policy == "clamp":
                assert getattr(value, "utcoffset", str)() == getattr(wanted, "utcoffset", str)()
                continue
            for placeholder in "stb":
                query = f"SELECT %{placeholder} = '{text}'::{name}, pg_typeof(%{placeholder})::text"
                cur = await conn.execute(query, [value, value])
                same, sent_as = await cur.fetchone()
                assert same and sent_as.startswith(name.removesuffix("tz"))
                assert await fetch(conn, f"SELECT %{placeholder}", [value], binary=binary) == value
                shown = await fetch(conn, f"SELECT %{placeholder}::text", [value])
                if name != "interval":
                    assert shown == text == str(value)


@pytest.mark.parametrize("binary", [False, True])
async def test_arrays_and_ranges(twin, policy, binary):
    async with await connect(twin, policy) as conn:
        for name, range_name, first, last, low, high in (
            (
                "date",
                "daterange",
                dt.date.min,
                dt.date.max,
                ExtendedDate.NEGATIVE_INFINITY,
                ExtendedDate.INFINITY,
            ),
            (
                "timestamp",
                "tsrange",
                FIRST,
                LAST,
                ExtendedTimestamp.NEGATIVE_INFINITY,
                ExtendedTimestamp.INFINITY,
            ),
            (
                "timestamptz",
                "tstzrange",
                FIRST.replace(tzinfo=UTC),
                LAST.replace(tzinfo=UTC),
                ExtendedTimestamptz.NEGATIVE_INFINITY,
                ExtendedTimestamptz.INFINITY,
            ),
        ):
            if policy == "clamp":
                low, high = first, last
            query = f"SELECT '{{{{-infinity,infinity}},{{2024-02-29,NULL}}}}'::{name}[]"
            array = await fetch(conn, query, binary=binary)
            assert array[0] == [low, high] and array[1][1] is None
            found = await fetch(conn, f"SELECT '[-infinity,infinity)'::{range_name}", binary=binary)
            assert (found.lower, found.upper, found.bounds) == (low, high, "[)")
            if policy == "clamp":
                continue
            for placeholder in "stb":
                back = await fetch(conn, f"SELECT %{placeholder}", [array], binary=binary)
                assert back == array
                query = f"SELECT %{placeholder}::{range_name}"
                assert await fetch(conn, query, [found], binary=binary) == found
                mixed = Range(array[1][0], high)
                assert await fetch(conn, query, [mixed], binary=binary) == mixed
                query = f"SELECT ARRAY['[-infinity,infinity)'::{range_name}]"
                assert await fetch(conn, query, binary=binary) == [found]


async def test_infinite_intervals(twin, policy):
    async with await connect(twin, policy) as conn:
        if conn.info.server_version < 170000:
            pytest.skip("intervals are infinite since PostgreSQL 17")
        for sign, clamped, exact in (
            ("", dt.timedelta.max, ExtendedInterval.INFINITY),
            ("-", dt.timedelta.min, ExtendedInterval.NEGATIVE_INFINITY),
        ):
            for binary in (False, True):
                value = await fetch(conn, f"SELECT '{sign}infinity'::interval", binary=binary)
                assert value == (clamped if policy == "clamp" else exact)
                if policy == "clamp":
                    continue
                assert str(value) == f"{sign}infinity"
                for placeholder in "stb":
                    back = await fetch(conn, f"SELECT %{placeholder}", [value], binary=binary)
                    assert back is value or back == value


async def test_in_other_time_zones(twin):
    """A moment that the calendar of UTC has, and that of the session has not."""
    for zone, text in (
        ("America/New_York", "0001-01-01 00:00:00+00"),
        ("Asia/Tokyo", "9999-12-31 23:30:00+00"),
    ):
        for policy in ("clamp", "lossless"):
            async with await connect(twin, policy) as conn:
                await conn.execute(f"SET TIME ZONE '{zone}'")
                for binary in (False, True):
                    value = await fetch(conn, f"SELECT '{text}'::timestamptz", binary=binary)
                    if policy == "lossless":
                        year = int(text[:4])
                        assert (value.year, value.tzinfo) == (year, UTC)
                        assert await fetch(conn, f"SELECT %b = '{text}'::timestamptz", [value])
                    else:
                        assert value.replace(tzinfo=None) in (FIRST, LAST)


async def test_date_styles(twin):
    async with await connect(twin, "lossless") as conn:
        for style in ("ISO", "SQL, DMY", "SQL, MDY", "German", "Postgres, DMY"):
            await conn.execute(f"SET datestyle TO {style}")
            value = await fetch(conn, "SELECT '0044-03-15 BC'::date")
            assert value == ExtendedDate(-43, 3, 15)
            for placeholder in "tb":
                assert await fetch(conn, f"SELECT %{placeholder}", [value]) == value
            value = await fetch(conn, "SELECT '12000-03-15 01:02:03'::timestamp")
            assert value == ExtendedTimestamp(12000, 3, 15, 1, 2, 3)


async def test_client_cursors_and_copy(twin):
    values = [
        ExtendedDate(-43, 3, 15),
        ExtendedTimestamp.INFINITY,
        ExtendedTimestamptz(12000, 1, 1),
    ]
    async with await connect(twin, "lossless") as conn:
        cur = twin.named("ClientCursor")(twin.unwrap(conn))
        executed = cur.execute("SELECT %s, %s, %s", values)
        fetched = (await executed if twin.is_async else executed).fetchone()
        assert list(await fetched if twin.is_async else fetched) == values
        cur = conn.cursor()
        await cur.execute("CREATE TEMP TABLE extended (d date, t timestamp, z timestamptz)")
        types = ["date", "timestamp", "timestamptz"]
        for suffix in ("", " (FORMAT binary)"):
            async with cur.copy(f"COPY extended FROM STDIN{suffix}") as copying:
                copying.set_types(types)
                await copying.write_row(values)
            async with cur.copy(f"COPY extended TO STDOUT{suffix}") as copying:
                copying.set_types(types)
                async for row in copying.rows():
                    assert list(row) == values


def test_off_by_default(dsn):
    with psycoxide.connect(dsn) as conn, psycoxide.connect(dsn) as other:
        register_out_of_range(other, "lossless")
        for binary in (False, True):
            cur = conn.execute("SELECT 1, 'infinity'::date AS \"the end\"", binary=binary)
            name = "binary" if binary else "text"
            place = f'column "the end", type oid 1082, {name} format'
            with pytest.raises(psycoxide.DataError, match=f"too large.*{place}"):
                cur.fetchone()
        with pytest.raises(psycoxide.ProgrammingError, match="cannot adapt type 'ExtendedDate'"):
            conn.execute("SELECT %s", [ExtendedDate(1, 1, 1)])
        register_out_of_range(other, "raise")
        with pytest.raises(psycoxide.DataError, match="too large"):
            other.execute("SELECT 'infinity'::date").fetchone()
        with pytest.raises(ValueError, match="bad policy: 'ignore'"):
            register_out_of_range(other, "ignore")


def test_for_all_connections(dsn):
    adapters = psycoxide.adapters
    try:
        register_out_of_range(policy="clamp")
        with psycoxide.connect(dsn) as conn:
            assert conn.execute("SELECT 'infinity'::date").fetchone() == (dt.date.max,)
            cur = conn.cursor()
            register_out_of_range(cur, "infinity")
            cur.execute("SELECT 'infinity'::date")
            assert cur.fetchone() == (ExtendedDate.INFINITY,)
    finally:
        register_out_of_range(policy="raise")
    assert adapters is psycoxide.adapters
    with psycoxide.connect(dsn) as conn, pytest.raises(psycoxide.DataError):
        conn.execute("SELECT 'infinity'::date").fetchone()


def test_comparisons():
    assert dt.date.max < ExtendedDate(10000, 1, 1) < ExtendedDate.INFINITY
    assert ExtendedDate.NEGATIVE_INFINITY < ExtendedDate(0, 12, 31) < dt.date.min
    assert ExtendedDate(2024, 2, 29) == dt.date(2024, 2, 29) >= ExtendedDate(2024, 2, 29)
    assert ExtendedTimestamp(10000, 1, 1) > LAST and dt.datetime.max < ExtendedTimestamp.INFINITY
    assert ExtendedTimestamp(2024, 2, 29, 1, 2, 3, 4) == dt.datetime(2024, 2, 29, 1, 2, 3, 4)
    east = dt.timezone(dt.timedelta(hours=2))
    assert ExtendedTimestamptz(2024, 2, 29) == dt.datetime(2024, 2, 29, 2, tzinfo=east)
    assert ExtendedTimestamptz(10000, 1, 1) > LAST.replace(tzinfo=UTC)
    assert dt.timedelta.min > ExtendedInterval.NEGATIVE_INFINITY
    assert ExtendedInterval(12, 1, 5) == dt.timedelta(days=366, microseconds=5)
    assert ExtendedDate(1, 1, 1) != FIRST and ExtendedTimestamp(1, 1, 1) != dt.date.min
    assert ExtendedTimestamp(1, 1, 1) != ExtendedTimestamptz(1, 1, 1)
    for other in (FIRST, 5, ExtendedInterval.INFINITY):
        with pytest.raises(TypeError):
            assert ExtendedDate(1, 1, 1) < other
    assert sorted([dt.date.max, ExtendedDate.INFINITY, ExtendedDate(-1, 1, 1)])[0].year == -1


@pytest.mark.parametrize(
    "value, shown",
    [
        (ExtendedDate(-43, 3, 15), "ExtendedDate(-43, 3, 15)"),
        (ExtendedDate.INFINITY, "ExtendedDate.INFINITY"),
        (ExtendedTimestamp(12000, 1, 2, 3, 4, 5, 6), "ExtendedTimestamp(12000, 1, 2, 3, 4, 5, 6)"),
        (ExtendedTimestamptz.NEGATIVE_INFINITY, "ExtendedTimestamptz.NEGATIVE_INFINITY"),
        (ExtendedInterval(1, -2, 3), "ExtendedInterval(1, -2, 3)"),
        (ExtendedInterval.INFINITY, "ExtendedInterval.INFINITY"),
    ],
)
def test_objects(value, shown):
    assert repr(value) == shown and eval(shown) == value
    for twin in (copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert twin == value and hash(twin) == hash(value) and repr(twin) == shown


def test_hashes_of_equals_are_equal():
    assert hash(ExtendedDate(2024, 2, 29)) == hash(dt.date(2024, 2, 29))
    assert hash(ExtendedTimestamp(2024, 2, 29, 5)) == hash(dt.datetime(2024, 2, 29, 5))
    assert hash(ExtendedTimestamptz(2024, 2, 29)) == hash(dt.datetime(2024, 2, 29, tzinfo=UTC))
    assert hash(ExtendedInterval(0, 1, 2)) == hash(dt.timedelta(days=1, microseconds=2))


@pytest.mark.parametrize(
    "make, args",
    [
        (ExtendedDate, (2023, 2, 29)),
        (ExtendedDate, (-43, 13, 1)),
        (ExtendedTimestamp, (12000, 1, 1, 24)),
    ],
)
def test_no_such_day(make, args):
    with pytest.raises(ValueError):
        make(*args)


def test_infinities_have_no_year():
    assert not hasattr(ExtendedDate.INFINITY, "year")
    assert ExtendedDate(-43, 3, 15).is_infinite is False


def test_out_of_the_servers_range(dsn):
    with psycoxide.connect(dsn, autocommit=True) as conn:
        register_out_of_range(conn, "lossless")
        for value in (ExtendedDate(10**7, 1, 1), ExtendedInterval(2**31)):
            for placeholder in "tb":
                with pytest.raises(psycoxide.DataError):
                    conn.execute(f"SELECT %{placeholder}", [value])
        with pytest.raises(psycoxide.DataError, match="parameter 1, type ExtendedTimestamp"):
            conn.execute("SELECT %b", [ExtendedTimestamp(10**6, 1, 1)])
