"""psycopg's synchronous interface: psycopg itself, and psycoxide."""

from __future__ import annotations

import importlib
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
