"""Random values of every type: to the server and back unchanged, in both formats, and the server
agrees with its own text form.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
import random
import struct
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from psycoxide.types.json import Json, Jsonb
from psycoxide.types.multirange import Multirange
from psycoxide.types.numeric import Float4
from psycoxide.types.range import Range

ROUNDS = 3
PER_ROUND = 24
ZONE = ZoneInfo("America/New_York")
LETTERS = "aB \"'\\{}(),;%$\t\n\r\x01\x7féß€日😀\u2028"


def text(generator: random.Random, longest: int = 12) -> str:
    return "".join(generator.choices(LETTERS, k=generator.randrange(longest)))


def number(generator: random.Random, bits: int) -> int:
    """Of any size up to so many bits, with a sign."""
    return generator.choice([-1, 1]) * (
        generator.getrandbits(bits - 1) >> generator.randrange(bits)
    )


def decimal(generator: random.Random) -> Decimal:
    digits = tuple(generator.choices(range(10), k=generator.randrange(1, 45)))
    return Decimal((generator.randrange(2), digits, -generator.randrange(30)))


def real(generator: random.Random) -> float:
    (value,) = struct.unpack("!d", generator.randbytes(8))
    return generator.choice([value, generator.uniform(-1e6, 1e6), math.inf, -math.inf, 0.0])


def single(generator: random.Random) -> float:
    (value,) = struct.unpack("!f", generator.randbytes(4))
    return Single(value)


def date(generator: random.Random) -> dt.date:
    return dt.date.fromordinal(generator.randrange(1, dt.date.max.toordinal() + 1))


def time(generator: random.Random) -> dt.time:
    return (dt.datetime.min + dt.timedelta(microseconds=generator.randrange(86_400 * 10**6))).time()


def timetz(generator: random.Random) -> dt.time:
    offset = dt.timedelta(seconds=generator.randrange(-57_000, 57_000))
    return time(generator).replace(tzinfo=dt.timezone(offset))


def timestamp(generator: random.Random) -> dt.datetime:
    return dt.datetime.combine(date(generator), time(generator))


def timestamptz(generator: random.Random) -> dt.datetime:
    moment = dt.datetime(1, 1, 3) + dt.timedelta(days=generator.randrange(3_652_000))
    moment += dt.timedelta(microseconds=generator.randrange(86_400 * 10**6))
    return moment.replace(tzinfo=dt.timezone.utc).astimezone(ZONE)


def interval(generator: random.Random) -> dt.timedelta:
    return dt.timedelta(
        days=generator.randrange(-(10**6), 10**6), microseconds=number(generator, 45)
    )


def document(generator: random.Random, depth: int = 0) -> Any:
    kind = generator.randrange(9 if depth < 3 else 6)
    if kind < 6:
        return generator.choice(
            [None, True, number(generator, 80), generator.uniform(-9, 9), text(generator)]
        )
    items = [document(generator, depth + 1) for _ in range(generator.randrange(4))]
    return items if kind < 8 else {text(generator): item for item in items}


def address(generator: random.Random) -> Any:
    if generator.randrange(2):
        return ipaddress.IPv4Address(generator.getrandbits(32))
    return ipaddress.IPv6Address(generator.getrandbits(128))


def network(generator: random.Random) -> Any:
    if generator.randrange(2):
        part = (generator.getrandbits(32), generator.randrange(33))
        return ipaddress.IPv4Network(part, strict=False)
    part = (generator.getrandbits(128), generator.randrange(129))
    return ipaddress.IPv6Network(part, strict=False)


def interface(generator: random.Random) -> Any:
    found = network(generator)
    cls = ipaddress.IPv4Interface if found.version == 4 else ipaddress.IPv6Interface
    # Without a mask it is loaded as an address.
    short = min(found.prefixlen, found.max_prefixlen - 1)
    return cls((int(found.network_address), short))


def range_of(make: Callable[[random.Random], Any], discrete: Any = None) -> Any:
    """A range as the server gives it back: of a discrete type its bounds are `[)`."""

    def generate(generator: random.Random) -> Range[Any]:
        if generator.randrange(8) == 0:
            return Range(empty=True)
        low, high = sorted([make(generator), make(generator)])
        lower = None if generator.randrange(6) == 0 else low
        upper = None if generator.randrange(6) == 0 else high
        if low == high:
            return Range(empty=True)
        bounds = "[)" if discrete else generator.choice(["[]", "(]", "[)", "()"])
        return Range(
            lower,
            upper,
            ("(" if lower is None else bounds[0]) + (")" if upper is None else bounds[1]),
        )

    return generate


def multirange_of(make: Callable[[random.Random], Any]) -> Any:
    def generate(generator: random.Random) -> Multirange[Any]:
        points = sorted({make(generator) for _ in range(2 * generator.randrange(4))})
        pairs = zip(points[::2], points[1::2])
        return Multirange([Range(low, high) for low, high in pairs])

    return generate


def finite(generator: random.Random) -> Decimal:
    return Decimal(number(generator, 60)).scaleb(-generator.randrange(12))


TYPES: dict[str, Callable[[random.Random], Any]] = {
    "bool": lambda g: g.random() < 0.5,
    "int2": lambda g: number(g, 16),
    "int4": lambda g: number(g, 32),
    "int8": lambda g: number(g, 64),
    "oid": lambda g: g.getrandbits(32),
    "numeric": decimal,
    "float4": single,
    "float8": real,
    "text": text,
    "varchar": text,
    "name": lambda g: text(g, 10),
    '"char"': lambda g: g.choice("aZ09~"),
    "bytea": lambda g: g.randbytes(g.randrange(40)),
    "date": date,
    "time": time,
    "timetz": timetz,
    "timestamp": timestamp,
    "timestamptz": timestamptz,
    "interval": interval,
    "uuid": lambda g: uuid.UUID(int=g.getrandbits(128)),
    "json": document,
    "jsonb": document,
    "inet": lambda g: g.choice([address, interface])(g),
    "cidr": network,
    "bit(9)": lambda g: f"{g.getrandbits(9):09b}",
    "varbit": lambda g: "".join(g.choices("01", k=g.randrange(30))),
    "macaddr": lambda g: g.randbytes(6).hex(":"),
    "int4range": range_of(lambda g: number(g, 31), discrete=True),
    "int8range": range_of(lambda g: number(g, 63), discrete=True),
    "numrange": range_of(finite),
    "daterange": range_of(date, discrete=True),
    "tsrange": range_of(timestamp),
    "tstzrange": range_of(timestamptz),
    "int4multirange": multirange_of(lambda g: number(g, 31)),
    "int8multirange": multirange_of(lambda g: number(g, 63)),
    "nummultirange": multirange_of(finite),
    "datemultirange": multirange_of(date),
    "tsmultirange": multirange_of(timestamp),
    "tstzmultirange": multirange_of(timestamptz),
}
#: What the server gives for these in binary format is loaded as bytes, as in psycopg.
TEXT_ONLY = {"bit(9)", "varbit", "macaddr"}
#: Values that have to say their type, or that only text can stand for.
WRAPPERS: dict[str, Callable[[Any], Any]] = {"json": Json, "jsonb": Jsonb, "float4": Float4}


class Single(float):
    """A number that the server keeps in four bytes: its text has fewer digits than a float."""


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(found, float):
        code = "!f" if isinstance(wanted, Single) else "!d"
        both_nan = math.isnan(found) and math.isnan(wanted)
        return both_nan or struct.pack(code, found) == struct.pack(code, wanted)
    if isinstance(wanted, Decimal) and isinstance(found, Decimal):
        # The sign of zero is not kept by the server, the scale is.
        return found.compare_total(wanted if wanted else wanted.copy_abs()) == 0
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    return type(found) is type(wanted) and bool(found == wanted)


async def connect(twin):
    conn = await twin.connect(autocommit=True)
    await conn.execute("SET TIME ZONE 'America/New_York'")
    return conn


async def fetch(conn, query, values, binary):
    cur = await conn.execute(query, values, binary=binary)
    return list(await cur.fetchone())


@pytest.mark.parametrize("name", TYPES)
async def test_values(twin, name):
    generator = random.Random(name)
    wrap = WRAPPERS.get(name, lambda value: value)
    results = (False,) if name in TEXT_ONLY else (False, True)
    placeholders = "st" if name in TEXT_ONLY else "stb"
    async with await connect(twin) as conn:
        if name.endswith("multirange") and conn.info.server_version < 140000:
            pytest.skip("multiranges came with PostgreSQL 14")
        for _ in range(ROUNDS):
            values = [TYPES[name](generator) for _ in range(PER_ROUND)]
            sent = [None if value is None else wrap(value) for value in values]
            shown = []
            for placeholder in placeholders:
                columns = ", ".join([f"%{placeholder}::{name}"] * len(values))
                for binary in results:
                    back = await fetch(conn, f"SELECT {columns}", sent, binary)
                    for found, wanted in zip(back, values):
                        assert same(found, wanted), (placeholder, binary, found, wanted)
                columns = ", ".join([f"(%{placeholder}::{name})::text"] * len(values))
                shown.append(await fetch(conn, f"SELECT {columns}", sent, False))
            # Whichever way a value was sent, for the server it is the same.
            assert all(texts == shown[0] for texts in shown)
            # The server's own text, read by the server and loaded: the same value again.
            columns = ", ".join([f"%s::{name}"] * len(values))
            for binary in results:
                back = await fetch(conn, f"SELECT {columns}", shown[0], binary)
                for found, wanted in zip(back, values):
                    assert same(found, wanted), (binary, found, wanted)


@pytest.mark.parametrize("name", sorted(TYPES.keys() - {"json", "jsonb", "float4"}))
async def test_arrays(twin, name):
    generator = random.Random(name)
    results = (False,) if name in TEXT_ONLY else (False, True)
    placeholders = "t" if name in TEXT_ONLY else "tb"
    async with await connect(twin) as conn:
        for _ in range(ROUNDS):
            flat = [TYPES[name](generator) for _ in range(6)]
            flat[generator.randrange(6)] = None
            values = [flat, [flat[:3], flat[3:]], [[[flat[0]], [flat[1]]]]]
            if any(value is None for value in flat[:2]):
                values.pop()
            for placeholder in placeholders:
                columns = ", ".join([f"%{placeholder}::{name}[]"] * len(values))
                for binary in results:
                    back = await fetch(conn, f"SELECT {columns}", values, binary)
                    for found, wanted in zip(back, values):
                        assert same(found, wanted), (placeholder, binary, found, wanted)


async def test_composites(twin):
    """A row of all types, which the binary form names."""
    from psycoxide.types.auto import register_auto

    names = [name for name in TYPES if name not in TEXT_ONLY]
    fields = ", ".join(f"f{index} {name}" for index, name in enumerate(names))
    columns = ", ".join(f"%s::{name}" for name in names)
    generator = random.Random(3)
    async with await connect(twin) as conn:
        await conn.execute(f"CREATE TEMP TABLE everything ({fields})")
        register_auto(twin.unwrap(conn))
        for _ in range(ROUNDS):
            values = [TYPES[name](generator) for name in names]
            sent = [WRAPPERS.get(name, lambda v: v)(v) for name, v in zip(names, values)]
            values = [None if v is None else v for v in values]
            await conn.execute(f"INSERT INTO everything VALUES ({columns})", sent)
            for binary in (False, True):
                query = "SELECT everything, ARRAY[everything] FROM everything"
                row, rows = await fetch(conn, query, None, binary)
                for name, found, wanted in zip(names, row, values):
                    assert same(found, wanted), (name, binary, found, wanted)
                assert len(rows) == 1 and len(rows[0]) == len(names)
            await conn.execute("DELETE FROM everything")
