"""What is measured: data, statements, sizes, and which driver variants take part.

A workload's name is the name of the method which runs it in the classes of `drivers`.
"""

from __future__ import annotations

import datetime
import decimal
import itertools
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

POINT_ROWS = 100_000
CONNECTIONS = 100

# Statements have `{}` for each parameter: drivers put their own placeholder there.
SELECT1 = "SELECT 1"
POINT = "SELECT id, name, value, ts FROM bench_point WHERE id = {}"
INSERT = "INSERT INTO bench_insert (id, name, value, ts, active) VALUES ({}, {}, {}, {}, {})"
TRUNCATE = "TRUNCATE bench_insert"
PARAMS10 = (
    "SELECT {}::int8, {}::float8, {}::text, {}::bool, {}::text,"
    " {}::timestamptz, {}::numeric, {}::uuid, {}::int4[], {}::jsonb"
)
STREAM = "SELECT a, b, c, d, e FROM bench_ints LIMIT {}"
BATCH = 1000
COPY_IN = "COPY bench_insert (id, name, value, ts, active) FROM STDIN{}"
COPY_IN_TYPES = ["int4", "text", "float8", "timestamptz", "bool"]
COPY_IN_BYTES = "COPY bench_insert (id, name, value, ts, active) FROM STDIN (FORMAT csv)"
COPY_OUT_RAW = "COPY (SELECT a, b, c, d, e FROM bench_text LIMIT {}) TO STDOUT"
COPY_OUT_ROWS = "COPY (SELECT a, b, c, d, e FROM bench_ints LIMIT {}) TO STDOUT{}"
COPY_OUT_TYPES = ["int4"] * 5
FETCH = {
    "fetch_ints": "SELECT a, b, c, d, e FROM bench_ints LIMIT {}",
    "fetch_text": "SELECT a, b, c, d, e FROM bench_text LIMIT {}",
    "fetch_mixed": "SELECT a, b, c, d, e, f, g, h, i, j FROM bench_mixed LIMIT {}",
    "fetch_bytea": "SELECT a FROM bench_bytea LIMIT {}",
    "fetch_arrays": "SELECT a, b FROM bench_arrays LIMIT {}",
    "fetch_json": "SELECT a FROM bench_json LIMIT {}",
    "fetch_composite": "SELECT a FROM bench_composite LIMIT {}",
    "rows_class": "SELECT id, name, value, ts FROM bench_point LIMIT {}",
    "rows_dict": "SELECT id, name, value, ts FROM bench_point LIMIT {}",
}

TABLES = """
CREATE TABLE bench_point AS
    SELECT i AS id, 'name ' || i AS name, i * 1.5::float8 AS value,
        timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second' AS ts
    FROM generate_series(1, 100000) AS i;
ALTER TABLE bench_point ADD PRIMARY KEY (id);
CREATE TABLE bench_insert (id int, name text, value float8, ts timestamptz, active bool);
CREATE TABLE bench_ints AS
    SELECT i AS a, i * 3 AS b, i % 1000 AS c, -i AS d, i / 7 AS e
    FROM generate_series(1, 1000000) AS i;
CREATE TABLE bench_text AS
    SELECT 'row ' || i AS a, md5(i::text) AS b, 'state ' || i % 10 AS c,
        'some short text ' || i % 1000 AS d, 'x' || i AS e
    FROM generate_series(1, 500000) AS i;
CREATE TABLE bench_mixed AS
    SELECT i AS a, i::bigint * 1000000007 AS b, i * 0.37::float8 AS c, 'text ' || i AS d,
        timestamptz '2026-01-01 00:00:00+00' + i * interval '1 minute' AS e,
        (i * 12.34)::numeric(12, 2) AS f, md5(i::text)::uuid AS g, i % 2 = 0 AS h,
        jsonb_build_object('id', i, 'tags', jsonb_build_array('a', 'b'), 'price', i * 0.5) AS i,
        date '2026-01-01' + i % 3650 AS j
    FROM generate_series(1, 300000) AS i;
CREATE TABLE bench_bytea AS
    SELECT decode(repeat(md5(i::text), 4096), 'hex') AS a FROM generate_series(1, 2000) AS i;
CREATE TABLE bench_arrays AS
    SELECT ARRAY[i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7, i + 8, i + 9] AS a,
        ARRAY['a' || i, 'item ' || i % 100, md5(i::text), '', 'with, a comma'] AS b
    FROM generate_series(1, 100000) AS i;
CREATE TABLE bench_json AS
    SELECT jsonb_build_object('id', i, 'name', 'name ' || i, 'active', i % 2 = 0, 'score', i * 0.5,
        'tags', jsonb_build_array('a', 'b', 'tag ' || i % 50),
        'address', jsonb_build_object('street', 'street ' || i, 'zip', NULL, 'lines', 2)) AS a
    FROM generate_series(1, 100000) AS i;
CREATE TYPE bench_item AS (id int, name text, price float8, ts timestamptz);
CREATE TABLE bench_composite AS
    SELECT ROW(i, 'name ' || i, i * 0.5,
        timestamptz '2026-01-01 00:00:00+00' + i * interval '1 second')::bench_item AS a
    FROM generate_series(1, 100000) AS i;
VACUUM ANALYZE;
"""


@dataclass
class Point:
    """A row of bench_point."""

    id: int
    name: str
    value: float
    ts: datetime.datetime


def check(workload: str, row: Any) -> None:
    """Fail if a driver has not made of a row what the others make of it."""
    match workload:
        case "fetch_bytea":
            assert len(row[0]) == 65_536
        case "fetch_arrays":
            assert row[0] == list(range(row[0][0], row[0][0] + 10)) and row[1][4] == "with, a comma"
        case "fetch_json":
            assert row[0]["tags"][:2] == ["a", "b"] and row[0]["address"]["zip"] is None
        case "fetch_composite":
            key, _, price, _ = row[0]
            assert price * 2 == key
        case "rows_class":
            assert isinstance(row, Point) and isinstance(row.ts, datetime.datetime)
        case "rows_dict":
            assert list(row) == ["id", "name", "value", "ts"] and row["value"] == row["id"] * 1.5


def point_keys(count: int) -> list[int]:
    """Return `count` keys of bench_point, the same ones for every driver."""
    generator = random.Random(1)
    return [generator.randint(1, POINT_ROWS) for _ in range(count)]


def insert_rows(count: int) -> list[tuple[Any, ...]]:
    """Return `count` rows of bench_insert."""
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    second = datetime.timedelta(seconds=1)
    return [(i, f"name {i}", i * 0.5, start + i * second, i % 2 == 0) for i in range(1, count + 1)]


def copy_rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Return `count` rows of bench_insert, for COPY: the first 50,000 again and again."""
    return itertools.islice(itertools.cycle(insert_rows(min(count, 50_000))), count)


def csv_blocks(megabytes: int) -> list[bytes]:
    """Return so many MB of lines for bench_insert, in blocks of 64 KiB."""
    line = b"%d,name of a row,1.5,2026-01-01 00:00:00+00,t\n"
    lines = b"".join(line % number for number in range(25_000))
    data = lines[: lines.rindex(b"\n", 0, 1 << 20) + 1]
    return [data[start : start + (1 << 16)] for start in range(0, len(data), 1 << 16)] * megabytes


def params10() -> list[Any]:
    """Return the parameters of PARAMS10; the last is a dict, to be sent as JSON."""
    return [
        12345678901,
        3.14159,
        "some text, not very long",
        True,
        None,
        datetime.datetime(2026, 11, 22, 12, 30, 15, 123456, tzinfo=datetime.timezone.utc),
        decimal.Decimal("12345.6789"),
        uuid.UUID("9f8b2c1e-5d7a-4c3b-8e6f-1a2b3c4d5e6f"),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        {"name": "widget", "tags": ["a", "b"], "price": 9.5, "stock": None},
    ]


SYNC = ["psycoxide", "psycoxide+bin", "psycopg", "psycopg+bin", "psycopg_c", "psycopg_c+bin"]
PSYCOPG2 = ["psycopg2"]
ASYNC = ["psycoxide_async", "psycopg_async", "asyncpg", "psqlpy"]
UVLOOP = [f"{name}+uv" for name in ASYNC]


@dataclass(frozen=True)
class Workload:
    """What is run, how much of it, and by which drivers."""

    name: str
    operations: int
    """How many operations (statements or rows) one process measures."""
    variants: list[str]
    what: str
    unit: str = "operation"


WORKLOADS = [
    Workload("import_time", 1, ["psycoxide", "psycopg", "psycopg_c", "psycopg2", "asyncpg"]
             + ["psqlpy"], "importing the driver in a new interpreter", "import"),
    Workload("select1", 20_000, SYNC + PSYCOPG2 + ASYNC + UVLOOP, "SELECT 1 in a loop"),
    Workload("point_select", 20_000, SYNC + PSYCOPG2 + ASYNC + UVLOOP,
             "one row of four columns by its key, execute and fetchone"),
    Workload("concurrency_async", 20_000, [*ASYNC, *UVLOOP, "asyncpg+noreset"]
             + ["asyncpg+noreset+uv"], "point selects by 100 tasks through a pool of 100"),
    Workload("connections_async", 20_000, ASYNC + UVLOOP,
             "point selects by 100 tasks, each with a connection of its own"),
    Workload("params10", 5_000, SYNC + PSYCOPG2 + ASYNC + UVLOOP,
             "ten parameters of ten types, sent and fetched back"),
    Workload("fetch_ints", 1_000_000, SYNC + PSYCOPG2 + ["psycoxide_async"] + UVLOOP,
             "1M rows of 5 integers, fetchall", "row"),
    Workload("fetch_text", 500_000, SYNC + PSYCOPG2 + ["psycoxide_async"] + UVLOOP,
             "500k rows of 5 short texts, fetchall", "row"),
    Workload("fetch_mixed", 300_000, SYNC + PSYCOPG2 + ["psycoxide_async"] + UVLOOP,
             "300k rows of 10 types, jsonb decoded, fetchall", "row"),
    Workload("fetch_bytea", 2_000, SYNC + PSYCOPG2 + ["psycoxide_async"] + UVLOOP,
             "2000 rows of 64 KiB of bytea, fetchall", "row"),
    Workload("fetch_arrays", 100_000, SYNC + PSYCOPG2 + ["psycoxide_async"] + UVLOOP,
             "100k rows of 10 integers and 5 texts in arrays, fetchall", "row"),
    Workload("fetch_json", 100_000, SYNC + PSYCOPG2 + ["psycoxide_async"] + UVLOOP,
             "100k rows of one jsonb document, decoded, fetchall", "row"),
    Workload("fetch_composite", 100_000, [*SYNC, *PSYCOPG2, "psycoxide_async", *UVLOOP[:-1]],
             "100k rows of a registered composite of 4 fields, fetchall", "row"),
    Workload("rows_class", 100_000, [*SYNC, "psycoxide_async", *UVLOOP[:2]],
             "100k rows of 4 columns as objects of a dataclass (class_row), fetchall", "row"),
    Workload("rows_dict", 100_000, [*SYNC, *PSYCOPG2, "psycoxide_async", *UVLOOP[:2]],
             "100k rows of 4 columns as dictionaries (dict_row), fetchall", "row"),
    Workload("stream", 1_000_000, SYNC + PSYCOPG2 + ASYNC[:-1] + UVLOOP[:-1],
             "1M rows of 5 integers from a cursor on the server, fetched 1000 at a time", "row"),
    Workload("stream_rows", 1_000_000, SYNC[:4] + ASYNC[:2] + UVLOOP[:2],
             "1M rows of 5 integers by stream(size=1000), one by one", "row"),
    Workload("copy_in_rows", 1_000_000, [*SYNC, "psycoxide_async", "psycopg_async"],
             "1M rows of 5 columns by COPY and write_row, in text format or binary", "row"),
    Workload("copy_in_many", 1_000_000, [*SYNC, *PSYCOPG2, *ASYNC[:-1], *UVLOOP[:-1]],
             "the same rows by the driver's call for many, where it has one", "row"),
    Workload("copy_in_bytes", 200, [*SYNC[::2], *PSYCOPG2, *ASYNC[:-1], *UVLOOP[:-1]],
             "200 MB of CSV by COPY, in blocks of 64 KiB", "MB"),
    Workload("copy_out_raw", 500_000, [*SYNC[::2], *PSYCOPG2, *ASYNC[:-1], *UVLOOP[:-1]],
             "500k rows of 5 short texts by COPY, as bytes", "row"),
    Workload("copy_out_rows", 1_000_000, [*SYNC, "psycoxide_async", "psycopg_async"],
             "1M rows of 5 integers by COPY, as tuples", "row"),
    Workload("pipeline", 10_000, [*SYNC, *ASYNC, *UVLOOP],
             "10k point selects in one pipeline, a cursor for each"),
    Workload("executemany_insert", 50_000, SYNC[::2] + PSYCOPG2 + ASYNC + UVLOOP,
             "50k rows of 5 columns by executemany", "row"),
]  # fmt: skip

QUICK_DIVISOR = 10


@dataclass(frozen=True)
class Target:
    """What client CPU must be reached, against peers in the same rounds."""

    workload: str
    ours: list[str]
    """The least of these counts."""
    against: str
    """What the peers are, in words."""
    peers: list[str]
    """The least of these is compared with; none: the limit is in microseconds."""
    limit: float


OURS = ["psycoxide", "psycoxide+bin"]
OURS_ASYNC, OURS_UVLOOP = ["psycoxide_async"], ["psycoxide_async+uv"]
PSYCOPG = ["psycopg", "psycopg+bin"]
PSYCOPG_OR_C = [*PSYCOPG, "psycopg_c", "psycopg_c+bin"]
BEST = [*PSYCOPG_OR_C, "psycopg2", *ASYNC[1:], *UVLOOP[1:]]

TARGETS = [
    Target("import_time", ["psycoxide"], "", [], 45_000),
    Target("point_select", OURS, "psycopg", PSYCOPG, 0.75),
    Target("point_select", OURS_ASYNC, "asyncpg", ["asyncpg"], 0.75),
    Target("point_select", OURS_UVLOOP, "asyncpg+uv", ["asyncpg+uv"], 1.0),
    Target("concurrency_async", OURS_ASYNC, "psycopg_pool", ["psycopg_async"], 0.75),
    Target("concurrency_async", OURS_ASYNC, "asyncpg", ["asyncpg"], 1.0),
    Target("connections_async", OURS_ASYNC, "psycopg_async", ["psycopg_async"], 0.75),
    Target("connections_async", OURS_ASYNC, "asyncpg", ["asyncpg"], 1.0),
    Target("fetch_ints", OURS, "the best peer", BEST, 0.9),
    Target("fetch_text", OURS, "the best peer", BEST, 0.9),
    Target("fetch_mixed", OURS, "psycopg", PSYCOPG_OR_C, 0.6),
    Target("fetch_mixed", OURS, "asyncpg", ["asyncpg", "asyncpg+uv"], 0.65),
    Target("executemany_insert", OURS, "psycopg", PSYCOPG_OR_C, 0.4),
    Target("executemany_insert", OURS, "asyncpg", ["asyncpg", "asyncpg+uv"], 1.0),
    Target("executemany_insert", OURS_ASYNC, "psycoxide", OURS, 1.2),
    Target("params10", OURS, "the best peer", BEST, 0.6),
    Target("stream", OURS, "psycopg2", PSYCOPG2, 0.65),
    Target("stream_rows", OURS, "psycopg", PSYCOPG_OR_C, 0.85),
    Target("copy_in_rows", ["psycoxide+bin"], "psycopg, binary", ["psycopg+bin"], 0.35),
    Target("copy_in_rows", ["psycoxide"], "psycopg, text", ["psycopg"], 0.15),
    Target("copy_in_bytes", ["psycoxide"], "psycopg2", PSYCOPG2, 1.0),
    Target("copy_out_raw", ["psycoxide"], "psycopg", ["psycopg"], 0.3),
    Target("copy_out_rows", OURS, "psycopg", PSYCOPG_OR_C, 0.4),
    Target("pipeline", OURS, "psycopg", PSYCOPG_OR_C, 0.16),
    Target("pipeline", OURS, "asyncpg", ["asyncpg", "asyncpg+uv"], 1.0),
]
