"""COPY to the server."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pytest

import psycoxide
from psycoxide import errors, sql

TEXT = "COPY sample FROM STDIN"
BINARY = "COPY sample FROM STDIN (FORMAT binary)"
TYPES = ["int4", "text", "date"]
DAY = dt.date(2026, 11, 22)
ROWS = [(1, "one", DAY), (2, None, None), (3, "tab\tline\nback\\slash \\N", DAY), (4, "", DAY)]


@pytest.mark.parametrize("statement", [TEXT, BINARY])
async def test_rows_one_by_one(twin, sample, statement):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(statement) as copy:
            copy.set_types(TYPES)
            for row in ROWS:
                await copy.write_row(row)
            assert conn.info.transaction_status.name == "ACTIVE"
        assert cur.rowcount == len(ROWS)
        assert cur.statusmessage == f"COPY {len(ROWS)}"
        assert cur.description is None
        assert await sample.rows(conn) == ROWS


@pytest.mark.parametrize("statement", [TEXT, BINARY])
@pytest.mark.parametrize("count", [0, 1, 30_000])
async def test_many_rows(twin, sample, statement, count):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(statement) as copy:
            copy.set_types(TYPES)
            await copy.write_rows((n, f"name {n}", DAY) for n in range(count))
        assert cur.rowcount == count
        cur = await conn.execute("SELECT count(*), coalesce(sum(id), 0) FROM sample")
        assert await cur.fetchone() == (count, count * (count - 1) // 2)


async def test_rows_of_an_asynchronous_iterator(sample, twin):
    async def produce():
        for n in range(5000):
            yield n, "x", None

    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(TEXT) as copy:
            await copy.write_rows(
                produce() if twin.is_async else ((n, "x", None) for n in range(5000))
            )
        assert cur.rowcount == 5000


async def test_kinds_of_rows(sample, twin):
    class Row(tuple):
        pass

    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy("COPY sample (id, name) FROM STDIN") as copy:
            await copy.write_row([1, "list"])
            await copy.write_row(value for value in (2, "generator"))
            await copy.write_row({3: None, "dictionary": None})
            await copy.write_row(Row((4, "subclass")))
            await copy.write_rows([[5, "rows"], (6, "more")])
        assert [row[:2] for row in await sample.rows(conn)] == [
            (1, "list"),
            (2, "generator"),
            (3, "dictionary"),
            (4, "subclass"),
            (5, "rows"),
            (6, "more"),
        ]


@pytest.mark.parametrize("convert", [bytes, bytearray, memoryview, bytes.decode])
async def test_formatted_data(sample, twin, convert):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy("COPY sample (id, name) FROM STDIN") as copy:
            await copy.write_row((1, "before"))
            await copy.write(convert("2\tdéjà".encode()))
            await copy.write(convert(b"-vu\n"))
            await copy.write_row((3, "after"))
        rows = [row[:2] for row in await sample.rows(conn)]
        assert rows == [(1, "before"), (2, "déjà-vu"), (3, "after")]


async def test_data_of_any_size(sample, twin):
    lines = b"".join(b"%d\t%s\n" % (n, b"x" * 90) for n in range(40_000))
    async with await sample.connect() as conn:
        cur = conn.cursor()
        for size in [1000, 70_000, len(lines)]:
            async with cur.copy("COPY sample (id, name) FROM STDIN") as copy:
                for start in range(0, len(lines), size):
                    await copy.write(lines[start : start + size])
            assert cur.rowcount == 40_000
            await conn.execute("TRUNCATE sample")


async def test_a_large_value(sample, twin):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy("COPY sample (id, name) FROM STDIN") as copy:
            await copy.write_row((1, "x" * 3_000_000))
            await copy.write_row((2, "y"))
        cur = await conn.execute("SELECT id, length(name) FROM sample ORDER BY 1")
        assert await cur.fetchall() == [(1, 3_000_000), (2, 1)]


async def test_client_encoding(sample, twin):
    async with await sample.connect() as conn:
        await conn.execute("SET client_encoding TO latin1")
        cur = conn.cursor()
        async with cur.copy("COPY sample (id, name) FROM STDIN") as copy:
            await copy.write("1\tfünf\n")
            await copy.write_row((2, "über"))
            with pytest.raises(UnicodeEncodeError):
                await copy.write_row((3, "€"))
        assert [row[1] for row in await sample.rows(conn)] == ["fünf", "über"]


async def test_parameters_of_the_statement(sample, twin):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        statement = sql.SQL("COPY {} (id, name) FROM STDIN (DELIMITER %(d)s, NULL %(n)s)")
        async with cur.copy(
            statement.format(sql.Identifier("sample")), {"d": "|", "n": "'%'"}
        ) as copy:
            await copy.write(b"1|'%'\n")
        assert await sample.rows(conn) == [(1, None, None)]


@pytest.mark.parametrize("statement", [TEXT, BINARY])
async def test_a_row_that_cannot_be_encoded(sample, twin, statement):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        with pytest.raises(psycoxide.ProgrammingError, match=r"row 1001 of the COPY, column 2"):
            async with cur.copy(statement) as copy:
                await copy.write_rows(
                    (n, object() if n == 1000 else "x", None) for n in range(5000)
                )
        assert conn.info.transaction_status.name == "INERROR"
        await conn.rollback()
        assert await sample.rows(conn) == []


async def test_going_on_after_a_row_that_cannot_be_encoded(sample, twin):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(BINARY) as copy:
            copy.set_types(TYPES)
            wrong = [(1, "few"), (2, "x", "no date"), (2**40, "x", None), (5, object(), None)]
            for row in wrong:
                with pytest.raises((psycoxide.DataError, TypeError, AttributeError)):
                    await copy.write_row(row)
            await copy.write_row((3, "right", None))
        assert await sample.rows(conn) == [(3, "right", None)]


async def test_a_row_with_another_number_of_columns(sample, twin):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        with pytest.raises(psycoxide.DataError, match=r"expected 3 values in row, got 2 .*row 2 "):
            async with cur.copy(BINARY) as copy:
                await copy.write_row((1, "a", None))
                await copy.write_row((2, "a"))
        await conn.rollback()
        with pytest.raises(errors.BadCopyFileFormat, match='line 2: "2\ta"'):
            async with cur.copy(TEXT) as copy:
                await copy.write_rows([(1, "a", None), (2, "a")])


async def test_dumpers_of_the_cursor(sample, twin):
    class Loud(psycoxide.adapt.Dumper):
        def dump(self, obj):
            return None if obj == "" else obj.upper().encode()

    async with await sample.connect() as conn:
        cur = conn.cursor()
        cur.adapters.register_dumper(str, Loud)
        async with cur.copy("COPY sample (id, name) FROM STDIN") as copy:
            await copy.write_rows([(1, "a\tb"), (2, "")])
        assert [row[1] for row in await sample.rows(conn)] == ["A\tB", None]


async def test_values_of_many_types(twin):
    row = (True, Decimal("1.50"), 2.5, b"\0\\x\t", [1, None, 3], ["a\tb", "\\"], {"k": "\n"}, DAY)
    values = (*row[:6], psycoxide.types.json.Jsonb(row[6]), row[7])
    types = ["bool", "numeric", "float8", "bytea", "int8[]", "text[]", "jsonb", "date"]
    columns = ", ".join(f"c{n} {name}" for n, name in enumerate(types))
    async with await twin.connect() as conn:
        await conn.execute(f"CREATE TEMPORARY TABLE many ({columns})")
        cur = conn.cursor()
        for options in ["", "(FORMAT binary)"]:
            async with cur.copy(f"COPY many FROM STDIN {options}") as copy:
                copy.set_types(types)
                await copy.write_row(values)
            async with cur.copy(f"COPY many TO STDOUT {options}") as copy:
                copy.set_types(types)
                assert [row async for row in copy.rows()] == [row]
            await conn.execute("TRUNCATE many")


async def test_types_that_are_not_known(twin, sample):
    async with await sample.connect() as conn:
        async with conn.cursor().copy(TEXT) as copy:
            with pytest.raises(KeyError, match="nosuch"):
                copy.set_types(["int4", "nosuch", 25])
            copy.set_types([23, "text", "date"])
            await copy.write_row((1, "a", DAY))


async def test_progress(sample, twin):
    told = []
    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(TEXT, progress=lambda *counts: told.append(counts)) as copy:
            await copy.write_rows((n, "x" * 100, None) for n in range(5000))
        size = sum(len(f"{n}\t\t\\N\n") + 100 for n in range(5000))
        assert told[-1] == (size, 5000)
        assert len(told) > 5
        assert told == sorted(told)


async def test_reading_is_refused(sample, twin):
    async with await sample.connect() as conn:
        async with conn.cursor().copy(TEXT) as copy:
            for read in [copy.read, copy.read_row]:
                with pytest.raises(psycoxide.OperationalError, match="no COPY in progress"):
                    await read()
            await copy.write_row((1, "goes on", None))
        assert len(await sample.rows(conn)) == 1


async def test_a_file_to_be_copied_later(twin, sample):
    file = io.BytesIO()
    async with await sample.connect() as conn:
        cur = conn.cursor()
        with psycoxide.Connection.connect(twin.dsn) as other:
            for binary in [False, True]:
                file.seek(0)
                file.truncate()
                writer = psycoxide.copy.FileWriter(file)
                with psycoxide.Copy(other.cursor(), binary=binary, writer=writer) as copy:
                    copy.set_types(TYPES)
                    copy.write_rows(ROWS[:3])
                    copy.write_row(ROWS[3])
                async with cur.copy(BINARY if binary else TEXT) as copy:
                    await copy.write(file.getvalue())
                assert await sample.rows(conn) == ROWS
                await conn.execute("TRUNCATE sample")


@pytest.mark.parametrize("format", ["text", "binary"])
async def test_wrapped_binary_data_where_the_type_is_set(twin, format):
    async with await twin.connect(autocommit=True) as conn:
        await conn.execute("CREATE TEMP TABLE blobs (data bytea)")
        async with conn.cursor().copy(f"COPY blobs FROM STDIN (FORMAT {format})") as copy:
            copy.set_types(["bytea"])
            for data in (twin.api.Binary(b"a\0"), twin.api.Binary(bytearray(b"b")), b"c"):
                await copy.write_row([data])
            with pytest.raises(TypeError, match="buffer expected, got int"):
                await copy.write_row([1])
        cur = await conn.execute("SELECT data FROM blobs")
        assert await cur.fetchall() == [(b"a\0",), (b"b",), (b"c",)]


async def test_types_set_between_rows(sample, twin):
    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(TEXT) as copy:
            await copy.write_row((1, "one", DAY))
            copy.set_types(TYPES)
            with pytest.raises(errors.DataError, match="row 2"):
                await copy.write_row((2, "two"))
            await copy.write_row((3, "three", DAY))
        assert await sample.rows(conn) == [(1, "one", DAY), (3, "three", DAY)]


async def test_a_dumper_that_uses_the_same_copy(sample, twin):
    class Loud(str):
        pass

    class LoudDumper(psycoxide.adapt.Dumper):
        def dump(self, obj):
            copying.append(copy._add_row((2, "from the dumper", None)))
            return obj.upper().encode()

    copying = []
    async with await sample.connect() as conn:
        cur = conn.cursor()
        cur.adapters.register_dumper(Loud, LoudDumper)
        async with cur.copy(TEXT) as copy:
            await copy.write_row((1, Loud("one"), DAY))
            await copy.write_row((3, "three", DAY))
        assert cur.rowcount == 3
        rows = sorted(await sample.rows(conn))
        assert rows == [(1, "ONE", DAY), (2, "from the dumper", None), (3, "three", DAY)]
        assert copying == [False]
