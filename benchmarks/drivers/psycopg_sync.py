"""psycopg's synchronous interface: psycopg itself, and psycoxide."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .. import workloads
from ..measure import Run
from . import Options


class Driver:
    """Runs the workloads with the classes of `module`."""

    def __init__(self, module: str, dsn: str, options: Options) -> None:
        self.module, self.dsn, self.binary = module, dsn, options.binary

    def connect(self) -> Any:
        api = importlib.import_module(self.module)
        return api.connect(self.dsn, autocommit=True)

    def select1(self, run: Run) -> None:
        with self.connect() as conn:
            cur = conn.cursor(binary=self.binary)
            for _ in range(run.warm_up):
                cur.execute(workloads.SELECT1).fetchone()
            with run.measure():
                for _ in range(run.operations):
                    cur.execute(workloads.SELECT1).fetchone()

    def point_select(self, run: Run) -> None:
        query = workloads.POINT.format("%s")
        keys = workloads.point_keys(run.operations)
        with self.connect() as conn:
            cur = conn.cursor(binary=self.binary)
            for key in keys[: run.warm_up]:
                cur.execute(query, (key,)).fetchone()
            with run.measure():
                for key in keys:
                    cur.execute(query, (key,)).fetchone()

    def params10(self, run: Run) -> None:
        query = workloads.PARAMS10.format(*["%s"] * 10)
        *params, document = workloads.params10()
        params.append(importlib.import_module(f"{self.module}.types.json").Jsonb(document))
        with self.connect() as conn:
            cur = conn.cursor(binary=self.binary)
            for _ in range(run.warm_up):
                cur.execute(query, params).fetchone()
            with run.measure():
                for _ in range(run.operations):
                    row = cur.execute(query, params).fetchone()
            assert row[9] == document

    def fetch(self, run: Run) -> None:
        query = workloads.FETCH[run.workload]
        with self.connect() as conn:
            cur = conn.cursor(binary=self.binary)
            if run.workload == "fetch_composite":
                composite = importlib.import_module(f"{self.module}.types.composite")
                info = composite.CompositeInfo.fetch(conn, "bench_item")
                composite.register_composite(info, cur)
            if run.workload.startswith("rows_"):
                rows = importlib.import_module(f"{self.module}.rows")
                of_class = rows.class_row(workloads.Point)
                cur.row_factory = of_class if run.workload == "rows_class" else rows.dict_row
            cur.execute(query.format(run.warm_up)).fetchall()
            with run.measure():
                rows = cur.execute(query.format(run.operations)).fetchall()
            assert len(rows) == run.operations
            workloads.check(run.workload, rows[0])

    def executemany_insert(self, run: Run) -> None:
        query = workloads.INSERT.format(*["%s"] * 5)
        rows = workloads.insert_rows(run.operations)
        with self.connect() as conn:
            cur = conn.cursor()
            with conn.transaction():
                cur.executemany(query, rows[: run.warm_up])
            conn.execute(workloads.TRUNCATE)
            with run.measure(), conn.transaction():
                cur.executemany(query, rows)

    def stream(self, run: Run) -> None:
        with self.connect() as conn, conn.transaction():
            for count in (run.warm_up, run.operations):
                with conn.cursor("stream", binary=self.binary) as cur:
                    cur.itersize = workloads.BATCH
                    with run.measure():
                        cur.execute(workloads.STREAM.format(count))
                        found = sum(1 for _ in cur)
                assert found == count

    def stream_rows(self, run: Run) -> None:
        with self.connect() as conn:
            cur = conn.cursor(binary=self.binary)
            for count in (run.warm_up, run.operations):
                query = workloads.STREAM.format(count)
                with run.measure():
                    found = sum(1 for _ in cur.stream(query, size=workloads.BATCH))
                assert found == count

    def _copy_in(self, run: Run, write: Callable[[Any, Any], None]) -> None:
        query = workloads.COPY_IN.format(" (FORMAT binary)" if self.binary else "")
        with self.connect() as conn:
            for count in (run.warm_up, run.operations):
                conn.execute(workloads.TRUNCATE)
                rows = workloads.copy_rows(count)
                cur = conn.cursor()
                with run.measure(), cur.copy(query) as copy:
                    if self.binary:
                        copy.set_types(workloads.COPY_IN_TYPES)
                    write(copy, rows)
                assert cur.rowcount == count

    def copy_in_rows(self, run: Run) -> None:
        def write(copy: Any, rows: Any) -> None:
            for row in rows:
                copy.write_row(row)

        self._copy_in(run, write)

    def copy_in_many(self, run: Run) -> None:
        def write(copy: Any, rows: Any) -> None:
            if hasattr(copy, "write_rows"):
                copy.write_rows(rows)
            else:
                for row in rows:
                    copy.write_row(row)

        self._copy_in(run, write)

    def copy_in_bytes(self, run: Run) -> None:
        blocks = workloads.csv_blocks(run.operations)
        with self.connect() as conn:
            conn.execute(workloads.TRUNCATE)
            with run.measure(), conn.cursor().copy(workloads.COPY_IN_BYTES) as copy:
                for block in blocks:
                    copy.write(block)

    def copy_out_raw(self, run: Run) -> None:
        with self.connect() as conn:
            for count in (run.warm_up, run.operations):
                query = workloads.COPY_OUT_RAW.format(count)
                cur = conn.cursor()
                with run.measure(), cur.copy(query) as copy:
                    size = sum(len(data) for data in copy)
                assert size > count * 50 and cur.rowcount == count

    def copy_out_rows(self, run: Run) -> None:
        binary = " (FORMAT binary)" if self.binary else ""
        with self.connect() as conn:
            for count in (run.warm_up, run.operations):
                query = workloads.COPY_OUT_ROWS.format(count, binary)
                with run.measure(), conn.cursor().copy(query) as copy:
                    copy.set_types(workloads.COPY_OUT_TYPES)
                    found = sum(1 for _ in copy.rows())
                assert found == count

    def pipeline(self, run: Run) -> None:
        query = workloads.POINT.format("%s")
        keys = workloads.point_keys(run.operations)
        with self.connect() as conn:
            for part in (keys[: run.warm_up], keys):
                with run.measure():
                    with conn.pipeline():
                        cursors = []
                        for key in part:
                            cursor = conn.cursor(binary=self.binary)
                            cursors.append(cursor.execute(query, (key,)))
                    rows = [cursor.fetchone() for cursor in cursors]
                assert [row[0] for row in rows] == part
