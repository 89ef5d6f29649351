"""`python -m psycoxide demo-cluster`: balancing, a zone that fails and returns, a node that joins.

It runs on PostgreSQL servers that stand in for YugabyteDB; see :mod:`psycoxide.local`.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

from . import cluster
from ._nodes import look, to_table
from ._sync.connection import Connection
from .errors import Error

if TYPE_CHECKING:
    from .local import Cluster

PARAMETERS = "load_balance=true failed_host_reconnect_delay_secs=1 yb_servers_refresh_interval=1"
PATIENCE = 10.0


class Demonstration:
    """A program with connections to a cluster, and what becomes of them."""

    def __init__(self, rig: Cluster) -> None:
        self.rig = rig
        self.connections: list[Connection[Any]] = []
        contacts = rig.contact(1, 2, 3)
        self.dsn = " ".join(f"{name}={value}" for name, value in contacts.items())
        self.seen = 0

    def connect(self, count: int) -> None:
        """Open so many connections more."""
        start = time.perf_counter()
        for _ in range(count):
            self.connections.append(Connection.connect(f"{self.dsn} {PARAMETERS}"))
        spent = (time.perf_counter() - start) * 1000
        print(f"{count} connections in {spent:.0f} ms, {spent / count:.1f} ms each")

    def query_all(self) -> None:
        """Use every connection once, and replace those that are lost."""
        lost = []
        for conn in self.connections:
            try:
                conn.execute("SELECT 1")
                conn.commit()
            except Error:
                lost.append(conn)
        for conn in lost:
            self.connections.remove(conn)
            conn.close()
        print(
            f"a query on each connection: {len(self.connections)} answered, {len(lost)} were lost"
        )
        if lost:
            self.connect(len(lost))

    def show(self) -> None:
        """Show how many connections each node has, by the servers' own count."""
        self.rig.wait_connections(self.believed(), timeout=2)
        for node in self.rig.nodes:
            count = node.connections()
            state = "" if node.state == "running" else f"  {node.state}"
            print(f"    zone {node.zone}  {node.host:<11} {count:3}  {'#' * count}{state}")

    def believed(self) -> list[int]:
        """How many connections this program has to each node."""
        live = [conn.info.node for conn in self.connections]
        hosts = [node.host for node in live if node is not None]
        return [hosts.count(node.host) for node in self.rig.nodes]

    def wait_for(self, kind: str) -> None:
        """Wait until the driver has noticed something."""
        start = time.monotonic()
        (known,) = cluster.clusters()
        while not any(event.kind == kind for event in known.events(self.seen).events):
            if time.monotonic() > start + PATIENCE:
                raise TimeoutError(f"the driver does not notice that a node is {kind}")
            time.sleep(0.02)
        print(f"the driver noticed after {time.monotonic() - start:.1f} s")

    def mark(self) -> None:
        """Look at what happens from now on only."""
        (known,) = cluster.clusters()
        self.seen = known.events().next


def _chapter(title: str) -> None:
    print(f"\n{title}\n{'-' * len(title)}")


def run() -> int:
    """Run the demonstration; return the exit status."""
    from .local import LocalServerError
    from .local import cluster as start

    began = time.monotonic()
    try:
        running = start(3)
    except LocalServerError as error:
        print(f"demo-cluster: {error}", file=sys.stderr)
        return 1
    with running:
        print(
            "Three PostgreSQL servers stand in for a YugabyteDB cluster of three zones.\n"
            "They have its yb_servers(), and share no data. What is shown is the driver.\n"
        )
        logger = logging.getLogger("psycoxide.cluster")
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("    [%(name)s] %(message)s"))
        logger.addHandler(handler)
        shown = Demonstration(running)
        try:
            _show(shown)
        finally:
            for conn in shown.connections:
                conn.close()
            cluster.forget()
            logger.removeHandler(handler)
    print(f"\n{time.monotonic() - began:.0f} seconds in all.")
    return 0


def _show(shown: Demonstration) -> None:
    rig = shown.rig
    print(f'conn = psycoxide.connect("{shown.dsn}\n    {PARAMETERS}")')

    _chapter("Balancing")
    shown.connect(12)
    shown.show()
    print()
    print(to_table(cluster.get(shown.dsn), look(cluster.clusters()[0], shown.dsn)))

    _chapter("Zone b fails: its server is killed")
    shown.mark()
    rig.node(2).kill()
    shown.query_all()
    shown.show()
    shown.wait_for("down")
    shown.connect(6)
    shown.show()

    _chapter("Zone b returns")
    shown.mark()
    rig.node(2).restart()
    shown.wait_for("up")
    shown.connect(6)
    shown.show()
    print("the new connections go where the fewest are, until all have the same")

    _chapter("A node joins, in zone d")
    shown.mark()
    rig.add("cloud.region.d")
    shown.wait_for("joined")
    shown.connect(8)
    shown.show()

    _chapter("In the end")
    shown.query_all()
    (known,) = cluster.clusters()
    numbers = known.metrics()
    print(f"connects: {numbers['connects']}")
    print(f"attempts at a node that was down: {numbers['node_faults']}")
    print(f"connections lost: {numbers['lost']}")
    print(f"refreshes of the list of nodes: {numbers['refreshes']}")
