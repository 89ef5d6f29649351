"""psycopg's asynchronous interface: psycopg itself, and psycoxide."""

from __future__ import annotations

import asyncio
import importlib
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
