"""`Connection.info`: what is known about the connection, the server and the session."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo

    from ..cluster import Cluster, Node
    from ..pq import ConnStatus, PGconn, PipelineStatus, TransactionStatus


class ConnectionInfo:
    """Information about a connection. It stays valid, and up to date, as long as that is open.

    Most attributes raise :class:`~psycoxide.OperationalError` once the connection is closed.

    :param pgconn: the connection.
    """

    __module__ = "psycoxide"

    def __init__(self, pgconn: PGconn):
        self.pgconn = pgconn

    @property
    def vendor(self) -> str:
        """What the server is: `"PostgreSQL"`, or `"YugabyteDB"`."""
        return (
            "YugabyteDB"
            if "-YB-" in (self.parameter_status("server_version") or "")
            else ("PostgreSQL")
        )

    @property
    def host(self) -> str:
        """The host: a name, an address, or the directory of its unix socket."""
        return self._decode(self.pgconn.host)

    @property
    def hostaddr(self) -> str:
        """The address of the host; empty for a unix socket."""
        return self._decode(self.pgconn.hostaddr)

    @property
    def port(self) -> int:
        """The port."""
        return int(self.pgconn.port)

    @property
    def node(self) -> Node | None:
        """The node of the cluster that the connection was spread to, as it was at that moment.

        `None` if `load_balance` is off. It stays when the connection is closed.
        """
        from ..cluster import _node_of

        return _node_of(self.pgconn._node)

    @property
    def is_node_doubtful(self) -> bool:
        """Whether :attr:`node` has gone down, or was drained, since the connection was made.

        The connection may still work; one that nobody uses is better replaced. `False` if
        `load_balance` is off, and `True` once a connection that was spread is closed.
        """
        return self.pgconn._is_node_doubtful

    @property
    def cluster(self) -> Cluster | None:
        """The cluster that :attr:`node` belongs to, see :mod:`psycoxide.cluster`."""
        from ..cluster import Cluster

        handle = self.pgconn._cluster
        return None if handle is None else Cluster(handle)

    @property
    def dbname(self) -> str:
        """The database."""
        return self._decode(self.pgconn.db)

    @property
    def user(self) -> str:
        """The user."""
        return self._decode(self.pgconn.user)

    @property
    def password(self) -> str:
        """The password, empty if there was none."""
        return self._decode(self.pgconn.password)

    @property
    def options(self) -> str:
        """The `options` of the connection string: settings for the server's command line."""
        return self._decode(self.pgconn.options)

    def get_parameters(self) -> dict[str, str]:
        """The parameters of the connection that somebody set, the password left out."""
        _ = self.pgconn.db  # raises on a closed connection
        return self.pgconn._parameters

    @property
    def dsn(self) -> str:
        """The parameters as a connection string, the password left out."""
        from ..conninfo import make_conninfo

        return make_conninfo(**self.get_parameters())

    @property
    def status(self) -> ConnStatus:
        """Whether the connection can be used."""
        return self.pgconn.status

    @property
    def transaction_status(self) -> TransactionStatus:
        """Whether a transaction is open, and in which state."""
        return self.pgconn.transaction_status

    @property
    def pipeline_status(self) -> PipelineStatus:
        """The state of the pipeline."""
        return self.pgconn.pipeline_status

    def parameter_status(self, param_name: str) -> str | None:
        """A setting that the server reports, or `None` if it does not report that one.

        See "PQparameterStatus" of the PostgreSQL manual, section libpq.
        """
        value = self.pgconn.parameter_status(param_name.encode())
        return None if value is None else self._decode(value)

    def _raw_parameter_status(self, name: str) -> str:
        return (self.pgconn.parameter_status(name.encode()) or b"").decode("ascii", "replace")

    @property
    def server_version(self) -> int:
        """The server's version as a number: `major * 10000 + minor`, 150004 for 15.4."""
        return self.pgconn.server_version

    @property
    def full_protocol_version(self) -> int:
        """The version of the protocol: `major * 10000 + minor`, 30000 for 3.0."""
        return self.pgconn.full_protocol_version

    @property
    def backend_pid(self) -> int:
        """The process of the server that serves this connection."""
        return self.pgconn.backend_pid

    @property
    def error_message(self) -> str:
        """The last error of the connection, empty if there was none."""
        message: bytes = self.pgconn.error_message
        return message.decode(self.pgconn._session().encoding or "utf-8", "replace")

    @property
    def timezone(self) -> tzinfo:
        """The time zone of the session; UTC if Python does not know it."""
        return self.pgconn._session().timezone

    @property
    def encoding(self) -> str:
        """The Python codec of the connection's `client_encoding`."""
        encoding = self.pgconn._session().encoding
        if encoding is None:
            from .._errors_base import NotSupportedError

            name = self._raw_parameter_status("client_encoding")
            raise NotSupportedError(f"codec not available in Python: {name!r}")
        return encoding

    def _decode(self, value: bytes) -> str:
        try:
            return value.decode(self.encoding)
        except (LookupError, UnicodeDecodeError):
            return value.decode("utf-8", "replace")
