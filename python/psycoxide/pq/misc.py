"""Texts about connections, results and versions."""

from __future__ import annotations

import re

from .. import _core
from ._enums import ConnStatus, PipelineStatus, TransactionStatus
from ._records import ConninfoOption as ConninfoOption
from ._records import PGnotify as PGnotify
from ._records import PGresAttDesc as PGresAttDesc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import abc

# The severity that libpq puts before a message, in whatever language the server speaks. Two spaces
# behind the colon tell it from other words; where there is one, the word has to look like one.
_SEVERITY = re.compile(
    r"([^\W\d_]+ ?:  |(?:ERR|FATAL|PANIC|WARNING|NOTICE)[^\W\d_]*: |[^\x00-\x7f][^\W\d_]*: )"
)

_DEFAULT_PORTS = {"libpq": "5432", "yugabyte": "5433"}


def error_message(obj: abc.PGconn | abc.PGresult | abc.PGcancelConn, encoding: str = "") -> str:
    """The last error of a connection, or that of a result, without its severity.

    :param encoding: the codec of the text, for objects that do not know theirs. What it cannot
        decode is replaced.
    """
    if encoding:
        return obj.get_error_message(encoding)
    return obj.get_error_message()


def strip_severity(msg: str) -> str:
    """A message without the severity that it begins with (`ERROR:`), and without white space
    around it.
    """
    match = _SEVERITY.match(msg)
    if match and match[1] == match[1].upper():
        msg = msg[match.end() :]
    return msg.strip()


def version_pretty(version: int) -> str:
    """A version as people write it: 180003 is `18.3`; 90624, of the older scheme, `9.6.24`."""
    major, rest = divmod(version, 10_000)
    minor, patch = divmod(rest, 100)
    if major >= 10 and not minor:
        return f"{major}.{patch}"
    return f"{major}.{minor}.{patch}"


def connection_summary(pgconn: abc.PGconn) -> str:
    """The state of a connection and where it leads, for people.

    For instance `[IDLE] (host=localhost user=ann database=shop)`; only the state if the connection
    is not open. What goes without saying is left out: a default port, a unix socket, a user who is
    called as the database is. There is never a password in it.
    """
    if pgconn.status != ConnStatus.OK:
        return f"[{ConnStatus(pgconn.status).name}]"
    state = TransactionStatus(pgconn.transaction_status).name
    if pgconn.pipeline_status:
        state += f", pipeline={PipelineStatus(pgconn.pipeline_status).name}"
    host, port, user, database = (
        value.decode("utf-8", "replace")
        for value in (pgconn.host, pgconn.port, pgconn.user, pgconn.db)
    )
    where = []
    if host and not host.startswith("/"):
        where.append(f"host={host}")
    if port and port != _DEFAULT_PORTS[_core.default_profile()]:
        where.append(f"port={port}")
    if user != database:
        where.append(f"user={user}")
    where.append(f"database={database}")
    return f"[{state}] ({' '.join(where)})"
