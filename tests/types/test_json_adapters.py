"""JSON, both ways in both formats."""

from __future__ import annotations

import json
import random

import pytest

import psycoxide
from psycoxide.types.json import Json, Jsonb, set_json_dumps, set_json_loads

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
