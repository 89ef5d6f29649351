"""asyncpg; rows are its records, jsonb is decoded by json.loads as in the other drivers."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from .. import workloads
from ..measure import Run
from . import Options

TEN = [f"${number}" for number in range(1, 11)]


def to_url(dsn: str) -> str:
    """Return the address `dsn`, which holds no quoted value, as a URL: all that this takes."""
    parts = dict(part.split("=", 1) for part in dsn.split())
    quoted = {key: urllib.parse.quote(value, safe="") for key, value in parts.items()}
    return "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**quoted)


async def decode_json(conn: Any) -> None:
    await conn.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)


async def no_reset(conn: Any) -> None:
    """Leave a connection which comes back to the pool as it is."""


class Driver:
    """Runs the workloads with asyncpg."""

    def __init__(self, module: str, dsn: str, options: Options) -> None:
        self.module, self.url, self.reset = module, to_url(dsn), options.reset

    async def connect(self) -> Any:
        conn = await asyncpg.connect(self.url)
        await decode_json(conn)
        return conn

    async def select1(self, run: Run) -> None:
        conn = await self.connect()
        for _ in range(run.warm_up):
            await conn.fetchrow(workloads.SELECT1)
        with run.measure():
            for _ in range(run.operations):
                await conn.fetchrow(workloads.SELECT1)
        await conn.close()

    async def point_select(self, run: Run) -> None:
        query = workloads.POINT.format("$1")
        keys = workloads.point_keys(run.operations)
        conn = await self.connect()
        for key in keys[: run.warm_up]:
            await conn.fetchrow(query, key)
        with run.measure():
            for key in keys:
                await conn.fetchrow(query, key)
        await conn.close()

    async def concurrency_async(self, run: Run) -> None:
        query = workloads.POINT.format("$1")
        keys = workloads.point_keys(run.operations)
        size = workloads.CONNECTIONS
        options: dict[str, Any] = {} if self.reset else {"reset": no_reset}

        async def work(part: list[int]) -> None:
            for key in part:
                async with pool.acquire() as conn:
                    await conn.fetchrow(query, key)

        async with asyncpg.create_pool(self.url, min_size=size, max_size=size, **options) as pool:
            await asyncio.gather(*(work([1] * 10) for _ in range(size)))
            with run.measure():
                await asyncio.gather(*(work(keys[i::size]) for i in range(size)))

    async def connections_async(self, run: Run) -> None:
        query = workloads.POINT.format("$1")
        keys = workloads.point_keys(run.operations)
        size = workloads.CONNECTIONS

        async def work(conn: Any, part: list[int]) -> None:
            for key in part:
                await conn.fetchrow(query, key)

        conns = [await asyncpg.connect(self.url) for _ in range(size)]
        await asyncio.gather(*(work(conn, [1] * 10) for conn in conns))
        with run.measure():
            await asyncio.gather(*(work(conn, keys[i::size]) for i, conn in enumerate(conns)))
        for conn in conns:
            await conn.close()

    async def params10(self, run: Run) -> None:
        query = workloads.PARAMS10.format(*TEN)
        params = workloads.params10()
        conn = await self.connect()
        for _ in range(run.warm_up):
            await conn.fetchrow(query, *params)
        with run.measure():
            for _ in range(run.operations):
                row = await conn.fetchrow(query, *params)
        assert row[9] == params[9]
        await conn.close()

    async def fetch(self, run: Run) -> None:
        query = workloads.FETCH[run.workload]
        conn = await self.connect()
        await conn.fetch(query.format(run.warm_up))
        with run.measure():
            rows = await conn.fetch(query.format(run.operations))
        assert len(rows) == run.operations
        workloads.check(run.workload, rows[0])
        await conn.close()

    async def executemany_insert(self, run: Run) -> None:
        query = workloads.INSERT.format(*TEN[:5])
        rows = workloads.insert_rows(run.operations)
        conn = await self.connect()
        await conn.executemany(query, rows[: run.warm_up])
        await conn.execute(workloads.TRUNCATE)
        with run.measure():
            await conn.executemany(query, rows)
        await conn.close()

    async def stream(self, run: Run) -> None:
        conn = await self.connect()
        async with conn.transaction():
            for count in (run.warm_up, run.operations):
                query = workloads.STREAM.format(count)
                found = 0
                with run.measure():
                    async for _ in conn.cursor(query, prefetch=workloads.BATCH):
                        found += 1
                assert found == count
        await conn.close()

    async def copy_in_many(self, run: Run) -> None:
        conn = await self.connect()
        columns = ["id", "name", "value", "ts", "active"]
        for count in (run.warm_up, run.operations):
            await conn.execute(workloads.TRUNCATE)
            rows = workloads.copy_rows(count)
            with run.measure():
                tag = await conn.copy_records_to_table(
                    "bench_insert", records=rows, columns=columns
                )
            assert tag == f"COPY {count}"
        await conn.close()

    async def copy_in_bytes(self, run: Run) -> None:
        conn = await self.connect()

        async def source() -> AsyncIterator[bytes]:
            for block in blocks:
                yield block

        blocks = workloads.csv_blocks(run.operations)
        await conn.execute(workloads.TRUNCATE)
        with run.measure():
            await conn.copy_to_table("bench_insert", source=source(), format="csv")
        await conn.close()

    async def copy_out_raw(self, run: Run) -> None:
        conn = await self.connect()
        size = 0

        async def output(data: bytes) -> None:
            nonlocal size
            size += len(data)

        for count in (run.warm_up, run.operations):
            query = workloads.COPY_OUT_RAW.format(count)
            size = 0
            with run.measure():
                await conn.copy_from_query(
                    query.removeprefix("COPY (").removesuffix(") TO STDOUT"), output=output
                )
            assert size > count * 50
        await conn.close()

    async def pipeline(self, run: Run) -> None:
        """It has no pipeline; fetchmany() sends all at once, which comes nearest."""
        query = workloads.POINT.format("$1")
        keys = workloads.point_keys(run.operations)
        conn = await self.connect()
        for part in (keys[: run.warm_up], keys):
            with run.measure():
                rows = await conn.fetchmany(query, [(key,) for key in part])
            assert [row[0] for row in rows] == part
        await conn.close()
