"""psycopg's asynchronous interface: psycopg itself, and psycoxide."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any

from .. import workloads
from ..measure import Run
from . import Options

POOLS = {"psycopg": "psycopg_pool", "psycoxide": "psycoxide.pool"}


class Driver:
    """Runs the workloads with the asynchronous classes of `module`."""

    def __init__(self, module: str, dsn: str, options: Options) -> None:
        self.module, self.dsn, self.binary = module, dsn, options.binary

    async def connect(self) -> Any:
        api = importlib.import_module(self.module)
        return await api.AsyncConnection.connect(self.dsn, autocommit=True)

    async def select1(self, run: Run) -> None:
        async with await self.connect() as conn:
            cur = conn.cursor(binary=self.binary)
            for _ in range(run.warm_up):
                await (await cur.execute(workloads.SELECT1)).fetchone()
            with run.measure():
                for _ in range(run.operations):
                    await (await cur.execute(workloads.SELECT1)).fetchone()

    async def point_select(self, run: Run) -> None:
        query = workloads.POINT.format("%s")
        keys = workloads.point_keys(run.operations)
        async with await self.connect() as conn:
            cur = conn.cursor(binary=self.binary)
            for key in keys[: run.warm_up]:
                await (await cur.execute(query, (key,))).fetchone()
            with run.measure():
                for key in keys:
                    await (await cur.execute(query, (key,))).fetchone()

    async def concurrency_async(self, run: Run) -> None:
        query = workloads.POINT.format("%s")
        keys = workloads.point_keys(run.operations)
        size = workloads.CONNECTIONS
        pool = importlib.import_module(POOLS[self.module]).AsyncConnectionPool(
            self.dsn, min_size=size, max_size=size, open=False, kwargs={"autocommit": True}
        )

        async def work(part: list[int]) -> None:
            for key in part:
                async with pool.connection() as conn:
                    await (await conn.execute(query, (key,))).fetchone()

        await pool.open(wait=True)
        await asyncio.gather(*(work([1] * 10) for _ in range(size)))
        with run.measure():
            await asyncio.gather(*(work(keys[i::size]) for i in range(size)))
        await pool.close()

    async def connections_async(self, run: Run) -> None:
        query = workloads.POINT.format("%s")
        keys = workloads.point_keys(run.operations)
        size = workloads.CONNECTIONS

        async def work(conn: Any, part: list[int]) -> None:
            for key in part:
                await (await conn.execute(query, (key,))).fetchone()

        conns = [await self.connect() for _ in range(size)]
        await asyncio.gather(*(work(conn, [1] * 10) for conn in conns))
        with run.measure():
            await asyncio.gather(*(work(conn, keys[i::size]) for i, conn in enumerate(conns)))
        for conn in conns:
            await conn.close()

    async def params10(self, run: Run) -> None:
        query = workloads.PARAMS10.format(*["%s"] * 10)
        *params, document = workloads.params10()
        params.append(importlib.import_module(f"{self.module}.types.json").Jsonb(document))
        async with await self.connect() as conn:
            cur = conn.cursor(binary=self.binary)
            for _ in range(run.warm_up):
                await (await cur.execute(query, params)).fetchone()
            with run.measure():
                for _ in range(run.operations):
                    row = await (await cur.execute(query, params)).fetchone()
            assert row[9] == document

    async def fetch(self, run: Run) -> None:
        query = workloads.FETCH[run.workload]
        async with await self.connect() as conn:
            cur = conn.cursor(binary=self.binary)
            if run.workload == "fetch_composite":
                composite = importlib.import_module(f"{self.module}.types.composite")
                info = await composite.CompositeInfo.fetch(conn, "bench_item")
                composite.register_composite(info, cur)
            if run.workload.startswith("rows_"):
                rows = importlib.import_module(f"{self.module}.rows")
                of_class = rows.class_row(workloads.Point)
                cur.row_factory = of_class if run.workload == "rows_class" else rows.dict_row
            await (await cur.execute(query.format(run.warm_up))).fetchall()
            with run.measure():
                rows = await (await cur.execute(query.format(run.operations))).fetchall()
            assert len(rows) == run.operations
            workloads.check(run.workload, rows[0])

    async def executemany_insert(self, run: Run) -> None:
        query = workloads.INSERT.format(*["%s"] * 5)
        rows = workloads.insert_rows(run.operations)
        async with await self.connect() as conn:
            cur = conn.cursor()
            async with conn.transaction():
                await cur.executemany(query, rows[: run.warm_up])
            await conn.execute(workloads.TRUNCATE)
            with run.measure():
                async with conn.transaction():
                    await cur.executemany(query, rows)

    async def stream(self, run: Run) -> None:
        async with await self.connect() as conn, conn.transaction():
            for count in (run.warm_up, run.operations):
                async with conn.cursor("stream", binary=self.binary) as cur:
                    cur.itersize = workloads.BATCH
                    found = 0
                    with run.measure():
                        await cur.execute(workloads.STREAM.format(count))
                        async for _ in cur:
                            found += 1
                assert found == count

    async def stream_rows(self, run: Run) -> None:
        async with await self.connect() as conn:
            cur = conn.cursor(binary=self.binary)
            for count in (run.warm_up, run.operations):
                query = workloads.STREAM.format(count)
                found = 0
                with run.measure():
                    async for _ in cur.stream(query, size=workloads.BATCH):
                        found += 1
                assert found == count

    async def _copy_in(self, run: Run, write: Callable[[Any, Any], Awaitable[None]]) -> None:
        query = workloads.COPY_IN.format("")
        async with await self.connect() as conn:
            for count in (run.warm_up, run.operations):
                await conn.execute(workloads.TRUNCATE)
                rows = workloads.copy_rows(count)
                cur = conn.cursor()
                with run.measure():
                    async with cur.copy(query) as copy:
                        await write(copy, rows)
                assert cur.rowcount == count

    async def copy_in_rows(self, run: Run) -> None:
        async def write(copy: Any, rows: Any) -> None:
            for row in rows:
                await copy.write_row(row)

        await self._copy_in(run, write)

    async def copy_in_many(self, run: Run) -> None:
        async def write(copy: Any, rows: Any) -> None:
            if hasattr(copy, "write_rows"):
                await copy.write_rows(rows)
            else:
                for row in rows:
                    await copy.write_row(row)

        await self._copy_in(run, write)

    async def copy_in_bytes(self, run: Run) -> None:
        blocks = workloads.csv_blocks(run.operations)
        async with await self.connect() as conn:
            await conn.execute(workloads.TRUNCATE)
            with run.measure():
                async with conn.cursor().copy(workloads.COPY_IN_BYTES) as copy:
                    for block in blocks:
                        await copy.write(block)

    async def copy_out_raw(self, run: Run) -> None:
        async with await self.connect() as conn:
            for count in (run.warm_up, run.operations):
                query = workloads.COPY_OUT_RAW.format(count)
                cur = conn.cursor()
                size = 0
                with run.measure():
                    async with cur.copy(query) as copy:
                        async for data in copy:
                            size += len(data)
                assert size > count * 50 and cur.rowcount == count

    async def copy_out_rows(self, run: Run) -> None:
        async with await self.connect() as conn:
            for count in (run.warm_up, run.operations):
                query = workloads.COPY_OUT_ROWS.format(count, "")
                found = 0
                with run.measure():
                    async with conn.cursor().copy(query) as copy:
                        copy.set_types(workloads.COPY_OUT_TYPES)
                        async for _ in copy.rows():
                            found += 1
                assert found == count

    async def pipeline(self, run: Run) -> None:
        query = workloads.POINT.format("%s")
        keys = workloads.point_keys(run.operations)
        async with await self.connect() as conn:
            for part in (keys[: run.warm_up], keys):
                with run.measure():
                    async with conn.pipeline():
                        cursors = []
                        for key in part:
                            cursor = conn.cursor(binary=self.binary)
                            cursors.append(await cursor.execute(query, (key,)))
                    rows = [await cursor.fetchone() for cursor in cursors]
                assert [row[0] for row in rows] == part
