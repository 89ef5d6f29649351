"""COPY from the server."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide import errors

# A series in the select list is made row by row, one in FROM before the first row is sent.
SERIES = "COPY (SELECT n, 'row ' || n FROM (SELECT generate_series(1, {}) n) s) TO STDOUT {}"
BINARY = "(FORMAT binary)"


async def test_one_message_a_row(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(SERIES.format(3, "")) as copy:
            assert [column.name for column in cur.description] == ["column_1", "column_2"]
            data = await copy.read()
            assert isinstance(data, memoryview)
            assert data == b"1\trow 1\n"
            assert await copy.read() == b"2\trow 2\n"
            assert cur.rowcount == -1
            assert [bytes(piece) async for piece in copy] == [b"3\trow 3\n"]
            assert cur.rowcount == 3
            assert await copy.read() == b""
        assert cur.rowcount == 3
        assert await copy.read() == b""
        assert conn.info.transaction_status.name == "INTRANS"


@pytest.mark.parametrize("options", ["", BINARY])
async def test_rows(twin, options):
    expected = [(n, f"row {n}") for n in range(1, 5001)]
    async with await twin.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(SERIES.format(5000, options)) as copy:
            copy.set_types(["int4", "text"])
            assert [row async for row in copy.rows()] == expected
            assert await copy.read_row() is None
        assert cur.rowcount == 5000
        async with cur.copy(SERIES.format(5000, options)) as copy:
            copy.set_types(["int4", "text"])
            lists = [rows async for rows in copy.rows(size=999)]
        assert [len(rows) for rows in lists] == [999] * 5 + [5]
        assert [row for rows in lists for row in rows] == expected


async def test_rows_without_types(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        async with cur.copy("COPY (VALUES (1, NULL, E'a\\tb\\\\')) TO STDOUT") as copy:
            assert await copy.read_row() == ("1", None, "a\tb\\")
        async with cur.copy(f"COPY (VALUES (1, NULL, 'a')) TO STDOUT {BINARY}") as copy:
            assert await copy.read_row() == (b"\0\0\0\1", None, b"a")
            assert await copy.read_row() is None


async def test_reading_in_turns(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(SERIES.format(4, BINARY)) as copy:
            copy.set_types(["int4", "text"])
            assert bytes(await copy.read()).startswith(b"PGCOPY")
            assert await copy.read_row() == (2, "row 2")
            assert bytes(await copy.read()).endswith(b"row 3")
            assert [row async for row in copy.rows()] == [(4, "row 4")]


@pytest.mark.parametrize("options", ["", BINARY])
async def test_no_rows(twin, options):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(SERIES.format(0, options)) as copy:
            assert [row async for row in copy.rows()] == []
        assert cur.rowcount == 0


async def test_rows_of_no_columns(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        async with cur.copy("COPY (SELECT FROM generate_series(1, 2)) TO STDOUT") as copy:
            assert [row async for row in copy.rows()] == [(), ()]
        async with cur.copy("COPY (SELECT '') TO STDOUT") as copy:
            assert [row async for row in copy.rows()] == [("",)]


async def test_types_that_do_not_fit(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(SERIES.format(3, "")) as copy:
            copy.set_types(["int4"])
            with pytest.raises(psycoxide.ProgrammingError, match="2 items: 1 loaders"):
                await copy.read_row()
            copy.set_types(["date", "text"])
            with pytest.raises(psycoxide.DataError):
                await copy.read_row()
            copy.set_types(["int4", "text"])
            assert await copy.read_row() == (3, "row 3")


@pytest.mark.parametrize("wanted", [0, 1, 100])
@pytest.mark.parametrize("count", [3, 200, 1_000_000])
async def test_leaving_early(twin, wanted, count):
    async with await twin.connect(autocommit=True) as conn:
        cur = conn.cursor()
        async with cur.copy(SERIES.format(count, "")) as copy:
            for _ in range(wanted):
                await copy.read()
        cur = await conn.execute("SELECT 1")
        assert await cur.fetchone() == (1,)


async def test_an_error_in_the_middle(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        got = []
        with pytest.raises(errors.DivisionByZero):
            async with cur.copy(
                "COPY (SELECT 1 / (3 - n) FROM generate_series(1, 5) n) TO STDOUT"
            ) as copy:
                async for row in copy.rows():
                    got.append(row)
        assert got == [("0",), ("1",)]
        assert conn.info.transaction_status.name == "INERROR"
        await conn.rollback()


async def test_an_exception_cancels(twin):
    async with await twin.connect() as conn:
        cur = conn.cursor()
        with pytest.raises(ZeroDivisionError):
            async with cur.copy(SERIES.format(100_000_000, "")) as copy:
                await copy.read()
                raise ZeroDivisionError
        assert conn.info.transaction_status.name == "INERROR"
        await conn.rollback()
        cur = await conn.execute("SELECT 1")
        assert await cur.fetchone() == (1,)


async def test_writing_is_refused(twin):
    async with await twin.connect() as conn:
        async with conn.cursor().copy(SERIES.format(3, "")) as copy:
            for write in [copy.write, copy.write_row]:
                with pytest.raises(psycoxide.OperationalError, match="no COPY in progress"):
                    await write(b"1")
            assert len([row async for row in copy.rows()]) == 3


async def test_progress(twin):
    told = []
    async with await twin.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(
            SERIES.format(100_000, ""), progress=lambda *counts: told.append(counts)
        ) as copy:
            size = sum([len(data) async for data in copy])
        assert told[-1] == (size, 100_000)
        assert told == sorted(told)
