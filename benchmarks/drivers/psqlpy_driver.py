"""psqlpy; rows are taken as tuples."""

from __future__ import annotations

import asyncio
from typing import Any

import psqlpy

from .. import workloads
from ..measure import Run
from . import Options
from .asyncpg_driver import TEN, to_url


class Driver:
    """Runs the workloads with psqlpy."""

    def __init__(self, module: str, dsn: str, options: Options) -> None:
        self.module, self.url = module, to_url(dsn)

    async def connect(self) -> Any:
        return await psqlpy.connect(dsn=self.url)

    async def _loop(self, run: Run, query: str, parameters: list[list[Any]]) -> Any:
        conn = await self.connect()
        for params in parameters[: run.warm_up]:
            (await conn.execute(query, params, prepared=True)).result(as_tuple=True)
        rows = None
        with run.measure():
            for params in parameters:
                rows = (await conn.execute(query, params, prepared=True)).result(as_tuple=True)
        conn.close()
        return rows

    async def select1(self, run: Run) -> None:
        await self._loop(run, workloads.SELECT1, [[]] * run.operations)

    async def point_select(self, run: Run) -> None:
        keys = [[key] for key in workloads.point_keys(run.operations)]
        await self._loop(run, workloads.POINT.format("$1"), keys)

    async def concurrency_async(self, run: Run) -> None:
        query = workloads.POINT.format("$1")
        keys = workloads.point_keys(run.operations)
        size = workloads.CONNECTIONS
        pool = psqlpy.ConnectionPool(dsn=self.url, max_db_pool_size=size)

        async def work(part: list[int]) -> None:
            for key in part:
                async with pool.acquire() as conn:
                    (await conn.execute(query, [key], prepared=True)).result(as_tuple=True)

        await asyncio.gather(*(work([1] * 10) for _ in range(size)))
        with run.measure():
            await asyncio.gather(*(work(keys[i::size]) for i in range(size)))
        pool.close()

    async def connections_async(self, run: Run) -> None:
        query = workloads.POINT.format("$1")
        keys = workloads.point_keys(run.operations)
        size = workloads.CONNECTIONS

        async def work(conn: Any, part: list[int]) -> None:
            for key in part:
                (await conn.execute(query, [key], prepared=True)).result(as_tuple=True)

        conns = [await self.connect() for _ in range(size)]
        await asyncio.gather(*(work(conn, [1] * 10) for conn in conns))
        with run.measure():
            await asyncio.gather(*(work(conn, keys[i::size]) for i, conn in enumerate(conns)))
        for conn in conns:
            conn.close()

    async def params10(self, run: Run) -> None:
        query = workloads.PARAMS10.format(*TEN)
        await self._loop(run, query, [workloads.params10()] * run.operations)

    async def fetch(self, run: Run) -> None:
        query = workloads.FETCH[run.workload]
        conn = await self.connect()
        (await conn.execute(query.format(run.warm_up))).result(as_tuple=True)
        with run.measure():
            rows = (await conn.execute(query.format(run.operations))).result(as_tuple=True)
        assert len(rows) == run.operations
        workloads.check(run.workload, rows[0])
        conn.close()

    async def executemany_insert(self, run: Run) -> None:
        query = workloads.INSERT.format(*TEN[:5])
        rows = [list(row) for row in workloads.insert_rows(run.operations)]
        conn = await self.connect()
        await conn.execute_many(query, rows[: run.warm_up], prepared=True)
        await conn.execute(workloads.TRUNCATE)
        with run.measure():
            await conn.execute_many(query, rows, prepared=True)
        conn.close()

    async def pipeline(self, run: Run) -> None:
        query = workloads.POINT.format("$1")
        keys = workloads.point_keys(run.operations)
        conn = await self.connect()
        async with conn.transaction() as transaction:
            for part in (keys[: run.warm_up], keys):
                with run.measure():
                    results = await transaction.pipeline([(query, [key]) for key in part])
                    rows = [result.result(as_tuple=True)[0] for result in results]
                assert [row[0] for row in rows] == part
        conn.close()
