"""psycopg2; its executemany stands for execute_batch, the documented way to be quick."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import psycopg2
import psycopg2.extras

from .. import workloads
from ..measure import Run
from . import Options


class Driver:
    """Runs the workloads with psycopg2."""

    def __init__(self, module: str, dsn: str, options: Options) -> None:
        self.module, self.dsn = module, dsn

    def connect(self) -> Any:
        conn = psycopg2.connect(self.dsn)
        conn.autocommit = True
        psycopg2.extras.register_uuid(conn_or_curs=conn)
        return conn

    def _loop(self, run: Run, query: str, parameters: list[Any]) -> Any:
        cur = self.connect().cursor()
        for params in parameters[: run.warm_up]:
            cur.execute(query, params)
            cur.fetchone()
        row = None
        with run.measure():
            for params in parameters:
                cur.execute(query, params)
                row = cur.fetchone()
        return row

    def select1(self, run: Run) -> None:
        self._loop(run, workloads.SELECT1, [None] * run.operations)

    def point_select(self, run: Run) -> None:
        keys = [(key,) for key in workloads.point_keys(run.operations)]
        self._loop(run, workloads.POINT.format("%s"), keys)

    def params10(self, run: Run) -> None:
        query = workloads.PARAMS10.format(*["%s"] * 10)
        *params, document = workloads.params10()
        params.append(psycopg2.extras.Json(document))
        row = self._loop(run, query, [params] * run.operations)
        assert row[9] == document

    def fetch(self, run: Run) -> None:
        query = workloads.FETCH[run.workload]
        conn = self.connect()
        if run.workload == "fetch_composite":
            psycopg2.extras.register_composite("bench_item", conn)
        factory = psycopg2.extras.RealDictCursor if run.workload == "rows_dict" else None
        cur = conn.cursor(cursor_factory=factory)
        cur.execute(query.format(run.warm_up))
        cur.fetchall()
        with run.measure():
            cur.execute(query.format(run.operations))
            rows = cur.fetchall()
        assert len(rows) == run.operations
        workloads.check(run.workload, rows[0])

    def executemany_insert(self, run: Run) -> None:
        query = workloads.INSERT.format(*["%s"] * 5)
        rows = workloads.insert_rows(run.operations)
        conn = self.connect()
        cur = conn.cursor()
        psycopg2.extras.execute_batch(cur, query, rows[: run.warm_up])
        cur.execute(workloads.TRUNCATE)
        conn.autocommit = False
        with run.measure():
            psycopg2.extras.execute_batch(cur, query, rows)
            conn.commit()

    def stream(self, run: Run) -> None:
        conn = self.connect()
        conn.autocommit = False
        for count in (run.warm_up, run.operations):
            with conn.cursor("stream") as cur:
                cur.itersize = workloads.BATCH
                with run.measure():
                    cur.execute(workloads.STREAM.format(count))
                    found = sum(1 for _ in cur)
            assert found == count

    def copy_in_many(self, run: Run) -> None:
        """Rows are formatted in Python: it has nothing for that."""
        query = workloads.COPY_IN.format("")
        cur = self.connect().cursor()
        for count in (run.warm_up, run.operations):
            cur.execute(workloads.TRUNCATE)
            rows = workloads.copy_rows(count)
            with run.measure():
                cur.copy_expert(query, Reader("\t".join(map(str, row)) + "\n" for row in rows))
            assert cur.rowcount == count

    def copy_in_bytes(self, run: Run) -> None:
        blocks = iter(workloads.csv_blocks(run.operations))
        cur = self.connect().cursor()
        cur.execute(workloads.TRUNCATE)
        with run.measure():
            cur.copy_expert(workloads.COPY_IN_BYTES, Blocks(blocks), size=1 << 16)

    def copy_out_raw(self, run: Run) -> None:
        cur = self.connect().cursor()
        for count in (run.warm_up, run.operations):
            writer = Writer()
            with run.measure():
                cur.copy_expert(workloads.COPY_OUT_RAW.format(count), writer)
            assert writer.size > count * 50


class Reader:
    """A file of lines that are made as they are read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines

    def read(self, size: int) -> str:
        return "".join(itertools.islice(self.lines, 200))


class Blocks:
    """A file of blocks."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self.blocks = blocks

    def read(self, size: int) -> bytes:
        return next(self.blocks, b"")


class Writer:
    """A file that counts what is written to it."""

    size = 0

    def write(self, data: str) -> None:
        self.size += len(data)
