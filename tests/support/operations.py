"""What is done on a connection that breaks: one entry for each kind of operation.

An operation is given a connection in autocommit mode, and returns what came of it, which is the
same every time. Its table `faults` is there and empty.
"""

from __future__ import annotations

import uuid
from typing import Any

from psycoxide import Rollback

PATIENCE = 10.0

MANY = "SELECT n, repeat('x', 100) FROM generate_series(1, 300) AS n"
TABLE = "CREATE UNLOGGED TABLE IF NOT EXISTS faults (a int, b text)"


async def execute(conn: Any, twin: Any) -> Any:
    cur = await conn.execute("SELECT 1")
    return await cur.fetchall()


async def execute_parameters(conn: Any, twin: Any) -> Any:
    cur = await conn.execute("SELECT %s, %s::text", [1, "two"])
    return await cur.fetchall()


async def execute_prepared(conn: Any, twin: Any) -> Any:
    for _ in range(2):
        cur = await conn.execute("SELECT %s + 1", [1], prepare=True)
    return await cur.fetchall()


async def fetch(conn: Any, twin: Any) -> Any:
    cur = conn.cursor(binary=True)
    await cur.execute(MANY)
    return await cur.fetchall()


async def several_results(conn: Any, twin: Any) -> Any:
    cur = await conn.execute("SELECT 1; SELECT 2; SELECT 3")
    found = [await cur.fetchall()]
    while cur.nextset():
        found.append(await cur.fetchall())
    return found


async def execute_many(conn: Any, twin: Any) -> Any:
    cur = conn.cursor()
    await cur.executemany("INSERT INTO faults VALUES (%s, %s)", [(n, "x" * n) for n in range(100)])
    return cur.rowcount


async def execute_many_returning(conn: Any, twin: Any) -> Any:
    cur = conn.cursor()
    rows = [(n, "x" * n) for n in range(30)]
    await cur.executemany("INSERT INTO faults VALUES (%s, %s) RETURNING a", rows, returning=True)
    found = [await cur.fetchone()]
    while cur.nextset():
        found.append(await cur.fetchone())
    return found


async def stream(conn: Any, twin: Any) -> Any:
    return [row async for row in conn.cursor().stream(MANY)]


async def stream_chunks(conn: Any, twin: Any) -> Any:
    return [row async for row in conn.cursor(binary=True).stream(MANY, size=50)]


async def server_cursor(conn: Any, twin: Any) -> Any:
    async with conn.transaction():
        async with conn.cursor("c", scrollable=True) as cur:
            await cur.execute(MANY)
            first = await cur.fetchmany(3)
            await cur.scroll(10)
            return first, await cur.fetchone(), len([row async for row in cur])


async def copy_in(conn: Any, twin: Any) -> Any:
    async with conn.cursor() as cur:
        async with cur.copy("COPY faults FROM STDIN") as copy:
            for n in range(50):
                await copy.write_row((n, "x" * n))
            await copy.write_rows([(n, "y") for n in range(1000)])
        return cur.rowcount


async def copy_in_binary(conn: Any, twin: Any) -> Any:
    async with conn.cursor() as cur:
        async with cur.copy("COPY faults FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text"])
            await copy.write_rows([(n, "y") for n in range(1000)])
        return cur.rowcount


async def copy_out(conn: Any, twin: Any) -> Any:
    async with conn.cursor().copy(f"COPY ({MANY}) TO STDOUT") as copy:
        return b"".join([bytes(data) async for data in copy])


async def copy_out_rows(conn: Any, twin: Any) -> Any:
    async with conn.cursor().copy(f"COPY ({MANY}) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        return [row async for row in copy.rows()]


async def pipeline(conn: Any, twin: Any) -> Any:
    async with conn.pipeline() as pipe:
        cursors = [await conn.execute("SELECT %s::int", [n]) for n in range(10)]
        await pipe.sync()
        cursors.append(await conn.execute("SELECT 10"))
        await cursors[3].fetchone()
    return [cur.rownumber for cur in cursors]


async def transaction(conn: Any, twin: Any) -> Any:
    async with conn.transaction():
        await conn.execute("INSERT INTO faults VALUES (1, 'x')")
        async with conn.transaction():
            await conn.execute("INSERT INTO faults VALUES (2, 'x')")
            raise Rollback
    return conn.info.transaction_status


async def commit(conn: Any, twin: Any) -> Any:
    await set_autocommit(conn, twin, False)
    await conn.execute("INSERT INTO faults VALUES (1, 'x')")
    await conn.commit()
    await conn.execute("INSERT INTO faults VALUES (2, 'x')")
    await conn.rollback()
    return conn.info.transaction_status


async def notifications(conn: Any, twin: Any) -> Any:
    await conn.execute("LISTEN faults")
    for number in range(3):
        await conn.execute("SELECT pg_notify('faults', %s)", [str(number)])
    found = conn.notifies(timeout=PATIENCE, stop_after=3)
    return [notify.payload async for notify in found]


async def two_phase(conn: Any, twin: Any) -> Any:
    await set_autocommit(conn, twin, False)
    for end in ("tpc_commit", "tpc_rollback"):
        await conn.tpc_begin(f"faults {uuid.uuid4()}")
        await conn.execute("SELECT pg_current_xact_id()")
        await conn.tpc_prepare()
        await getattr(conn, end)()
    return conn.info.transaction_status


async def set_autocommit(conn: Any, twin: Any, value: bool) -> None:
    if twin.is_async:
        await conn.set_autocommit(value)
    else:
        conn.autocommit = value


OPERATIONS = {
    operation.__name__: operation
    for operation in (
        execute,
        execute_parameters,
        execute_prepared,
        fetch,
        several_results,
        execute_many,
        execute_many_returning,
        stream,
        stream_chunks,
        server_cursor,
        copy_in,
        copy_in_binary,
        copy_out,
        copy_out_rows,
        pipeline,
        transaction,
        commit,
        notifications,
        two_phase,
    )
}
