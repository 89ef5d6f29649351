"""Connections to CockroachDB.

CockroachDB speaks PostgreSQL's protocol, with other types: a string has to say that it is one, JSON
is always `jsonb`, `integer` means `int8`. That is all this module knows of; nobody here tests it
against a server.

See "CockroachDB support" of the psycopg manual.
"""

from __future__ import annotations

from ._adapters import adapters as adapters
from .connection import AsyncCrdbConnection as AsyncCrdbConnection
from .connection import CrdbConnection as CrdbConnection
from .connection import CrdbConnectionInfo as CrdbConnectionInfo

connect = CrdbConnection.connect
"""Connect to a CockroachDB database: :meth:`CrdbConnection.connect`."""

__all__ = ["AsyncCrdbConnection", "CrdbConnection", "CrdbConnectionInfo"]
