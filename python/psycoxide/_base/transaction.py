"""Transaction blocks: what does not wait."""

from __future__ import annotations

from enum import Enum

from .. import _errors_base as e
from ..pq._enums import TransactionStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..pq import PGconn
    from .connection import BaseConnection


class Rollback(Exception):  # psycopg's name
    """Raise it to leave a transaction block undone, without an error outside.

    :param transaction: which block to leave; the innermost one if not given.

    See "Transaction contexts" of the psycopg manual.
    """

    __module__ = "psycoxide"

    def __init__(self, transaction: BaseTransaction | None = None):
        self.transaction = transaction

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({self.transaction!r})"


class OutOfOrderTransactionNesting(e.ProgrammingError):
    """Transaction blocks were left in another order than they were entered."""

    __module__ = "psycoxide.transaction"


class BaseTransaction:
    """The base of :class:`Transaction` and :class:`AsyncTransaction`.

    :param connection: where the block is to be.
    :param savepoint_name: of the savepoint that the block is; without a name, and if no
        transaction is open, the block is a transaction instead.
    :param force_rollback: undo the block in any case.
    """

    __module__ = "psycoxide"

    class Status(str, Enum):
        """Where the block stands."""

        NON_STARTED = "non_started"
        """It was not entered yet."""
        ACTIVE = "active"
        """It was entered."""
        COMMITTED = "committed"
        """It was left, and its work kept."""
        ROLLED_BACK_EXPLICITLY = "rolled_back_explicitly"
        """It was left, undone because that was asked for."""
        ROLLED_BACK_WITH_ERROR = "rolled_back_with_error"
        """It was left, undone because of an error."""
        FAILED = "failed"
        """It could not be entered or left."""

    def __init__(
        self,
        connection: BaseConnection[Any],
        savepoint_name: str | None = None,
        force_rollback: bool = False,
    ):
        self._conn = connection
        self._name = savepoint_name or ""
        self.force_rollback = force_rollback
        self.status = self.Status.NON_STARTED
        #: Whether the block opens, and ends, a transaction.
        self._outermost = False

    @property
    def savepoint_name(self) -> str | None:
        """The savepoint that the block is; empty if it is a transaction, `None` if not entered."""
        if self.status is self.Status.NON_STARTED and not self._name:
            return None
        return self._name

    @property
    def pgconn(self) -> PGconn:
        """The connection, at the level of libpq's interface."""
        return self._conn.pgconn

    def __repr__(self) -> str:
        from ..pq.misc import connection_summary
        from .connection import _module_name

        cls = f"{_module_name()}.{type(self).__qualname__}"
        name = f" {self._name!r}" if self._name else ""
        summary = connection_summary(self._conn.pgconn)
        return f"<{cls}{name} ({self.status.value}) {summary} at 0x{id(self):x}>"

    def _check_unused(self) -> None:
        if self.status is not self.Status.NON_STARTED:
            raise TypeError("transaction blocks can be used only once")

    def _enter(self) -> list[bytes]:
        """Note that the block is entered: the commands that open it."""
        conn = self._conn
        conn._check_connection_ok()
        self._outermost = conn._transaction_status == TransactionStatus.IDLE
        if self._outermost and conn._blocks:
            self.status = self.Status.FAILED
            raise OutOfOrderTransactionNesting(
                f"the transaction of an outer block has ended before it: {conn._blocks[-1]!r}"
            )
        if not conn._blocks:
            conn._savepoints = 0
        conn._savepoints += 1
        if not self._name and not (self._outermost and not conn._blocks):
            self._name = f"_pg3_{conn._savepoints}"
        commands = []
        if self._outermost:
            commands.append(conn._begin_statement())
        if self._name:
            commands.append(b"SAVEPOINT " + self._quoted_name())
        conn._blocks.append(self)
        self.status = self.Status.ACTIVE
        return commands

    def _enter_failed(self) -> None:
        """Note that the commands of :meth:`_enter` failed."""
        if self in self._conn._blocks:
            self._leave()
            self.status = self.Status.FAILED

    def _exit(self, exc: BaseException | None) -> list[bytes]:
        """Note that the block is left: the commands that end it."""
        self._check_order("rollback" if exc or self.force_rollback else "commit")
        self._leave()
        if exc is None and not self.force_rollback:
            self.status = self.Status.COMMITTED
            if self._outermost:
                return [b"COMMIT"]
            return [b"RELEASE " + self._quoted_name()]
        explicit = exc is None or isinstance(exc, Rollback)
        self.status = (
            self.Status.ROLLED_BACK_EXPLICITLY if explicit else self.Status.ROLLED_BACK_WITH_ERROR
        )
        if self._outermost:
            return [b"ROLLBACK"]
        name = self._quoted_name()
        return [b"ROLLBACK TO " + name, b"RELEASE " + name]

    def _check_order(self, action: str) -> None:
        blocks = self._conn._blocks
        # Whatever stood in its place is spoilt as well, and says so when it is left.
        if blocks and blocks.pop() is self and self.status is self.Status.ACTIVE:
            return
        raise OutOfOrderTransactionNesting(
            f"transaction {action} at the wrong nesting level: {self!r}"
        )

    def _leave(self) -> None:
        blocks = self._conn._blocks
        if self in blocks:
            blocks.remove(self)

    def _swallows(self, exc: BaseException | None) -> bool:
        """Whether the exception ends here: a `Rollback` of this block, or of the innermost."""
        return isinstance(exc, Rollback) and exc.transaction in (self, None)

    def _quoted_name(self) -> bytes:
        from ..sql import Identifier

        return Identifier(self._name).as_bytes(self._conn)
