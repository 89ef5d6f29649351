"""Dates, times, timestamps and intervals, both ways in both formats."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pytest

import psycoxide
from support.values import same

UTC = dt.timezone.utc
EAST = dt.timezone(dt.timedelta(hours=5, minutes=30))
WEST = dt.timezone(-dt.timedelta(hours=3, minutes=25, seconds=12))

DATES = [dt.date(2000, 1, 1), dt.date(1999, 12, 31), dt.date(2024, 2, 29), dt.date.min, dt.date.max]
TIMES = [dt.time(), dt.time(1, 2, 3), dt.time(23, 59, 59, 999999), dt.time(0, 0, 0, 1)]


@pytest.mark.parametrize("value", DATES)
def test_dates(echo, value):
    assert same(echo(value), value)


@pytest.mark.parametrize("value", TIMES)
def test_times(echo, value):
    assert same(echo(value), value)
    for zone in (UTC, EAST, WEST):
        for back in echo(value.replace(tzinfo=zone)):
            assert back == value.replace(tzinfo=zone)
            assert back.utcoffset() == zone.utcoffset(None)


def moments():
    generator = random.Random(5)
    for date in DATES:
        for time in TIMES:
            yield dt.datetime.combine(date, time)
    for _ in range(100):
        yield dt.datetime.min + dt.timedelta(
            days=generator.randrange(3_652_058), microseconds=generator.randrange(86_400_000_000)
        )


def test_timestamps(echo):
    for moment in moments():
        assert same(echo(moment), moment)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Rome", "America/New_York", "Asia/Kathmandu"])
def test_timestamps_with_time_zone(dsn, zone):
    with psycoxide.connect(dsn) as conn:
        conn.execute(f"SET TIME ZONE '{zone}'")
        wanted = ZoneInfo(zone)
        inside = (m for m in moments() if dt.datetime(2, 1, 1) < m < dt.datetime(9998, 1, 1))
        for moment in inside:
            for tzinfo in (UTC, EAST, wanted):
                value = moment.replace(tzinfo=tzinfo)
                for placeholder in "tb":
                    for binary in (False, True):
                        cur = conn.execute(f"SELECT %{placeholder}", [value], binary=binary)
                        (back,) = cur.fetchone()
                        assert back == value and back.tzinfo is wanted
                        assert back.utcoffset() == value.astimezone(wanted).utcoffset()


def test_clocks_set_back(dsn):
    """The hour that the clock shows twice is told apart by `fold`."""
    with psycoxide.connect(dsn) as conn:
        conn.execute("SET TIME ZONE 'Europe/Rome'")
        first = dt.datetime(2024, 10, 27, 0, 30, tzinfo=UTC)
        for hours, fold in ((0, 0), (1, 1), (2, 0)):
            for binary in (False, True):
                moment = first + dt.timedelta(hours=hours)
                (back,) = conn.execute("SELECT %s", [moment], binary=binary).fetchone()
                assert (back.astimezone(UTC), back.fold) == (moment, fold)


@pytest.mark.parametrize("style", ["ISO", "SQL", "German", "Postgres"])
@pytest.mark.parametrize("order", ["MDY", "DMY", "YMD"])
def test_date_styles(dsn, style, order):
    with psycoxide.connect(dsn) as conn:
        conn.execute(f"SET DateStyle TO '{style}, {order}'")
        for moment in (dt.datetime(2024, 2, 3, 4, 5, 6, 7), dt.datetime(1970, 12, 31)):
            row = conn.execute("SELECT %t, %t", [moment.date(), moment]).fetchone()
            assert row == (moment.date(), moment)
        query = "SELECT '2024-02-03 04:05:06+00'::timestamptz"
        cur = conn.execute(query)
        if style == "ISO":
            assert cur.fetchone() == (dt.datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC),)
        else:
            with pytest.raises(NotImplementedError, match="DateStyle"):
                cur.fetchone()
        cur = conn.execute(query, binary=True)
        assert cur.fetchone() == (dt.datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC),)


@pytest.mark.parametrize(
    "expression, message",
    [
        ("'infinity'::date", "date too large"),
        ("'-infinity'::date", "date too small"),
        ("'10000-01-01'::date", "date too large"),
        ("'0001-12-31 BC'::date", "date too small"),
        ("'infinity'::timestamp", "timestamp too large"),
        ("'-infinity'::timestamp", "timestamp too small"),
        ("'10000-01-01'::timestamp", "timestamp too large"),
        ("'0044-03-15 BC'::timestamp", "timestamp too small"),
        ("'infinity'::timestamptz", "timestamp too large"),
        ("'-infinity'::timestamptz", "timestamp too small"),
        ("'20000-01-01 00:00+00'::timestamptz", "timestamp too large"),
        ("'0044-03-15 00:00+00 BC'::timestamptz", "timestamp too small"),
        ("'24:00'::time", "hour"),
        ("'24:00+00'::timetz", "hour"),
        ("'1000000000 days'::interval", "days=1000000000"),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_beyond_python(conn, expression, message, binary):
    cur = conn.execute(f"SELECT {expression} AS col", binary=binary)
    with pytest.raises(psycoxide.DataError, match=message) as caught:
        cur.fetchone()
    assert 'column "col"' in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        dt.timedelta(),
        dt.timedelta(1, 2, 3),
        dt.timedelta(-1),
        dt.timedelta(microseconds=-1),
        dt.timedelta(days=-999999999),
        dt.timedelta.max,
        dt.timedelta(days=400, hours=25),
    ],
)
def test_intervals(conn, echo, value):
    assert same(echo(value), value)
    for placeholder in "tb":
        query = f"SELECT extract(epoch FROM %{placeholder})::numeric = %s::numeric"
        seconds = f"{value.days * 86400 + value.seconds}.{value.microseconds:06}"
        if value.days < 0 and value.microseconds:
            continue
        assert conn.execute(query, [value, seconds]).fetchone() == (True,)


@pytest.mark.parametrize("style", ["postgres", "postgres_verbose", "sql_standard", "iso_8601"])
def test_interval_styles(dsn, style):
    with psycoxide.connect(dsn) as conn:
        conn.execute(f"SET IntervalStyle TO {style}")
        for text, days, seconds in (
            ("1 year 2 mons 3 days 04:05:06.5", 428, 14706.5),
            ("-1 year -2 mons +3 days", -422, 0),
            ("-3 days -04:05:06.5", -3, -14706.5),
            ("00:00:00.000001", 0, 0.000001),
        ):
            wanted = dt.timedelta(days, seconds)
            for binary in (False, True):
                cur = conn.execute("SELECT %s::interval", [text], binary=binary)
                assert cur.fetchone() == (wanted,)


def test_unknown_time_zone(dsn, caplog):
    with psycoxide.connect(dsn) as conn:
        conn.execute("SET TIME ZONE '<XYZ>-03'")
        (back,) = conn.execute("SELECT '2024-01-01 00:00+00'::timestamptz").fetchone()
        assert back == dt.datetime(2024, 1, 1, tzinfo=UTC)
    assert "unknown PostgreSQL timezone" in caplog.text


def test_time_of_a_zone_that_needs_a_date(conn):
    with pytest.raises(psycoxide.DataError, match="without a date"):
        conn.execute("SELECT %s", [dt.time(1, tzinfo=ZoneInfo("Europe/Rome"))])
