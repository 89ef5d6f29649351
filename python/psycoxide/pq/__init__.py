"""The low level: a connection, its results and connection strings, under libpq's names.

psycoxide does not use libpq. What libpq offers to programs, and psycopg's `pq` module shows of it,
is offered here by the core: the same objects that :class:`~psycoxide.Connection` and the cursors
work on, so both levels may be used side by side on one connection. Values are `bytes`, in the
connection's encoding. See "pq -- libpq wrapper module" in psycopg's manual, and the `libpq chapter
<https://www.postgresql.org/docs/18/libpq.html>`__ of PostgreSQL's for what each object means.

What connections do not need is loaded when it is first asked for.
"""

from .._core import Escaping, PGcancel, PGcancelConn, PGconn, PGresult
from ._enums import (
    ConnStatus,
    DiagnosticField,
    ExecStatus,
    Format,
    Ping,
    PipelineStatus,
    PollingStatus,
    Trace,
    TransactionStatus,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import abc, misc
    from ._conninfo import Conninfo
    from ._records import ConninfoOption, PGnotify, PGresAttDesc
    from .misc import error_message, version_pretty

__impl__ = "rust"
"""Which implementation this is: the core is written in Rust, there is no other."""

__build_version__ = 180000
"""The version of libpq that the core was written after, as :func:`version`."""

# Name -> the submodule that has it; None: the submodule itself.
_LAZY = {
    "abc": None,
    "misc": None,
    "Conninfo": "_conninfo",
    "ConninfoOption": "_records",
    "PGnotify": "_records",
    "PGresAttDesc": "_records",
    "error_message": "misc",
    "version_pretty": "misc",
}

__all__ = (
    "ConnStatus",
    "DiagnosticField",
    "ExecStatus",
    "Format",
    "Ping",
    "PipelineStatus",
    "PollingStatus",
    "Trace",
    "TransactionStatus",
    "Conninfo",
    "ConninfoOption",
    "Escaping",
    "PGcancel",
    "PGcancelConn",
    "PGconn",
    "PGnotify",
    "PGresAttDesc",
    "PGresult",
    "abc",
    "error_message",
    "misc",
    "version",
    "version_pretty",
)


def version() -> int:
    """The version of libpq whose behaviour is implemented: 180000, which is PostgreSQL 18's.

    Nothing is loaded that has this version: it tells what a program may rely on, for instance
    before it uses an option of connection strings. The server's version is
    :attr:`~psycoxide.ConnectionInfo.server_version`.
    """
    return __build_version__


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    source = _LAZY[name]
    if source is None:
        return import_module(f"{__name__}.{name}")
    value = getattr(import_module(f"{__name__}.{source}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
