"""`python -m psycoxide nodes`: the nodes of a cluster, where they are and how they do.

The list is the cluster's own; every node is then connected to, all at the same time, to see whether
and how fast it answers and how many connections it has.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from . import cluster
from ._sync.connection import Connection
from .conninfo import conninfo_to_dict
from .errors import Error

PERIOD = 2.0
"""Seconds between two tables of `--watch`."""

TIMEOUT = "3"
"""How long a node has to answer, in seconds."""

COUNT = """
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name <> 'psycoxide-control'
    AND pid <> pg_backend_pid()
"""

CLEAR = "\x1b[H\x1b[2J"


@dataclass
class Row:
    """What is shown of a node."""

    host: str
    port: int
    placement: str
    node_type: str
    uuid: str | None
    state: str = "up"
    """`up`, or `down` if it cannot be connected to."""
    connections: int | None = None
    """Those of users, of all programs, as the node counts them."""
    latency_ms: float | None = None
    """How long connecting to it took."""
    error: str = ""
    """Why it is down."""


def run(dsn: str, *, watch: bool, as_json: bool) -> int:
    """Show the nodes, again and again if `watch` is set; return the exit status."""
    try:
        while True:
            try:
                known = cluster.get(dsn)
                if watch and not known.is_static:
                    known.refresh()
                rows = look(known, dsn)
            except Error as error:
                print(f"nodes: {error}", file=sys.stderr)
                if not watch:
                    return 1
            else:
                text = to_json(known, rows) if as_json else to_table(known, rows)
                clear = CLEAR if watch and not as_json and sys.stdout.isatty() else ""
                print(clear + text, flush=True)
            if not watch:
                return 0
            time.sleep(PERIOD)
    except KeyboardInterrupt:
        return 0


def look(known: cluster.Cluster, dsn: str) -> list[Row]:
    """Connect to all nodes of the cluster, and tell what was found."""
    base = conninfo_to_dict(dsn)
    for name in ("host", "hostaddr", "port", "load_balance", "load_balance_hosts", "topology_keys"):
        base.pop(name, None)
    rows = [
        Row(node.host, node.port, node.placement, node.node_type, node.uuid)
        for node in known.nodes()
    ]
    with ThreadPoolExecutor(min(32, len(rows) or 1)) as pool:
        list(pool.map(lambda row: _probe(row, base), rows))
    return rows


def _probe(row: Row, base: dict[str, Any]) -> None:
    parameters = {
        "connect_timeout": TIMEOUT,
        **base,
        "host": row.host,
        "port": str(row.port),
        "load_balance": "false",
        "application_name": "psycoxide nodes",
    }
    start = time.perf_counter()
    try:
        with Connection.connect(**parameters, autocommit=True) as conn:
            row.latency_ms = round((time.perf_counter() - start) * 1000, 1)
            found = conn.execute(COUNT).fetchone()
            row.connections = None if found is None else found[0]
    except Error as error:
        row.state = "down"
        row.error = str(error).strip().partition("\n")[0]


def to_json(known: cluster.Cluster, rows: list[Row]) -> str:
    """The cluster as one line of JSON."""
    nodes = [asdict(row) for row in rows]
    return json.dumps({"cluster": known.key, "static": known.is_static, "nodes": nodes})


def to_table(known: cluster.Cluster, rows: list[Row]) -> str:
    """The cluster as a table for people."""
    lines = [("NODE", "PLACEMENT", "TYPE", "STATE", "CONNECTIONS", "LATENCY")]
    for row in rows:
        lines.append(
            (
                f"{row.host}:{row.port}",
                row.placement or "-",
                row.node_type or "-",
                row.state,
                "-" if row.connections is None else str(row.connections),
                "-" if row.latency_ms is None else f"{row.latency_ms:.1f} ms",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines)]
    table = [
        "  ".join(
            cell.rjust(width) if number >= 4 else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    ]
    kind = "plain PostgreSQL servers, as configured" if known.is_static else f"cluster {known.key}"
    up = sum(row.state == "up" for row in rows)
    table.append(f"{kind}: {up} of {len(rows)} nodes up")
    table += [f"{row.host}:{row.port}: {row.error}" for row in rows if row.error]
    return "\n".join(table)
