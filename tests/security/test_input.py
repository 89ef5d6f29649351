"""What users get wrong: a named exception that says what to do, and a connection that goes on."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

import psycoxide
from psycoxide import sql
from psycoxide.pq import TransactionStatus
from psycoxide.types.json import Jsonb
from psycoxide.types.numeric import Float4, Int2, Int4, Int8, IntNumeric, Oid
from support.state import state_of

pytestmark = pytest.mark.usefixtures("no_leaks")

Programming, Data = psycoxide.ProgrammingError, psycoxide.DataError
MANY = 65_536


class Unsupported:
    """A class that nobody has registered a dumper for."""


# Query, parameters, exception and what its message says. Nothing of it reaches the server.
REFUSED = {
    "NUL in the query": ("SELECT 1\0", None, Programming, "NUL .*at byte 8"),
    "NUL in bytes": (b"SELECT '\0'", None, Programming, "NUL"),
    "NUL in a composed query": (sql.SQL("SELECT '\0'"), None, Programming, "NUL"),
    "NUL in a query with parameters": ("SELECT %s\0", [1], Programming, "NUL"),
    "NUL in a text": ("SELECT %s", ["a\0b"], Data, r"NUL .*parameter 1, type str"),
    "NUL in a binary text": ("SELECT %b", ["a\0b"], Data, r"NUL .*parameter 1, type str"),
    "NUL in the second text": ("SELECT %s, %s", ["a", "\0"], Data, "NUL .*parameter 2"),
    "NUL in a list": ("SELECT %s", [["a", "\0"]], Data, r"NUL .*parameter 1, type list"),
    "lone surrogate": ("SELECT %s", ["a\ud800"], UnicodeEncodeError, "surrogates not allowed"),
    "lone surrogate in the query": ("SELECT '\udfff'", None, UnicodeEncodeError, "surrogates"),
    "lone surrogate in a list": ("SELECT %s", [["\ud800"]], UnicodeEncodeError, "surrogates"),
    "too few": ("SELECT %s, %s", [1], Programming, "2 placeholders but 1 parameters were"),
    "too many": ("SELECT %s", [1, 2], Programming, "1 placeholders but 2 parameters were"),
    "none wanted": ("SELECT 1", [1], Programming, "0 placeholders but 1 parameters were"),
    "none given": ("SELECT %s", [], Programming, "1 placeholders but 0 parameters were"),
    "name missing": ("SELECT %(a)s", {"b": 1}, Programming, "query parameter missing: a"),
    "names missing": ("SELECT %(a)s, %(c)s", {"b": 1}, Programming, "parameter missing: a, c"),
    "mixed": ("SELECT %(a)s, %s", {"a": 1}, Programming, "cannot be mixed"),
    "unknown placeholder": ("SELECT %x", [1], Programming, "'%s', '%b', '%t' are allowed"),
    "name not closed": ("SELECT %(a", {"a": 1}, Programming, "incomplete placeholder"),
    "a string for a sequence": ("SELECT %s", "a", TypeError, "sequence or a mapping, got str"),
    "a number for a sequence": ("SELECT %s", 1, TypeError, "sequence or a mapping, got int"),
    "a set for a sequence": ("SELECT %s", {1}, TypeError, "sequence or a mapping, got set"),
    "a list for a mapping": ("SELECT %(a)s", [1], TypeError, "require a mapping"),
    "a mapping for a list": ("SELECT %s", {"a": 1}, TypeError, "require a sequence"),
    "no query": (1, None, TypeError, "got int"),
    "None": (None, None, TypeError, "got NoneType"),
    "unsupported": (
        "SELECT %s",
        [Unsupported()],
        Programming,
        "cannot adapt type 'Unsupported' using placeholder '%s'.*parameter 1",
    ),
    "unsupported, second": ("SELECT %s, %s", [1, 1j], Programming, "'complex'.*parameter 2"),
    "unsupported in a list": ("SELECT %s", [[Unsupported()]], Programming, "'Unsupported'"),
    "list of mixed types": ("SELECT %s", [[1, "a"]], Data, "mixed types; got: int, str"),
    "too many parameters": (
        f"SELECT 1 WHERE 1 IN ({','.join(['%s'] * MANY)})",
        [1] * MANY,
        Programming,
        "between 0 and 65535, got 65536",
    ),
    "Int2, too large": ("SELECT %b", [Int2(2**15)], Data, "out of range for type int2"),
    "Int2, too small": ("SELECT %b", [Int2(-(2**15) - 1)], Data, "out of range for type int2"),
    "Int4, too large": ("SELECT %b", [Int4(2**31)], Data, "out of range for type int4"),
    "Int4, too small": ("SELECT %b", [Int4(-(2**31) - 1)], Data, "out of range for type int4"),
    "Int8, too large": ("SELECT %b", [Int8(2**63)], Data, "out of range for type int8"),
    "Int8, too small": ("SELECT %b", [Int8(-(2**63) - 1)], Data, "out of range for type int8"),
    "Oid, too large": ("SELECT %b", [Oid(2**32)], Data, "out of range for type oid"),
    "Oid, negative": ("SELECT %b", [Oid(-1)], Data, "out of range for type oid"),
    "numeric, too large": ("SELECT %b", [10**140_000], Data, "131072 digits.*type int"),
    "IntNumeric, too large": ("SELECT %b", [IntNumeric(10**140_000)], Data, "131072 digits"),
    "Decimal, too large": ("SELECT %b", [Decimal("1e140000")], Data, "131072 digits"),
}


@pytest.mark.parametrize("autocommit", [True, False], ids=["autocommit", "transaction"])
@pytest.mark.parametrize("fault", REFUSED)
async def test_refused(twin, fault, autocommit):
    query, parameters, exception, match = REFUSED[fault]
    async with await twin.connect(autocommit=autocommit) as conn:
        cur = conn.cursor()
        with pytest.raises(exception, match=re.compile(match, re.DOTALL)):
            await cur.execute(query, parameters)
        # Not even BEGIN was sent.
        assert conn.info.transaction_status == TransactionStatus.IDLE
        with pytest.raises(Programming, match="no result available"):
            await cur.fetchone()
        assert await state_of(conn) == "usable"


@pytest.mark.parametrize("fault", [name for name in REFUSED if REFUSED[name][1] is not None])
async def test_refused_in_executemany(twin, fault):
    query, parameters, exception, match = REFUSED[fault]
    async with await twin.connect() as conn:
        cur = conn.cursor()
        with pytest.raises(exception, match=re.compile(match, re.DOTALL)):
            await cur.executemany(query, [parameters])
        assert conn.info.transaction_status == TransactionStatus.IDLE
        assert await state_of(conn) == "usable"


async def test_refused_after_others_were_sent(twin):
    """The first thousands of a sequence are on their way: the transaction knows what to undo."""
    async with await twin.connect() as conn:
        await conn.execute("CREATE TEMP TABLE refused (n int)")
        await conn.commit()
        rows = [(n,) for n in range(3000)] + [(Unsupported(),)]
        with pytest.raises(Programming, match="'Unsupported'"):
            await conn.cursor().executemany("INSERT INTO refused VALUES (%s)", rows)
        await conn.rollback()
        cur = await conn.execute("SELECT count(*) FROM refused")
        assert await cur.fetchone() == (0,)


class Mine(Exception):
    pass


def rows_that_fail(bad):
    """Sets of parameters of which the first thousands are on their way when it comes out."""
    for n in range(3000):
        yield (n, "x")
    if bad is Mine:
        raise Mine
    yield bad


@pytest.mark.parametrize(
    "bad, exception",
    [
        ((1, Unsupported()), Programming),
        ((1, "a\0b"), psycoxide.DataError),
        ((1,), Programming),
        (Mine, Mine),
        (("no number", "x"), psycoxide.errors.InvalidTextRepresentation),
    ],
    ids=["unsupported", "NUL", "too few", "exception", "refused"],
)
@pytest.mark.parametrize("returning", [False, True])
async def test_all_or_nothing_in_autocommit_mode(twin, bad, exception, returning):
    """Nothing is committed of executemany() if it does not come to its end."""
    query = "INSERT INTO refused VALUES (%s::text::int, %s)" + returning * " RETURNING n"
    async with await twin.connect(autocommit=True) as conn:
        await conn.execute("CREATE TEMP TABLE refused (n int, t text)")
        with pytest.raises(exception):
            await conn.cursor().executemany(query, rows_that_fail(bad), returning=returning)
        assert conn.info.transaction_status == TransactionStatus.IDLE
        cur = await conn.execute("SELECT count(*) FROM refused")
        assert await cur.fetchone() == (0,)
        # Within a transaction that is for the caller to decide.
        async with conn.transaction():
            try:
                async with conn.transaction():
                    await conn.cursor().executemany(query, rows_that_fail(bad))
            except exception:
                pass
            await conn.cursor().executemany(query, [(1, "x"), (2, "x")])
        cur = await conn.execute("SELECT count(*) FROM refused")
        assert await cur.fetchone() == (2,)


async def test_as_many_parameters_as_there_may_be(twin):
    async with await twin.connect() as conn:
        query = f"SELECT 1 WHERE 1 IN ({','.join(['%s'] * (MANY - 1))})"
        cur = await conn.execute(query, [1] * (MANY - 1))
        assert await cur.fetchall() == [(1,)]


# What only the server can tell.
REJECTED = {
    "text of Int2": ("SELECT %t", [Int2(2**15)], "NumericValueOutOfRange", "smallint"),
    "text of Int4": ("SELECT %t", [Int4(2**31)], "NumericValueOutOfRange", "integer"),
    "text of Int8": ("SELECT %t", [Int8(2**63)], "NumericValueOutOfRange", "bigint"),
    "text of Oid": ("SELECT %t", [Oid(2**32)], "NumericValueOutOfRange", "oid"),
    "int4": ("SELECT %s::int4", [2**31], "NumericValueOutOfRange", "integer out of range"),
    "int8": ("SELECT %s::int8", [2**63], "NumericValueOutOfRange", "bigint out of range"),
    "float4": ("SELECT %s::float4", [1e300], "NumericValueOutOfRange", "out of range"),
    "numeric(3)": ("SELECT %s::numeric(3)", [1000], "NumericValueOutOfRange", "overflow"),
    "numeric": ("SELECT %t", [10**140_000], "NumericValueOutOfRange", "overflow"),
    "NUL in JSON": ("SELECT %s", [Jsonb("\0")], "UntranslatableCharacter", "Unicode"),
    "invalid bytes": (b"SELECT '\xff'", None, "CharacterNotInRepertoire", "0xff"),
    "ragged list": ("SELECT %s", [[[1], [1, 2]]], "InvalidTextRepresentation", "array"),
    "syntax": ("SELEC 1", None, "SyntaxError", "SELEC"),
    "unknown table": ("SELECT * FROM nowhere", None, "UndefinedTable", "nowhere"),
    "division": ("SELECT 1 / %s", [0], "DivisionByZero", "division by zero"),
}


@pytest.mark.parametrize("fault", REJECTED)
async def test_rejected(twin, fault):
    query, parameters, name, match = REJECTED[fault]
    async with await twin.connect() as conn:
        with pytest.raises(getattr(psycoxide.errors, name), match=match) as raised:
            await conn.execute(query, parameters)
        assert raised.value.sqlstate == raised.value.diag.sqlstate
        assert conn.info.transaction_status == TransactionStatus.INERROR
        with pytest.raises(psycoxide.errors.InFailedSqlTransaction):
            await conn.execute("SELECT 1")
        assert await state_of(conn) == "usable"


async def test_integers_of_any_length(twin):
    """Longer than what Python writes without being told to."""
    async with await twin.connect() as conn:
        for digits in (4299, 4301, 100_000):
            for placeholder in ("%t", "%b"):
                cur = await conn.execute(
                    f"SELECT {placeholder} = %t", [10**digits, Decimal(10) ** digits]
                )
                assert await cur.fetchone() == (True,)


async def test_bounds_of_integers(twin):
    async with await twin.connect() as conn:
        bounds = [
            *(Int2(n) for n in (-(2**15), 2**15 - 1)),
            *(Int4(n) for n in (-(2**31), 2**31 - 1)),
            *(Int8(n) for n in (-(2**63), 2**63 - 1)),
            *(Oid(n) for n in (0, 2**32 - 1)),
        ]
        for placeholder in ("%t", "%b", "%s"):
            query = "SELECT " + ", ".join([placeholder] * len(bounds))
            cur = await conn.execute(query, bounds)
            assert await cur.fetchone() == tuple(map(int, bounds))


async def test_float_that_becomes_infinite(twin):
    async with await twin.connect() as conn:
        with pytest.raises(psycoxide.DataError):
            await conn.execute("SELECT %b", [Float4(1e300)])
        assert await state_of(conn) == "usable"


async def test_copy_where_it_has_no_place(twin):
    async with await twin.connect() as conn:
        for query in ("COPY pg_class TO STDOUT", "COPY pg_class FROM STDIN"):
            with pytest.raises(Programming, match="COPY cannot be used .*use copy"):
                await conn.execute(query)
            assert await state_of(conn) == "usable"


async def test_methods_out_of_place(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        with pytest.raises(Programming, match="no result available"):
            await cur.fetchone()
        await cur.execute("CREATE TEMP TABLE place ()")
        with pytest.raises(Programming, match="the last operation didn't produce"):
            await cur.fetchall()
        with pytest.raises(Programming, match="can't change 'autocommit' now"):
            await conn.set_autocommit(True)
        await cur.close()
        with pytest.raises(psycoxide.InterfaceError, match="the cursor is closed"):
            await cur.execute("SELECT 1")
        assert await state_of(conn) == "usable"
