"""The Python driver for YugabyteDB's YSQL API and for PostgreSQL, with psycopg 3's interface.

::

    import psycoxide

    with psycoxide.connect("host=localhost dbname=yugabyte user=yugabyte") as conn:
        for record in conn.execute("SELECT id, name FROM employee WHERE age > %s", [30]):
            print(record)

Programs written for psycopg 3 run unchanged after :func:`install_as_psycopg`.
"""

import os as _os

from . import _core as _core
from . import errors as errors
from . import pq as pq
from . import rows as rows
from . import types as types
from ._async.client_cursor import AsyncClientCursor as AsyncClientCursor
from ._async.connection import AsyncConnection as AsyncConnection
from ._async.copy import AsyncCopy as AsyncCopy
from ._async.cursor import AsyncCursor as AsyncCursor
from ._async.pipeline import AsyncPipeline as AsyncPipeline
from ._async.raw_cursor import AsyncRawCursor as AsyncRawCursor
from ._async.raw_cursor import AsyncRawServerCursor as AsyncRawServerCursor
from ._async.server_cursor import AsyncServerCursor as AsyncServerCursor
from ._async.transaction import AsyncTransaction as AsyncTransaction
from ._base.connection import BaseConnection as BaseConnection
from ._base.info import ConnectionInfo as ConnectionInfo
from ._base.notify import Notify as Notify
from ._base.retry import is_retryable as is_retryable
from ._base.transaction import Rollback as Rollback
from ._capabilities import Capabilities as Capabilities
from ._capabilities import capabilities as capabilities
from ._column import Column as Column
from ._enums import IsolationLevel as IsolationLevel
from ._errors_base import CommitOutcomeUnknown as CommitOutcomeUnknown
from ._errors_base import DatabaseError as DatabaseError
from ._errors_base import DataError as DataError
from ._errors_base import Error as Error
from ._errors_base import IntegrityError as IntegrityError
from ._errors_base import InterfaceError as InterfaceError
from ._errors_base import InternalError as InternalError
from ._errors_base import NotSupportedError as NotSupportedError
from ._errors_base import OperationalError as OperationalError
from ._errors_base import ProgrammingError as ProgrammingError
from ._errors_base import Warning as Warning
from ._sync.client_cursor import ClientCursor as ClientCursor
from ._sync.connection import Connection as Connection
from ._sync.copy import Copy as Copy
from ._sync.cursor import Cursor as Cursor
from ._sync.pipeline import Pipeline as Pipeline
from ._sync.raw_cursor import RawCursor as RawCursor
from ._sync.raw_cursor import RawServerCursor as RawServerCursor
from ._sync.server_cursor import ServerCursor as ServerCursor
from ._sync.transaction import Transaction as Transaction
from ._tpc import Xid as Xid
from .dbapi20 import BINARY as BINARY
from .dbapi20 import DATETIME as DATETIME
from .dbapi20 import NUMBER as NUMBER
from .dbapi20 import ROWID as ROWID
from .dbapi20 import STRING as STRING
from .dbapi20 import Binary as Binary
from .dbapi20 import Date as Date
from .dbapi20 import DateFromTicks as DateFromTicks
from .dbapi20 import Time as Time
from .dbapi20 import TimeFromTicks as TimeFromTicks
from .dbapi20 import Timestamp as Timestamp
from .dbapi20 import TimestampFromTicks as TimestampFromTicks
from .postgres import adapters as adapters
from .version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import abc as abc
    from . import adapt as adapt
    from . import conninfo as conninfo
    from . import dbapi20 as dbapi20
    from . import postgres as postgres
    from . import sql as sql
    from . import version as version

__all__ = [
    "AsyncClientCursor",
    "AsyncConnection",
    "AsyncCopy",
    "AsyncCursor",
    "AsyncPipeline",
    "AsyncRawCursor",
    "AsyncRawServerCursor",
    "AsyncServerCursor",
    "AsyncTransaction",
    "BINARY",
    "BaseConnection",
    "Binary",
    "Capabilities",
    "ClientCursor",
    "Column",
    "CommitOutcomeUnknown",
    "Connection",
    "ConnectionInfo",
    "Copy",
    "Cursor",
    "DATETIME",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "IsolationLevel",
    "NUMBER",
    "NotSupportedError",
    "Notify",
    "OperationalError",
    "Pipeline",
    "ProgrammingError",
    "ROWID",
    "RawCursor",
    "RawServerCursor",
    "Rollback",
    "STRING",
    "ServerCursor",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Transaction",
    "Warning",
    "Xid",
    "apilevel",
    "capabilities",
    "connect",
    "is_retryable",
    "paramstyle",
    "threadsafety",
    "install_as_psycopg",
]

if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(before=_core._before_fork, after_in_child=_core._after_fork_in_child)

connect = Connection.connect
"""Connect to a database: :meth:`Connection.connect`."""

apilevel = "2.0"
"""The version of the DB-API; see PEP 249."""
threadsafety = 2
"""Threads may share the module and connections."""
paramstyle = "pyformat"
"""Placeholders are `%s` and `%(name)s`."""


#: Modules that are loaded when they are first asked for.
_LAZY_MODULES = {
    *("abc", "adapt", "client_cursor", "conninfo", "connection", "connection_async", "copy"),
    *("crdb", "cursor", "cursor_async", "raw_cursor"),
    *("dbapi20", "generators", "postgres", "sql", "transaction", "version", "waiting"),
}


def install_as_psycopg() -> None:
    """Make `import psycopg` give psycoxide in this process; see :mod:`psycoxide.alias`.

    :raises ImportError: if the real psycopg is imported already.
    """
    from .alias import install_as_psycopg

    install_as_psycopg()


if not TYPE_CHECKING:
    # Type checkers are to find names that do not exist.

    def __getattr__(name: str) -> object:
        if name in _LAZY_MODULES:
            from importlib import import_module

            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY_MODULES})
