"""A connection that is no more, as an exception carries it.

`Error.pgconn` shows what was tried when a connection could not be made. It must not keep a socket
nor secrets alive, so it is this: the attributes of a :class:`~psycoxide.pq.PGconn`, without
anything behind them.
"""

from __future__ import annotations

from ._errors_base import OperationalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from .pq import ConninfoOption, PGnotify
    from .pq.abc import PGconn, PGresult

_MESSAGE = "the connection is closed"
_SECRET = b"********"


class FinishedPGconn:
    """The attributes of a closed connection; every verb raises :exc:`OperationalError`."""

    db = b""
    user = b""
    password = b""
    host = b""
    hostaddr = b""
    port = b""
    tty = b""
    options = b""
    status = 1
    transaction_status = 4
    pipeline_status = 0
    error_message = b""
    protocol_version = 0
    full_protocol_version = 0
    server_version = 0
    backend_pid = 0
    needs_password = False
    used_password = False
    used_gssapi = False
    ssl_in_use = False
    nonblocking = 0

    info: list[ConninfoOption]
    notice_handler: Callable[[PGresult], None] | None
    notify_handler: Callable[[PGnotify], None] | None

    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        info: list[ConninfoOption] = (),  # type: ignore[assignment]
        db: bytes = b"",
        user: bytes = b"",
        password: bytes = b"",
        host: bytes = b"",
        hostaddr: bytes = b"",
        port: bytes = b"",
        tty: bytes = b"",
        options: bytes = b"",
        status: int = 1,
        transaction_status: int = 4,
        pipeline_status: int = 0,
        error_message: bytes = b"",
        _encoding: str = "utf-8",
        protocol_version: int = 0,
        full_protocol_version: int = 0,
        server_version: int = 0,
        backend_pid: int = 0,
        needs_password: bool = False,
        used_password: bool = False,
        used_gssapi: bool = False,
        ssl_in_use: bool = False,
        nonblocking: int = 0,
        notice_handler: Callable[[PGresult], None] | None = None,
        notify_handler: Callable[[PGnotify], None] | None = None,
    ):
        self.info = list(info)
        self.db = db
        self.user = user
        self.password = password
        self.host = host
        self.hostaddr = hostaddr
        self.port = port
        self.tty = tty
        self.options = options
        self.status = status
        self.transaction_status = transaction_status
        self.pipeline_status = pipeline_status
        self.error_message = error_message
        self._encoding = _encoding
        self.protocol_version = protocol_version
        self.full_protocol_version = full_protocol_version
        self.server_version = server_version
        self.backend_pid = backend_pid
        self.needs_password = needs_password
        self.used_password = used_password
        self.used_gssapi = used_gssapi
        self.ssl_in_use = ssl_in_use
        self.nonblocking = nonblocking
        self.notice_handler = notice_handler
        self.notify_handler = notify_handler

    def __repr__(self) -> str:
        shown = vars(self).copy()
        # The options hold the password, and whatever else must not be seen.
        shown["info"] = f"<{len(self.info)} options>"
        if self.password:
            shown["password"] = _SECRET
        return f"FinishedPGconn({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FinishedPGconn):
            return NotImplemented
        return vars(self) == vars(other)

    def finish(self) -> None:
        """Do nothing: the connection is finished already."""

    def get_error_message(self, encoding: str = "") -> str:
        """The text to show: that the connection is closed."""
        return _MESSAGE

    @property
    def socket(self) -> NoReturn:
        """There is none any more."""
        raise OperationalError(_MESSAGE)

    def _closed(self) -> NoReturn:
        raise OperationalError(_MESSAGE)

    def _closed_with_arguments(self, *args: Any) -> NoReturn:
        raise OperationalError(_MESSAGE)

    @classmethod
    def connect(cls, conninfo: bytes) -> NoReturn:
        """Raise :exc:`OperationalError`, as every verb here."""
        raise OperationalError(_MESSAGE)

    connect_start = ping = connect

    def set_chunked_rows_mode(self, size: int) -> NoReturn:
        """Raise :exc:`OperationalError`."""
        raise OperationalError(_MESSAGE)

    cancel_conn = connect_poll = consume_input = enter_pipeline_mode = _closed
    exit_pipeline_mode = flush = get_cancel = get_result = is_busy = notifies = _closed
    pipeline_sync = reset = reset_poll = reset_start = send_flush_request = _closed
    set_single_row_mode = untrace = _closed

    change_password = close_portal = close_prepared = describe_portal = _closed_with_arguments
    describe_prepared = encrypt_password = exec_ = exec_params = _closed_with_arguments
    exec_prepared = get_copy_data = make_empty_result = parameter_status = _closed_with_arguments
    prepare = put_copy_data = put_copy_end = send_close_portal = _closed_with_arguments
    send_close_prepared = send_describe_portal = _closed_with_arguments
    send_describe_prepared = send_prepare = send_query = _closed_with_arguments
    send_query_params = send_query_prepared = set_trace_flags = trace = _closed_with_arguments


#: What is copied from a connection; its handlers are not, for they refer to live objects.
_COPIED = (
    *("info", "db", "user", "host", "hostaddr", "port", "tty", "options"),
    *("status", "transaction_status", "pipeline_status", "error_message", "protocol_version"),
    *("full_protocol_version", "server_version", "backend_pid", "needs_password"),
    *("used_password", "used_gssapi", "ssl_in_use", "nonblocking"),
)


def finish_pgconn(pgconn: PGconn) -> PGconn:
    """Close a connection and return what can still be told about it.

    The password is left out. Whatever the connection cannot answer keeps its default.
    """
    known: dict[str, Any] = {}
    for name in _COPIED:
        try:
            known[name] = getattr(pgconn, name)
        except OperationalError:
            continue
    pgconn.finish()
    return FinishedPGconn(**known)  # type: ignore[return-value]
