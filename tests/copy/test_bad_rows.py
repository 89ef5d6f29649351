"""One bad row among many: nothing is committed, the error names the row, the connection goes on."""

from __future__ import annotations

import re

import pytest

import psycoxide
from psycoxide import errors

TEXT = "COPY sample FROM STDIN"
BINARY = "COPY sample FROM STDIN (FORMAT binary)"
TYPES = ["int4", "text", "date"]
ROWS, BAD = 50_000, 30_000


class Mine(Exception):
    pass


# The row, and what is raised for it in text and in binary format.
ROW = {
    "too few columns": (
        (BAD, "x"),
        (errors.BadCopyFileFormat, rf"line {BAD + 1}\b"),
        (psycoxide.DataError, rf"got 2 .*row {BAD + 1} "),
    ),
    "too many columns": (
        (BAD, "x", None, 1),
        (errors.BadCopyFileFormat, rf"line {BAD + 1}\b"),
        (psycoxide.DataError, rf"got 4 .*row {BAD + 1} "),
    ),
    "a type that cannot be sent": (
        (BAD, object(), None),
        (psycoxide.ProgrammingError, rf"row {BAD + 1} of the COPY, column 2"),
        (TypeError, rf"row {BAD + 1} of the COPY, column 2"),
    ),
    "a value of another type": (
        ("no number", "x", None),
        (errors.InvalidTextRepresentation, rf"line {BAD + 1}\b"),
        (TypeError, rf"row {BAD + 1} of the COPY, column 1"),
    ),
    "a value out of range": (
        (2**31, "x", None),
        (errors.NumericValueOutOfRange, rf"line {BAD + 1}\b"),
        (psycoxide.DataError, rf"row {BAD + 1} of the COPY, column 1"),
    ),
    "a key that is there": (
        (7, "x", None),
        (errors.UniqueViolation, rf"line {BAD + 1}\b"),
        (errors.UniqueViolation, rf"line {BAD + 1}\b"),
    ),
    "no row at all": (
        5,
        (TypeError, ""),
        (TypeError, ""),
    ),
}


def rows(bad):
    for n in range(ROWS):
        yield bad if n == BAD else (n, "some text", None)


@pytest.mark.parametrize("autocommit", [False, True], ids=["transaction", "autocommit"])
@pytest.mark.parametrize("statement", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("fault", ROW)
async def test_among_many(twin, sample, fault, statement, autocommit):
    bad, *expected = ROW[fault]
    exception, words = expected[statement == BINARY]
    async with await sample.connect(autocommit=autocommit) as conn:
        with pytest.raises(exception) as caught:
            async with conn.cursor().copy(statement) as copy:
                if statement == BINARY:
                    copy.set_types(TYPES)
                await copy.write_rows(rows(bad))
        await judge(conn, sample, caught.value, words, autocommit)


@pytest.mark.parametrize("autocommit", [False, True], ids=["transaction", "autocommit"])
@pytest.mark.parametrize("statement", [TEXT, BINARY], ids=["text", "binary"])
async def test_an_exception_of_the_program(twin, sample, statement, autocommit):
    async with await sample.connect(autocommit=autocommit) as conn:
        with pytest.raises(Mine) as caught:
            async with conn.cursor().copy(statement) as copy:
                if statement == BINARY:
                    copy.set_types(TYPES)
                for n in range(20_000):
                    await copy.write_row((n, "some text", None))
                raise Mine
        await judge(conn, sample, caught.value, "", autocommit)


async def judge(conn, sample, exception, words, autocommit):
    context = getattr(getattr(exception, "diag", None), "context", None) or ""
    notes = "\n".join(getattr(exception, "__notes__", []))
    assert re.search(words, "\n".join([str(exception), context, notes])), exception
    status = conn.info.transaction_status.name
    assert status == ("IDLE" if autocommit else "INERROR")
    await conn.rollback()
    assert await sample.rows(conn) == []
    async with conn.cursor().copy(TEXT) as copy:
        await copy.write_row((1, "after", None))
    assert await sample.rows(conn) == [(1, "after", None)]
