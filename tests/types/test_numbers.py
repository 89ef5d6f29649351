"""Integers, floats and decimals, both ways in both formats."""

from __future__ import annotations

import math
import random
from decimal import Decimal

import pytest

import psycoxide
from psycoxide import sql
from psycoxide.types.numeric import Float4, Float8, Int2, Int4, Int8, IntNumeric, Oid
from support.values import same

EDGES = [
    0,
    1,
    -1,
    *(sign * 2**bits + off for bits in (15, 31) for sign in (1, -1) for off in (-1, 0)),
]


@pytest.mark.parametrize("number", [*EDGES, 2**63 - 1, -(2**63)])
def test_integers(echo, number):
    assert same(echo(number), number)


@pytest.mark.parametrize(
    "number, name",
    [
        (32767, "smallint"),
        (-32768, "smallint"),
        (32768, "integer"),
        (-32769, "integer"),
        (2**31, "bigint"),
        (-(2**31) - 1, "bigint"),
        (2**63, "numeric"),
        (-(2**63) - 1, "numeric"),
        (10**100, "numeric"),
    ],
)
@pytest.mark.parametrize("placeholder", "stb")
def test_smallest_type(conn, number, name, placeholder):
    query = f"SELECT pg_typeof(%{placeholder})::text, %{placeholder}::numeric"
    assert conn.execute(query, [number, number]).fetchone() == (name, number)


@pytest.mark.parametrize(
    "wrapper, name",
    [
        (Int2, "smallint"),
        (Int4, "integer"),
        (Int8, "bigint"),
        (IntNumeric, "numeric"),
        (Oid, "oid"),
    ],
)
def test_wrappers(conn, wrapper, name):
    for placeholder in "stb"[: 2 if wrapper is IntNumeric else 3]:
        row = conn.execute(f"SELECT pg_typeof(%{placeholder})::text", [wrapper(7)]).fetchone()
        assert row == (name,)


@pytest.mark.parametrize(
    "wrapper, number", [(Int2, 2**15), (Int4, 2**31), (Int8, 2**63), (Oid, 2**32)]
)
def test_too_large_for_its_type(conn, wrapper, number):
    with pytest.raises(psycoxide.DataError, match=r"out of range.*parameter 1, type"):
        conn.execute("SELECT %b", [wrapper(number)])
    with pytest.raises(psycoxide.DataError):
        conn.execute("SELECT %t", [wrapper(number)])
    assert conn.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    "number", [0.0, -0.0, 1.5, -1e-7, 1e16, 1.7976931348623157e308, 5e-324, math.inf, -math.inf]
)
def test_floats(echo, number):
    for value in echo(number):
        assert value == number and math.copysign(1, value) == math.copysign(1, number)


def test_nan(echo):
    assert all(math.isnan(value) for value in echo(math.nan))
    assert all(value.is_nan() for value in echo(Decimal("NaN")))
    assert all(value.is_nan() for value in echo(Decimal("sNaN")))


def test_random_floats(echo):
    generator = random.Random(1)
    for _ in range(200):
        number = math.ldexp(generator.uniform(-1, 1), generator.randrange(-1000, 1000))
        assert same(echo(number), number)


def test_float4(conn, echo):
    # Text shows the shortest number that is the same float4, binary is the number itself.
    assert [float(f"{value:.6g}") for value in echo(Float4(0.1))] == [0.1] * 6
    row = conn.execute("SELECT pg_typeof(%s)::text, pg_typeof(%s)::text", [Float4(1), Float8(1)])
    assert row.fetchone() == ("real", "double precision")
    with pytest.raises(psycoxide.DataError, match="float4"):
        conn.execute("SELECT %b", [Float4(1e300)])


@pytest.mark.parametrize(
    "text",
    [
        *("0", "0.00", "-0.10", "1", "10000", "9999.9999", "1E+5", "1E-20", "-123456789.000000001"),
        *("0.0001", "0.00010000", "12345678901234567890.1234567890", "1E+100", "1E-100"),
    ],
)
def test_decimals(conn, echo, text):
    number = Decimal(text)
    for value in echo(number):
        assert value == number
    # The scale of a number without an exponent is kept.
    if "E" not in text and number:
        assert {str(value) for value in echo(number)} == {text}
    for placeholder in "stb":
        query = f"SELECT %{placeholder} = '{text}'::numeric"
        assert conn.execute(query, [number]).fetchone() == (True,)


def test_random_decimals(echo):
    generator = random.Random(2)
    for _ in range(200):
        digits = "".join(generator.choices("0123456789", k=generator.randrange(1, 40)))
        number = Decimal(digits).scaleb(-generator.randrange(0, 30))
        number = number.copy_sign(generator.choice((1, -1)))
        assert all(value == number for value in echo(number))


@pytest.mark.parametrize("text", ["Infinity", "-Infinity"])
def test_infinite_decimals(conn, echo, text):
    if conn.info.server_version < 140000:
        pytest.skip("numeric has infinities since PostgreSQL 14")
    assert same(echo(Decimal(text)), Decimal(text))


def test_booleans(echo):
    assert same(echo(True), True)
    assert same(echo(False), False)


def test_literals(conn):
    numbers = [-1, 2**40, -(2**70), 1.5, -2.5e10, Decimal("-1.50"), True, Int4(-3)]
    for number in numbers:
        literal = sql.Literal(number)
        # A minus in front must not make a comment of it.
        row = conn.execute(sql.SQL("SELECT {}").format(literal)).fetchone()
        assert row == (number,)
    row = conn.execute(sql.SQL("SELECT 5 -{}").format(sql.Literal(-2)))
    assert row.fetchone() == (7,)
