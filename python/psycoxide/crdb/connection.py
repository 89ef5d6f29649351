"""Connections that know that their server is CockroachDB."""

from __future__ import annotations

import re

from .. import _errors_base as e
from .._async.connection import AsyncConnection
from .._base.info import ConnectionInfo
from .._sync.connection import Connection
from ..rows import tuple_row
from ._adapters import adapters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._base.connection import BaseConnection
    from .._row_protocols import AsyncRowFactory, Row, RowFactory
    from ..pq import PGconn

    _Base = BaseConnection[Any]
else:
    from .._generic import Row

    _Base = object


class _CrdbConnectionMixin(_Base):
    """What connections of both kinds know."""

    @classmethod
    def is_crdb(cls, conn: Connection[Any] | AsyncConnection[Any] | PGconn) -> bool:
        """Whether a connection leads to CockroachDB."""
        low: Any = conn
        return bool(getattr(conn, "pgconn", low).parameter_status(b"crdb_version"))

    @property
    def info(self) -> CrdbConnectionInfo:
        """What is known about the connection, the server and the session."""
        return CrdbConnectionInfo(self.pgconn)


class CrdbConnection(_CrdbConnectionMixin, Connection[Row]):
    """A :class:`~psycoxide.Connection` to a CockroachDB database."""

    __module__ = "psycoxide.crdb"

    def __init__(self, pgconn: PGconn, row_factory: RowFactory[Row] = tuple_row):  # type: ignore[assignment]
        super().__init__(pgconn, row_factory)
        self._set_adapters(adapters)


class AsyncCrdbConnection(_CrdbConnectionMixin, AsyncConnection[Row]):
    """An :class:`~psycoxide.AsyncConnection` to a CockroachDB database."""

    __module__ = "psycoxide.crdb"

    def __init__(self, pgconn: PGconn, row_factory: AsyncRowFactory[Row] = tuple_row):  # type: ignore[assignment]
        super().__init__(pgconn, row_factory)
        self._set_adapters(adapters)


class CrdbConnectionInfo(ConnectionInfo):
    """Information about a connection to CockroachDB."""

    __module__ = "psycoxide.crdb"

    @property
    def vendor(self) -> str:
        """What the server is: `"CockroachDB"`."""
        return "CockroachDB"

    @property
    def server_version(self) -> int:
        """The version of the server as a number: 210210 is 21.2.10.

        :raises InternalError: if the server does not say its version, or not as expected.
        """
        text = self.parameter_status("crdb_version")
        if not text:
            raise e.InternalError("'crdb_version' parameter status not set")
        version = self.parse_crdb_version(text)
        if version is None:
            raise e.InternalError(f"couldn't parse CockroachDB version from: {text!r}")
        return version

    @classmethod
    def parse_crdb_version(cls, sver: str) -> int | None:
        """The number of the version that a text of the server names; `None` if it names none."""
        found = re.search(r"\bv(\d+)\.(\d+)\.(\d+)", sver)
        if found is None:
            return None
        major, minor, patch = map(int, found.groups())
        return (major * 100 + minor) * 100 + patch
