"""Protocols of the low level's objects, for type checkers.

What each member does is described with libpq's function of a similar name, in the `libpq chapter
<https://www.postgresql.org/docs/current/libpq.html>`__ of PostgreSQL's manual: `exec_params()` is
`PQexecParams`, `ntuples` is `PQntuples`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from ._enums import Format

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..abc import Buffer
    from ._enums import Trace
    from ._records import ConninfoOption, PGnotify, PGresAttDesc


class PGconn(Protocol):
    """A connection."""

    notice_handler: Callable[[PGresult], None] | None
    """Called with each notice; nobody is if `None`."""
    notify_handler: Callable[[PGnotify], None] | None
    """Called with each notification; they wait for `notifies()` if `None`."""

    # Making and closing it.

    @classmethod
    def connect(cls, conninfo: bytes) -> Self:
        """Connect and wait for it; `status` tells whether it worked."""

    @classmethod
    def connect_start(cls, conninfo: bytes) -> Self:
        """Begin to connect, to go on with `connect_poll()`."""

    def connect_poll(self) -> int:
        """Go on connecting; a `PollingStatus` tells what to wait for."""

    @classmethod
    def ping(cls, conninfo: bytes) -> int:
        """Whether a server answers, a `Ping`."""

    def reset(self) -> None:
        """Close, and connect as before."""

    def reset_start(self) -> None:
        """Begin to do so, to go on with `reset_poll()`."""

    def reset_poll(self) -> int:
        """Go on with it; a `PollingStatus` tells what to wait for."""

    def finish(self) -> None:
        """Close the connection."""

    # What is known about it.

    @property
    def info(self) -> list[ConninfoOption]:
        """The options in use."""

    @property
    def db(self) -> bytes:
        """The database."""

    @property
    def user(self) -> bytes:
        """The user."""

    @property
    def password(self) -> bytes:
        """The password."""

    @property
    def host(self) -> bytes:
        """The host: a name, an address, or the directory of the unix socket."""

    @property
    def hostaddr(self) -> bytes:
        """The host's address."""

    @property
    def port(self) -> bytes:
        """The port."""

    @property
    def tty(self) -> bytes:
        """Nothing: no server uses it any more."""

    @property
    def options(self) -> bytes:
        """The `options` of the connection string."""

    @property
    def status(self) -> int:
        """The state of the connection, a `ConnStatus`."""

    @property
    def transaction_status(self) -> int:
        """The state of the transaction, a `TransactionStatus`."""

    def parameter_status(self, name: bytes) -> bytes | None:
        """A setting that the server reports."""

    @property
    def error_message(self) -> bytes:
        """The last error."""

    def get_error_message(self, encoding: str = ...) -> str:
        """The last error, without its severity."""

    @property
    def protocol_version(self) -> int:
        """The major version of the protocol."""

    @property
    def full_protocol_version(self) -> int:
        """The version of the protocol: 30002 for 3.2."""

    @property
    def server_version(self) -> int:
        """The version of the server: 180003 for 18.3."""

    @property
    def socket(self) -> int:
        """The descriptor of the socket."""

    @property
    def backend_pid(self) -> int:
        """The process ID of the session at the server."""

    @property
    def needs_password(self) -> bool:
        """Whether the server wanted a password and there was none."""

    @property
    def used_password(self) -> bool:
        """Whether the server wanted a password and got one."""

    @property
    def used_gssapi(self) -> bool:
        """Whether GSSAPI authenticated the user."""

    @property
    def ssl_in_use(self) -> bool:
        """Whether the connection is encrypted."""

    # Commands, answered at once.

    def exec_(self, command: bytes) -> PGresult:
        """Run commands; the result is that of the last."""

    def exec_params(
        self,
        command: bytes,
        param_values: Sequence[Buffer | None] | None,
        param_types: Sequence[int] | None = None,
        param_formats: Sequence[int] | None = None,
        result_format: int = Format.TEXT,
    ) -> PGresult:
        """Run a command with parameters."""

    def prepare(
        self, name: bytes, command: bytes, param_types: Sequence[int] | None = None
    ) -> PGresult:
        """Prepare a command."""

    def exec_prepared(
        self,
        name: bytes,
        param_values: Sequence[Buffer] | None,
        param_formats: Sequence[int] | None = None,
        result_format: int = 0,
    ) -> PGresult:
        """Run a prepared command."""

    def describe_prepared(self, name: bytes) -> PGresult:
        """Parameters and columns of a prepared command."""

    def describe_portal(self, name: bytes) -> PGresult:
        """Columns of a cursor."""

    def close_prepared(self, name: bytes) -> PGresult:
        """Forget a prepared command."""

    def close_portal(self, name: bytes) -> PGresult:
        """Close a cursor."""

    # Commands, sent; the answers are fetched by `get_result()`.

    def send_query(self, command: bytes) -> None:
        """Send what `exec_()` runs."""

    def send_query_params(
        self,
        command: bytes,
        param_values: Sequence[Buffer | None] | None,
        param_types: Sequence[int] | None = None,
        param_formats: Sequence[int] | None = None,
        result_format: int = Format.TEXT,
    ) -> None:
        """Send what `exec_params()` runs."""

    def send_prepare(
        self, name: bytes, command: bytes, param_types: Sequence[int] | None = None
    ) -> None:
        """Send what `prepare()` prepares."""

    def send_query_prepared(
        self,
        name: bytes,
        param_values: Sequence[Buffer | None] | None,
        param_formats: Sequence[int] | None = None,
        result_format: int = Format.TEXT,
    ) -> None:
        """Send what `exec_prepared()` runs."""

    def send_describe_prepared(self, name: bytes) -> None:
        """Send what `describe_prepared()` asks."""

    def send_describe_portal(self, name: bytes) -> None:
        """Send what `describe_portal()` asks."""

    def send_close_prepared(self, name: bytes) -> None:
        """Send what `close_prepared()` asks."""

    def send_close_portal(self, name: bytes) -> None:
        """Send what `close_portal()` asks."""

    def get_result(self) -> PGresult | None:
        """The next result; `None` after the last."""

    def consume_input(self) -> None:
        """Take what the server has sent."""

    def is_busy(self) -> int:
        """Whether `get_result()` would wait."""

    @property
    def nonblocking(self) -> int:
        """Whether sending never waits."""

    @nonblocking.setter
    def nonblocking(self, arg: int) -> None: ...

    def flush(self) -> int:
        """Send what waits to be sent; 1 if some is left."""

    def set_single_row_mode(self) -> None:
        """Give the rows of the query just sent one by one."""

    def set_chunked_rows_mode(self, size: int) -> None:
        """Give the rows of the query just sent in groups of `size`."""

    def notifies(self) -> PGnotify | None:
        """The next notification that has come."""

    # Cancelling.

    def get_cancel(self) -> PGcancel:
        """An object that cancels what the connection runs."""

    def cancel_conn(self) -> PGcancelConn:
        """An object that does so without waiting, encrypted where the connection is."""

    # COPY.

    def put_copy_data(self, buffer: Buffer) -> int:
        """Send data of a COPY."""

    def put_copy_end(self, error: bytes | None = None) -> int:
        """End the COPY; `error` makes it fail."""

    def get_copy_data(self, async_: int) -> tuple[int, memoryview]:
        """Data of a COPY, and how many bytes; -1 at the end."""

    # Tracing.

    def trace(self, fileno: int) -> None:
        """Write all messages to a file."""

    def set_trace_flags(self, flags: Trace) -> None:
        """Choose what the trace leaves out."""

    def untrace(self) -> None:
        """Write no more."""

    # Passwords.

    def encrypt_password(self, passwd: bytes, user: bytes, algorithm: bytes | None = None) -> bytes:
        """A password as the server stores it."""

    def change_password(self, user: bytes, passwd: bytes) -> None:
        """Change the password of a user."""

    def make_empty_result(self, exec_status: int) -> PGresult:
        """A result of this `ExecStatus` without rows."""

    # Pipelines.

    @property
    def pipeline_status(self) -> int:
        """The state of the pipeline, a `PipelineStatus`."""

    def enter_pipeline_mode(self) -> None:
        """Queue commands from now on."""

    def exit_pipeline_mode(self) -> None:
        """Queue no more; nothing may be left in the queue."""

    def pipeline_sync(self) -> None:
        """Mark where commands after a failed one are run again, and send the queue."""

    def send_flush_request(self) -> None:
        """Ask the server for the answers that it has."""


class PGresult(Protocol):
    """The answer to a command."""

    def clear(self) -> None:
        """Free its memory."""

    @property
    def status(self) -> int:
        """What it is, an `ExecStatus`."""

    @property
    def error_message(self) -> bytes:
        """The error with its severity; empty if it is none."""

    def get_error_message(self, encoding: str = ...) -> str:
        """The error without its severity."""

    def error_field(self, fieldcode: int) -> bytes | None:
        """A part of the error report, by its `DiagnosticField`."""

    @property
    def ntuples(self) -> int:
        """How many rows."""

    @property
    def nfields(self) -> int:
        """How many columns."""

    def fname(self, column_number: int) -> bytes | None:
        """The name of a column."""

    def ftable(self, column_number: int) -> int:
        """The OID of its table."""

    def ftablecol(self, column_number: int) -> int:
        """Its number in the table."""

    def fformat(self, column_number: int) -> int:
        """Its `Format`."""

    def ftype(self, column_number: int) -> int:
        """The OID of its type."""

    def fmod(self, column_number: int) -> int:
        """Its type's modifier."""

    def fsize(self, column_number: int) -> int:
        """Its type's size."""

    @property
    def binary_tuples(self) -> int:
        """The `Format` of all columns."""

    def get_value(self, row_number: int, column_number: int) -> bytes | None:
        """A value; `None` is NULL."""

    @property
    def nparams(self) -> int:
        """How many parameters, of a command that was described."""

    def param_type(self, param_number: int) -> int:
        """The OID of the type of a parameter."""

    @property
    def command_status(self) -> bytes | None:
        """The command's tag, such as `INSERT 0 1`."""

    @property
    def command_tuples(self) -> int | None:
        """How many rows it touched."""

    @property
    def oid_value(self) -> int:
        """The OID of the row inserted."""

    def set_attributes(self, descriptions: list[PGresAttDesc]) -> None:
        """Give an empty result columns."""


class PGcancelConn(Protocol):
    """A connection that cancels what another one runs."""

    def start(self) -> None:
        """Begin, to go on with `poll()`."""

    def blocking(self) -> None:
        """Cancel, and wait until the request is delivered."""

    def poll(self) -> int:
        """Go on; a `PollingStatus` tells what to wait for."""

    @property
    def status(self) -> int:
        """The state of it, a `ConnStatus`."""

    @property
    def socket(self) -> int:
        """The descriptor of the socket."""

    @property
    def error_message(self) -> bytes:
        """The last error."""

    def get_error_message(self, encoding: str = ...) -> str:
        """The last error as text."""

    def reset(self) -> None:
        """Make it ready to cancel again."""

    def finish(self) -> None:
        """Close it."""


class PGcancel(Protocol):
    """What cancels a connection's command."""

    def free(self) -> None:
        """Free its memory."""

    def cancel(self) -> None:
        """Cancel, and wait until the request is delivered."""


class Conninfo(Protocol):
    """The options of connection strings."""

    @classmethod
    def get_defaults(cls) -> list[ConninfoOption]:
        """All, with their defaults."""

    @classmethod
    def parse(cls, conninfo: bytes) -> list[ConninfoOption]:
        """All, with what a connection string sets."""


class Escaping(Protocol):
    """Values as parts of SQL."""

    def __init__(self, conn: PGconn | None = None): ...

    def escape_literal(self, data: Buffer) -> bytes:
        """Text as a literal."""

    def escape_identifier(self, data: Buffer) -> bytes:
        """Text as an identifier."""

    def escape_string(self, data: Buffer) -> bytes:
        """Text as what stands between the quotes of a literal."""

    def escape_bytea(self, data: Buffer) -> bytes:
        """Bytes as what stands between the quotes of a literal."""

    def unescape_bytea(self, data: Buffer) -> bytes:
        """The bytes of such a text."""
