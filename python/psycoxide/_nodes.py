"""`python -m psycoxide nodes`: the nodes of a cluster, where they are and how they do.

The list is the cluster's own; every node is then connected to, all at the same time, to see whether
and how fast it answers and how many connections it has.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from . import _core, cluster
from ._sync.connection import Connection
from .conninfo import conninfo_to_dict
from .errors import Error, ProgrammingError

PERIOD = 2.0
"""Seconds between two tables of `--watch`."""

TIMEOUT = "3"
"""How long a node has to answer, in seconds."""

#: Who may not look at the sessions of others does not see of what type they are.
COUNT = """
SELECT count(*) FROM pg_stat_activity
WHERE datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
    AND application_name NOT IN ('psycoxide-control', 'psycoxide nodes')
"""

OPTIONAL = (2, 1, 5)
"""The columns that a narrow screen does without, in this order: type, placement, latency."""

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
    """Why it is down, or does not tell its connections."""


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
                print(f"nodes: {_plain(str(error))}", file=sys.stderr)
                if not watch or isinstance(error, ProgrammingError):
                    return 1
            except UnicodeError:
                print("nodes: the connection string is not valid UTF-8", file=sys.stderr)
                return 1
            else:
                screen = watch and not as_json and sys.stdout.isatty()
                width = shutil.get_terminal_size().columns if screen else None
                text = to_json(known, rows) if as_json else to_table(known, rows, width)
                print((CLEAR if screen else "") + text, flush=True)
            if not watch:
                return 0
            time.sleep(PERIOD)
    except KeyboardInterrupt:
        return 0 if watch else 130
    except BrokenPipeError:
        # Who read this has seen enough. What is left is not to fail when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def look(known: cluster.Cluster, dsn: str) -> list[Row]:
    """Connect to all nodes of the cluster, and tell what was found."""
    parameters = {
        "connect_timeout": TIMEOUT,
        **conninfo_to_dict(dsn),
        "application_name": "psycoxide nodes",
    }
    rows = {
        number: Row(node.host, node.port, node.placement, node.node_type, node.uuid)
        for number, node in known._numbered()
    }

    def probe(number: int) -> None:
        # As a connection that is spread gets there: by which address, with which password, and
        # with a certificate for which name.
        connector = _core.Connector.at_node(known._handle, number, parameters)
        _probe(rows[number], connector)

    with ThreadPoolExecutor(min(32, len(rows) or 1)) as pool:
        list(pool.map(probe, rows))
    return list(rows.values())


def _probe(row: Row, connector: _core.Connector) -> None:
    start = time.perf_counter()
    row.state = "down"
    try:
        with Connection[Any](connector.run()) as conn:
            row.state = "up"
            row.latency_ms = round((time.perf_counter() - start) * 1000, 1)
            found = conn.execute(COUNT).fetchone()
            row.connections = None if found is None else found[0]
    except Error as error:
        row.error = _plain(str(error).strip().partition("\n")[0])


def _plain(text: str) -> str:
    """The text without what a terminal takes for orders: a server may say what it likes."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def to_json(known: cluster.Cluster, rows: list[Row]) -> str:
    """The cluster as one line of JSON."""
    nodes = [asdict(row) for row in rows]
    return json.dumps({"cluster": known.key, "static": known.is_static, "nodes": nodes})


def to_table(known: cluster.Cluster, rows: list[Row], width: int | None = None) -> str:
    """The cluster as a table for people, on a screen so many characters wide."""
    lines = [("NODE", "PLACEMENT", "TYPE", "STATE", "CONNECTIONS", "LATENCY")]
    for row in rows:
        lines.append(
            (
                _address(row),
                row.placement or "-",
                row.node_type or "-",
                row.state,
                "-" if row.connections is None else str(row.connections),
                "-" if row.latency_ms is None else f"{row.latency_ms:.1f} ms",
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines)]
    shown = list(range(len(widths)))
    for column in OPTIONAL:
        if width is not None and sum(widths[n] + 2 for n in shown) - 2 > width:
            shown.remove(column)
    table = [
        "  ".join(
            line[n].rjust(widths[n]) if n >= 4 else line[n].ljust(widths[n]) for n in shown
        ).rstrip()[:width]
        for line in lines
    ]
    kind = "plain PostgreSQL servers, as configured" if known.is_static else f"cluster {known.key}"
    up = sum(row.state == "up" for row in rows)
    table.append(f"{kind}: {up} of {len(rows)} nodes up")
    table += [f"{_address(row)}: {row.error}" for row in rows if row.error]
    return "\n".join(table)


def _address(row: Row) -> str:
    return cluster.Node(row.host, row.port).address
