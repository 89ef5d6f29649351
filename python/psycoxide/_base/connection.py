"""What connections of both kinds have in common: settings, handlers, information."""

from __future__ import annotations

import warnings
import weakref

from .. import _core
from .. import _errors_base as e
from .._enums import IsolationLevel
from .._generic import Generic, Row
from .._tpc import Xid
from ..pq._enums import TransactionStatus
from .descriptors import core_property
from .info import ConnectionInfo
from .notify import Listening, Notify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn, TypeAlias

    from .._errors_base import Diagnostic
    from ..abc import AddressMap
    from ..pq import PGconn, PGnotify, PGresult
    from .pipeline import BasePipeline
    from .transaction import BaseTransaction

    NoticeHandler: TypeAlias = Callable[[Diagnostic], None]
    NotifyHandler: TypeAlias = Callable[[Notify], None]

_IDLE = TransactionStatus.IDLE


class BaseConnection(_core.ConnectionBase, Generic[Row]):
    """The base of :class:`Connection` and :class:`AsyncConnection`.

    Not to be created by hand: call `connect()`.

    :param pgconn: an established connection.
    """

    __module__ = "psycoxide"

    # PEP 249, optional extension: the exceptions as attributes of the connection.
    Warning = e.Warning
    Error = e.Error
    InterfaceError = e.InterfaceError
    DatabaseError = e.DatabaseError
    DataError = e.DataError
    OperationalError = e.OperationalError
    IntegrityError = e.IntegrityError
    InternalError = e.InternalError
    ProgrammingError = e.ProgrammingError
    NotSupportedError = e.NotSupportedError

    #: The two-phase transaction in progress, and whether it has been prepared.
    _tpc: tuple[Xid, bool] | None = None
    _notice_handlers: list[NoticeHandler]
    _notify_handlers: list[NotifyHandler]
    #: The transaction blocks in progress, outermost first.
    _blocks: list[BaseTransaction]
    #: The pipeline in progress.
    _pipeline: BasePipeline | None = None
    #: How many transaction blocks were entered since the connection was outside of any.
    _savepoints: int = 0

    if not TYPE_CHECKING:
        prepare_threshold = core_property(_core.ConnectionBase, "prepare_threshold")
        prepared_max = core_property(_core.ConnectionBase, "prepared_max")

    def __init__(self, pgconn: PGconn):
        self._init(pgconn)
        self._notice_handlers = []
        self._notify_handlers = []
        self._blocks = []

    def __del__(self) -> None:
        # The interpreter may be on its way out, or the object only half made.
        try:
            pgconn = self.pgconn
            if self.closed or not pgconn._is_ours():
                return
            warnings.warn(
                f"{object.__repr__(self)} was deleted while still open."
                " Please use 'with' or '.close()' to close the connection properly",
                ResourceWarning,
                stacklevel=1,
            )
            pgconn.finish()
        except (AttributeError, TypeError, e.InterfaceError):
            pass

    def __repr__(self) -> str:
        from ..pq.misc import connection_summary

        cls = f"{_module_name()}.{type(self).__qualname__}"
        return f"<{cls} {connection_summary(self.pgconn)} at 0x{id(self):x}>"

    @property
    def connection(self) -> BaseConnection[Row]:
        """The connection itself: it is a context of adaptation."""
        return self

    @property
    def info(self) -> ConnectionInfo:
        """What is known about the connection, the server and the session."""
        return ConnectionInfo(self.pgconn)

    @property
    def autocommit(self) -> bool:
        """Whether each statement commits by itself.

        `False`, the default, opens a transaction with the first statement, which lasts until
        `commit()` or `rollback()`. It can be changed outside of a transaction only.

        See "Autocommit transactions" of the psycopg manual.
        """
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._set_autocommit(value)

    @property
    def isolation_level(self) -> IsolationLevel | None:
        """The isolation level of new transactions; `None`: the server's default.

        See "Transaction characteristics" of the psycopg manual.
        """
        level = self._characteristics[0]
        return None if level is None else IsolationLevel(level)

    @isolation_level.setter
    def isolation_level(self, value: IsolationLevel | None) -> None:
        self._set_isolation_level(value)

    @property
    def read_only(self) -> bool | None:
        """Whether new transactions only read; `None`: the server's default."""
        return self._characteristics[1]

    @read_only.setter
    def read_only(self, value: bool | None) -> None:
        self._set_read_only(value)

    @property
    def deferrable(self) -> bool | None:
        """Whether new transactions are deferrable; `None`: the server's default."""
        return self._characteristics[2]

    @deferrable.setter
    def deferrable(self, value: bool | None) -> None:
        self._set_deferrable(value)

    def _set_autocommit(self, value: bool) -> None:
        self._check_intrans("autocommit")
        self._autocommit = bool(value)

    def _set_isolation_level(self, value: IsolationLevel | None) -> None:
        self._check_intrans("isolation_level")
        level = None if value is None else IsolationLevel(value).value
        self._characteristics = (level, *self._characteristics[1:])

    def _set_read_only(self, value: bool | None) -> None:
        self._check_intrans("read_only")
        level, _, deferrable = self._characteristics
        self._characteristics = (level, None if value is None else bool(value), deferrable)

    def _set_deferrable(self, value: bool | None) -> None:
        self._check_intrans("deferrable")
        self._characteristics = (
            *self._characteristics[:2],
            None if value is None else bool(value),
        )

    def _check_intrans(self, attribute: str) -> None:
        """Raise `ProgrammingError` unless the attribute can be changed now."""
        self._check_connection_ok()
        if self._blocks:
            raise e.ProgrammingError(
                f"can't change {attribute!r} now: connection.transaction() context in progress"
            )
        status = TransactionStatus(self._transaction_status)
        if status != _IDLE:
            raise e.ProgrammingError(
                f"can't change {attribute!r} now: connection in transaction status {status.name}"
            )

    def _read_only_on_async(self, attribute: str) -> NoReturn:
        raise AttributeError(
            f"'the {attribute!r} property is read-only on async connections:"
            f" please use 'await .set_{attribute}()' instead."
        )

    def cancel(self) -> None:
        """Ask the server to cancel what runs on this connection.

        It may be called from any thread, and waits until the server has taken the request: use
        `cancel_safe()` to limit that time. Whether anything was cancelled shows in the call that
        was waiting: it raises :class:`~psycoxide.errors.QueryCanceled`.

        See "Canceling Requests in Progress" of the PostgreSQL manual, protocol flow.
        """
        if self._should_cancel():
            self.pgconn._cancel()

    def _should_cancel(self) -> bool:
        """Whether there is anything to cancel.

        :raises ProgrammingError: on a prepared two-phase transaction, which no cancel reaches.
        """
        if self.closed:
            return False
        if self._tpc is not None and self._tpc[1]:
            raise e.ProgrammingError(
                "cancel() cannot be used with a prepared two-phase transaction"
            )
        return True

    def add_notice_handler(self, callback: NoticeHandler) -> None:
        """Have a function called with each notice or warning that the server sends.

        :param callback: takes a :class:`~psycoxide.errors.Diagnostic`.

        See "Server messages" of the psycopg manual.
        """
        self._notice_handlers.append(callback)
        if len(self._notice_handlers) == 1:
            self.pgconn.notice_handler = _weak_method(self, BaseConnection._notice)

    def remove_notice_handler(self, callback: NoticeHandler) -> None:
        """Have a function no longer called with notices.

        :raises ValueError: if it was not added.
        """
        self._notice_handlers.remove(callback)
        if not self._notice_handlers:
            self.pgconn.notice_handler = None

    def _notice(self, result: PGresult) -> None:
        from .._errors_base import Diagnostic

        diagnostic = Diagnostic(result, self._encoding)
        for handler in self._notice_handlers:
            try:
                handler(diagnostic)
            except Exception as ex:
                _logger().exception("error processing notice callback '%s': %s", handler, ex)

    def add_notify_handler(self, callback: NotifyHandler) -> None:
        """Have a function called with each notification that arrives.

        :param callback: takes a :class:`Notify`.

        See "Asynchronous notifications" of the psycopg manual.
        """
        self._notify_handlers.append(callback)
        if len(self._notify_handlers) == 1:
            self.pgconn.notify_handler = _weak_method(self, BaseConnection._notification)

    def remove_notify_handler(self, callback: NotifyHandler) -> None:
        """Have a function no longer called with notifications.

        :raises ValueError: if it was not added.
        """
        self._notify_handlers.remove(callback)
        if not self._notify_handlers:
            self.pgconn.notify_handler = None

    def _notification(self, notification: PGnotify) -> None:
        notify = self._notify(notification)
        for handler in list(self._notify_handlers):
            try:
                handler(notify)
            except Exception as ex:
                _logger().exception("error processing notify callback '%s': %s", handler, ex)

    def _notify(self, notification: PGnotify) -> Notify:
        encoding = self._encoding
        return Notify(
            notification.relname.decode(encoding, "replace"),
            notification.extra.decode(encoding, "replace"),
            notification.be_pid,
        )

    def _listening(self, timeout: float | None) -> Listening:
        """Begin to listen; see :class:`~psycoxide._base.notify.Listening`."""
        self._check_connection_ok()
        return Listening(self, timeout)

    def xid(self, format_id: int, gtrid: str, bqual: str) -> Xid:
        """An identifier for a two-phase transaction; see PEP 249.

        :param format_id: a non-negative 32-bit integer.
        :param gtrid: the global transaction ID, at most 64 characters.
        :param bqual: the branch qualifier, at most 64 characters.
        """
        return Xid.from_parts(format_id, gtrid, bqual)

    def _check_tpc(self) -> None:
        """Raise `NotSupportedError` where there is no two-phase commit."""
        self._check_connection_ok()
        version = self.pgconn.parameter_status(b"server_version") or b""
        if b"-YB-" in version:
            raise e.NotSupportedError(
                "YugabyteDB has no two-phase commit: PREPARE TRANSACTION is not supported"
            )

    def _tpc_beginning(self, xid: Xid | str) -> Xid:
        """Check that a two-phase transaction can begin: its identifier."""
        self._check_tpc()
        xid = _xid_of(xid)
        status = TransactionStatus(self._transaction_status)
        if status != _IDLE:
            raise e.ProgrammingError(
                f"can't start two-phase transaction: connection in status {status.name}"
            )
        if self._tpc is not None:
            raise e.ProgrammingError(
                "can't start two-phase transaction: the one before is prepared, and not ended yet"
            )
        if self._autocommit:
            raise e.ProgrammingError("can't use two-phase transactions in autocommit mode")
        return xid

    def _tpc_preparing(self) -> tuple[Xid, bytes]:
        """Check that the two-phase transaction can be prepared: it, and the command."""
        self._check_tpc()
        if self._tpc is None:
            raise e.ProgrammingError(
                "'tpc_prepare()' must be called inside a two-phase transaction"
            )
        xid, prepared = self._tpc
        if prepared:
            raise e.ProgrammingError(
                "'tpc_prepare()' cannot be used during a prepared two-phase transaction"
            )
        if self._transaction_status == TransactionStatus.INERROR:
            # The server would roll back, and report no error.
            from ..errors import InFailedSqlTransaction

            raise InFailedSqlTransaction(
                "the two-phase transaction has failed: it can only be rolled back"
            )
        return xid, b"PREPARE TRANSACTION " + self._quoted(str(xid))

    def _tpc_ending(self, method: str, xid: Xid | str | None) -> bytes:
        """Check that a two-phase transaction can end: the command."""
        self._check_tpc()
        verb = method.upper().encode()
        if xid is not None:
            if self._tpc is not None:
                raise e.ProgrammingError(
                    f"tpc_{method}() with xid must be called outside a two-phase transaction"
                )
            xid = _xid_of(xid)
            return verb + b" PREPARED " + self._quoted(str(xid))
        if self._tpc is None:
            raise e.ProgrammingError(
                f"tpc_{method}() without xid must be called inside a two-phase transaction"
            )
        xid, prepared = self._tpc
        return verb + b" PREPARED " + self._quoted(str(xid)) if prepared else verb

    def _quoted(self, text: str) -> bytes:
        from ..sql import Literal

        return Literal(text).as_bytes(self)

    def _check_commit(self, method: str) -> None:
        """Raise `ProgrammingError` where `commit()` or `rollback()` has no place."""
        if self._blocks:
            advice = (
                "Transaction will be automatically committed on successful exit from context."
                if method == "commit"
                else "Either raise Rollback() or allow an exception to propagate out of the"
                " context."
            )
            raise e.ProgrammingError(
                f"Explicit {method}() forbidden within a Transaction context. ({advice})"
            )
        if self._tpc is not None:
            raise e.ProgrammingError(f"{method}() cannot be used during a two-phase transaction")

    def _nothing_to_end(self) -> bool:
        """Whether no transaction is open, so that there is nothing to commit or roll back."""
        self._check_connection_ok()
        return self._transaction_status == _IDLE


def take_address_map(parameters: dict[str, Any]) -> AddressMap | None:
    """Take `yb_address_map` out of keyword arguments if it is a function; a text stays there."""
    if not callable(parameters.get("yb_address_map")):
        return None
    function: AddressMap = parameters.pop("yb_address_map")
    return function


def _xid_of(xid: Xid | str) -> Xid:
    if isinstance(xid, Xid):
        return xid
    if not isinstance(xid, str):
        raise TypeError(f"a transaction is identified by a Xid or a str, got {type(xid).__name__}")
    return Xid.from_string(xid)


def _weak_method(connection: BaseConnection[Any], method: Callable[..., None]) -> Any:
    """A function that calls a method, and does not keep its object alive."""
    reference = weakref.ref(connection)

    def call(argument: object) -> None:
        self = reference()
        if self is not None:
            method(self, argument)

    return call


def _logger() -> Any:
    import logging

    return logging.getLogger("psycopg")


def _module_name() -> str:
    """The name that the package goes by in representations."""
    from ..alias import public_name

    return public_name()
