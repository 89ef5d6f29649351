"""Writers: where the data of a COPY go."""

from __future__ import annotations

import pytest

import psycoxide
from psycoxide import copy as module
from psycoxide import errors

IN = "COPY sample FROM STDIN"


def collector(twin):
    """A writer that keeps what it gets."""
    seen = []

    if twin.is_async:

        class Collector(module.AsyncWriter):
            async def write(self, data):
                seen.append(bytes(data))

            async def finish(self, exc=None):
                seen.append(exc)

    else:

        class Collector(module.Writer):
            def write(self, data):
                seen.append(bytes(data))

            def finish(self, exc=None):
                seen.append(exc)

    return Collector(), seen


@pytest.mark.parametrize("options", ["", "(FORMAT binary)"])
async def test_a_writer_of_the_users(twin, sample, options):
    writer, seen = collector(twin)
    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(f"{IN} {options}", writer=writer) as copy:
            assert copy.writer is writer
            copy.set_types(["int4", "text", "date"])
            await copy.write_row((1, "a", None))
            await copy.write_rows((n, "x" * 100, None) for n in range(2, 2000))
        *pieces, end = seen
        assert end is None
        assert len(pieces) > 2
        # The server has got nothing, and the connection can be used.
        assert await sample.rows(conn) == []
        async with cur.copy(f"{IN} {options}") as copy:
            for piece in pieces:
                await copy.write(piece)
        assert cur.rowcount == 1999


async def test_an_exception_reaches_the_writer(twin, sample):
    writer, seen = collector(twin)
    async with await sample.connect() as conn:
        with pytest.raises(ZeroDivisionError):
            async with conn.cursor().copy(IN, writer=writer) as copy:
                await copy.write_row((1, "a", None))
                raise ZeroDivisionError
        assert [type(item) for item in seen] == [ZeroDivisionError]
        await conn.rollback()


@pytest.mark.parametrize("name", ["LibpqWriter", "QueuedLibpqWriter"])
async def test_writers_to_the_server(twin, sample, name):
    cls = getattr(module, f"Async{name}" if twin.is_async else name)
    async with await sample.connect() as conn:
        cur = conn.cursor()
        async with cur.copy(IN, writer=cls(twin.unwrap(cur))) as copy:
            await copy.write_rows((n, "x" * 100, None) for n in range(20_000))
        assert cur.rowcount == 20_000
        assert len(await sample.rows(conn)) == 20_000


@pytest.mark.parametrize("name", ["LibpqWriter", "QueuedLibpqWriter"])
async def test_errors_of_the_server(twin, sample, name):
    cls = getattr(module, f"Async{name}" if twin.is_async else name)
    async with await sample.connect() as conn:
        cur = conn.cursor()
        with pytest.raises(errors.InvalidTextRepresentation):
            async with cur.copy(IN, writer=cls(twin.unwrap(cur))) as copy:
                for _ in range(2000):
                    await copy.write(b"wrong\t\\N\t\\N\n" * 1000)
        assert conn.info.transaction_status.name == "INERROR"
        await conn.rollback()
        assert await sample.rows(conn) == []


async def test_an_error_of_the_writer(twin, sample):
    base = module.AsyncWriter if twin.is_async else module.Writer
    async with await sample.connect() as conn:
        with pytest.raises(NotImplementedError):
            async with conn.cursor().copy(IN, writer=base()) as copy:
                await copy.write_row((1, "a", None))
        await conn.rollback()
        assert await sample.rows(conn) == []


def test_names():
    assert issubclass(module.QueuedLibpqWriter, module.LibpqWriter)
    assert issubclass(module.FileWriter, module.Writer)
    assert issubclass(module.AsyncQueuedLibpqWriter, module.AsyncLibpqWriter)
    assert psycoxide.Copy is module.Copy
    assert psycoxide.AsyncCopy is module.AsyncCopy
