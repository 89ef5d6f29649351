"""JSON, both ways in both formats."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest

import psycoxide
from psycoxide.types.json import (
    Json,
    Jsonb,
    set_json_dumps,
    set_json_loads,
    set_json_options,
)

VALUES = [
    None,
    True,
    0,
    -17,
    2**63,
    10**30,
    1.5,
    1.5e-7,
    "",
    'a"\\\n\té日😀',
    [],
    {},
    [1, [2, [3, None]], {"a": {"b": [True, False]}}],
    {"": 1, "é": "ü", "a b": None},
]


@pytest.mark.parametrize("cls", [Json, Jsonb])
@pytest.mark.parametrize("value", VALUES)
def test_values(echo, cls, value):
    for back in echo(cls(value)):
        assert back == value and type(back) is type(value)


def random_value(generator, depth=0):
    kind = generator.randrange(8 if depth < 4 else 6)
    match kind:
        case 0:
            return generator.choice([None, True, False])
        case 1:
            return generator.randrange(-(10**20), 10**20)
        case 2:
            return generator.uniform(-1e10, 1e10)
        case 3 | 4 | 5:
            codes = generator.choices(
                [9, 34, 92, 65, 0xE9, 0x2028, 0x1F600, 0x10FFFF], k=generator.randrange(9)
            )
            return "".join(map(chr, codes))
        case 6:
            return [random_value(generator, depth + 1) for _ in range(generator.randrange(5))]
    keys = (str(random_value(generator, 5)) for _ in range(generator.randrange(5)))
    return {key: random_value(generator, depth + 1) for key in keys}


def test_random_values(echo):
    generator = random.Random(7)
    for _ in range(100):
        value = random_value(generator)
        assert all(back == value for back in echo(Json(value)))


@pytest.mark.parametrize(
    "text",
    [
        r'"\ud800"',
        r'{"\ud83d\ude00": "\u00e9\/"}',
        " [ 1 ,2 ] ",
        '{"a": 1, "a": 2}',
        "1e400",
        "[" * 500 + "]" * 500,
        "-0.0",
        "123456789012345678901234567890.5",
    ],
)
def test_like_json_loads(conn, text):
    for binary in (False, True):
        (back,) = conn.execute("SELECT %s::json", [text], binary=binary).fetchone()
        assert repr(back) == repr(json.loads(text))


def test_dumps_of_the_wrapper(conn):
    value = Jsonb(1, dumps=lambda obj: f"[{obj}]")
    for placeholder in "stb":
        assert conn.execute(f"SELECT %{placeholder}", [value]).fetchone() == ([1],)


@pytest.mark.parametrize("as_bytes", [False, True])
def test_dumps_and_loads_of_a_connection(dsn, as_bytes):
    def dumps(obj):
        text = json.dumps({"wrapped": obj})
        return text.encode() if as_bytes else text

    def loads(data):
        assert isinstance(data, bytes)
        return ("loaded", json.loads(data))

    with psycoxide.connect(dsn) as conn, psycoxide.connect(dsn) as other:
        set_json_dumps(dumps, conn)
        set_json_loads(loads, conn)
        for cls in (Json, Jsonb):
            for placeholder in "stb":
                for binary in (False, True):
                    cur = conn.execute(f"SELECT %{placeholder}", [cls(1)], binary=binary)
                    assert cur.fetchone() == (("loaded", {"wrapped": 1}),)
        assert other.execute("SELECT %s", [Json(1)]).fetchone() == (1,)


def test_dumps_and_loads_of_the_program(conn):
    try:
        set_json_dumps(lambda obj: f'"<{obj}>"')
        set_json_loads(lambda data: data.decode().upper())
        for placeholder in "stb":
            for binary in (False, True):
                cur = conn.execute(f"SELECT %{placeholder}", [Jsonb("a")], binary=binary)
                assert cur.fetchone() == ('"<A>"',)
    finally:
        set_json_dumps(json.dumps)
        set_json_loads(json.loads)
    assert conn.execute("SELECT %s", [Jsonb("a")]).fetchone() == ("a",)


def test_a_failing_hook(dsn):
    def loads(data):
        raise ZeroDivisionError

    with psycoxide.connect(dsn, autocommit=True) as conn:
        set_json_loads(loads, conn)
        cur = conn.execute("SELECT '1'::json")
        with pytest.raises(ZeroDivisionError):
            cur.fetchone()
        with pytest.raises(TypeError, match="not JSON serializable"):
            conn.execute("SELECT %s", [Json(object())])
        assert conn.execute("SELECT 1").fetchone() == (1,)


NUMBERS = '{"a": [1, -0, 12345678901234567890123, 1.10, -2.5E+3, 1e400, 0.1], "b": "1.5"}'


async def fetch(conn, query, *args, **options):
    cur = await conn.execute(query, *args, **options)
    return (await cur.fetchone())[0]


async def test_integers_are_exact(twin):
    async with await twin.connect() as conn:
        for cls in ("json", "jsonb"):
            for binary in (False, True):
                for number in (2**63, -(2**64) - 1, 10**400 + 7):
                    value = await fetch(conn, f"SELECT '{number}'::{cls}", binary=binary)
                    assert value == number and type(value) is int


@pytest.mark.parametrize("cls", ["json", "jsonb"])
async def test_decimals(twin, cls):
    async with await twin.connect() as conn:
        set_json_options(twin.unwrap(conn), decimals=True)
        for binary in (False, True):
            value = await fetch(conn, f"SELECT '{NUMBERS}'::{cls}", binary=binary)
            assert value["b"] == "1.5"
            numbers = value["a"]
            assert numbers == [
                *(1, 0, 12345678901234567890123, Decimal("1.10")),
                *(-2500, Decimal("1e400"), Decimal("0.1")),
            ]
            assert [type(number) for number in numbers[:3]] == [int] * 3
            assert str(numbers[3]) == "1.10" and type(numbers[6]) is Decimal
            # What the native parser leaves to Python's.
            text = "[" * 300 + "1.50" + "]" * 300
            value = await fetch(conn, f"SELECT '{text}'::{cls}", binary=binary)
            while isinstance(value, list):
                (value,) = value
            assert str(value) == "1.50"
            values = await fetch(conn, f"SELECT ARRAY['1.5'::{cls}, '[2.0]', NULL]", binary=binary)
            assert values == [Decimal("1.5"), [Decimal("2.0")], None]
        set_json_options(twin.unwrap(conn))
        assert type(await fetch(conn, f"SELECT '1.5'::{cls}")) is float


async def test_raw(twin):
    text = ' {"a" : 1.10, "é": [] }'
    async with await twin.connect() as conn:
        set_json_options(twin.unwrap(conn), raw=True)
        for binary in (False, True):
            assert await fetch(conn, f"SELECT '{text}'::json", binary=binary) == text.encode()
            value = await fetch(conn, f"SELECT '{text}'::jsonb", binary=binary)
            assert value == '{"a": 1.10, "é": []}'.encode()
            query = "SELECT ARRAY['1'::jsonb, NULL]"
            assert await fetch(conn, query, binary=binary) == [b"1", None]


def test_options_of_levels(dsn):
    with psycoxide.connect(dsn) as conn:
        cur = conn.cursor()
        set_json_options(cur, raw=True)
        assert cur.execute("SELECT '1.5'::json").fetchone() == (b"1.5",)
        assert conn.execute("SELECT '1.5'::json").fetchone() == (1.5,)
        with pytest.raises(ValueError, match="not both"):
            set_json_options(conn, raw=True, decimals=True)
    try:
        set_json_options(decimals=True)
        with psycoxide.connect(dsn) as conn:
            (value,) = conn.execute("SELECT '1.50'::jsonb").fetchone()
            assert str(value) == "1.50"
            set_json_loads(json.loads, conn)
            assert conn.execute("SELECT '1.50'::jsonb").fetchone() == (1.5,)
    finally:
        set_json_options()
    with psycoxide.connect(dsn) as conn:
        assert type(conn.execute("SELECT '1.5'::json").fetchone()[0]) is float


@pytest.mark.parametrize("name", ["orjson", "msgspec"])
async def test_other_libraries(twin, name):
    module = pytest.importorskip(name)
    if name == "msgspec":
        dumps, loads = module.json.encode, module.json.decode
    else:
        dumps, loads = module.dumps, module.loads
    value = {"a": [1, 2.5, None, "é日😀"], "b": {"c": True}}
    async with await twin.connect() as conn:
        set_json_dumps(dumps, twin.unwrap(conn))
        set_json_loads(loads, twin.unwrap(conn))
        for cls in (Json, Jsonb):
            for placeholder in "stb":
                for binary in (False, True):
                    query = f"SELECT %{placeholder}"
                    assert await fetch(conn, query, [cls(value)], binary=binary) == value
        cur = await conn.execute("SELECT '{\"a\": 1}'::jsonb", binary=True)
        assert cur.pgresult.get_value(0, 0) == b'\x01{"a": 1}'


async def test_msgspec_structs(twin):
    msgspec = pytest.importorskip("msgspec")
    point = msgspec.defstruct("Point", [("x", int), ("y", int)])
    async with await twin.connect() as conn:
        set_json_loads(msgspec.json.Decoder(point).decode, twin.unwrap(conn))
        for binary in (False, True):
            query = """SELECT '{"x": 1, "y": 2}'::jsonb"""
            assert await fetch(conn, query, binary=binary) == point(1, 2)
            with pytest.raises(msgspec.ValidationError):
                await fetch(conn, "SELECT '[]'::jsonb", binary=binary)


def test_malformed_documents():
    """In a mode of their own they are refused like others."""
    from psycoxide.adapt import AdaptersMap, Transformer
    from psycoxide.pq import Format

    adapters = AdaptersMap(psycoxide.adapters)
    for options in ({}, {"decimals": True}):
        set_json_options(adapters, **options)
        tx = Transformer(adapters)
        tx.set_loader_types([3802], Format.BINARY)
        for data in (b"", b"\x02{}", b"\x01{", b"\x01\xff", b"\x011.5.5"):
            with pytest.raises(psycoxide.DataError, match="type oid 3802, binary format"):
                tx.load_sequence([data])
