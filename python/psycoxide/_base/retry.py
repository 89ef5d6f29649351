"""Which transactions may be run again, when, and what is never known: the decisions of retrying.

The rule this file guards: a transaction is run again only if it is certain that it left nothing
behind. The server said that it undid it (SQLSTATE 40001, 40P01), before COMMIT or in answer to it.
What became of a COMMIT whose answer was lost nobody knows, and that is what is said then.

See `Serialization Failure Handling
<https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html>`__.
"""

from __future__ import annotations

from .. import _errors_base as e
from ..pq._enums import TransactionStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    from .connection import BaseConnection

    Jitter: TypeAlias = Literal["full", "equal", "none"]

RETRYABLE = frozenset({"40001", "40P01"})
"""serialization_failure (with YugabyteDB every conflict) and deadlock_detected."""

SCHEMA_CHANGED = ("schema version mismatch", "catalog version mismatch", "mismatched_schema")
"""What releases of YugabyteDB before 2024.2.2 say, as an internal error, when a table was altered
while a transaction used it."""

OUTCOME_UNKNOWN = frozenset({"40003", "08007"})
"""statement_completion_unknown and transaction_resolution_unknown."""

JITTERS = ("full", "equal", "none")


def is_retryable(exc: BaseException, *, schema_changes: bool = False) -> bool:
    """Tell whether the transaction which raised the exception may succeed if it is run again.

    That is so for SQLSTATE 40001 (serialization_failure; with YugabyteDB "conflicts with",
    "Restart read required" and others) and 40P01 (deadlock_detected). An exception that was raised
    from one of the driver's, as an ORM does, is judged by that.

    It is the whole transaction that has to be run again, after `ROLLBACK`: see
    :meth:`Connection.run_transaction`, which does it. A lost connection is not retryable in this
    sense: it needs another connection, and if it was lost in `COMMIT`, knowledge that the driver
    has not got.

    :param exc: the exception.
    :param schema_changes: count the internal errors by which YugabyteDB before 2024.2.2 reports
        that a table was altered meanwhile; they are known by their text.
    """
    seen: BaseException | None = exc
    while seen is not None and not isinstance(seen, e.Error):
        seen = seen.__cause__
    if seen is None or isinstance(seen, e.CommitOutcomeUnknown):
        return False
    if seen.sqlstate in RETRYABLE:
        return True
    if schema_changes and seen.sqlstate == "XX000":
        text = str(seen).lower()
        return any(phrase in text for phrase in SCHEMA_CHANGED)
    return False


class Attempts:
    """The attempts at one transaction: whether there is another one, and after how long."""

    #: Whether the function has ended and what follows is COMMIT.
    committing = False

    def __init__(
        self,
        connection: BaseConnection[Any],
        max_attempts: int,
        base: float,
        factor: float,
        max: float,
        jitter: Jitter,
        idempotent: bool,
    ):
        # Put so that no comparison with NaN passes.
        if not max_attempts >= 1:
            raise ValueError(f"max_attempts is at least 1, not {max_attempts}")
        if not (base >= 0 and max >= 0):
            raise ValueError(f"base and max are seconds, at least 0, not {base} and {max}")
        if not factor >= 1:
            raise ValueError(f"factor is at least 1, not {factor}")
        if jitter not in JITTERS:
            raise ValueError(f"jitter is one of {', '.join(JITTERS)}, not {jitter!r}")
        self._connection = connection
        self._max_attempts = max_attempts
        self._delay, self._factor, self._max = base, factor, max
        self._jitter = jitter
        self._idempotent = idempotent
        self._attempt = 0

    def begin(self) -> None:
        """Note that an attempt begins.

        :raises ProgrammingError: inside a transaction, of which it would repeat a part only.
        """
        connection = self._connection
        connection._check_connection_ok()
        status = connection._transaction_status
        if status != TransactionStatus.IDLE or connection._blocks:
            raise e.ProgrammingError(
                "run_transaction() begins a transaction, and one is open already: end it by"
                " commit() or rollback() first"
            )
        if connection._pipeline is not None:
            raise e.ProgrammingError(
                "run_transaction() cannot be used in pipeline mode, where errors come later"
            )
        self._attempt += 1
        self.committing = False

    def ended(self) -> None:
        """Note that the function has returned: what follows is COMMIT.

        :raises OperationalError: if the connection is closed, so that nothing can be committed.
        :raises InFailedSqlTransaction: if the transaction has failed: the server would undo it in
            answer to COMMIT, and say nothing.
        """
        self._connection._check_connection_ok()
        if self._connection._transaction_status == TransactionStatus.INERROR:
            from ..errors import InFailedSqlTransaction

            raise InFailedSqlTransaction(
                "the function has returned although a statement of its transaction failed, so that"
                " nothing can be committed: let the error out of the function, or catch it around"
                " a conn.transaction() block within"
            )
        self.committing = True

    def failed(self, ex: e.Error) -> float:
        """Note that the attempt failed; return how many seconds to wait before the next one.

        :raises CommitOutcomeUnknown: if the transaction may have been committed.
        :raises Error: the exception itself, if there is no next attempt.
        """
        is_unknown = self.committing and self._may_have_committed(ex)
        if is_unknown and not self._idempotent:
            raise e.CommitOutcomeUnknown(
                "the answer to COMMIT was lost: the transaction may have been committed or not."
                f" Look for its effects before it is run again ({ex})"
            ) from ex
        # Not when somebody cancelled it: that is no reason to begin once more.
        may_repeat = is_retryable(ex) or (is_unknown and ex.sqlstate != "57014")
        if self._connection.closed or not may_repeat:
            raise ex
        if self._attempt >= self._max_attempts:
            if self._attempt > 1 and hasattr(ex, "add_note"):
                ex.add_note(f"run_transaction() gave up after {self._attempt} attempts")
            raise ex
        delay = self._next_delay()
        cluster = self._connection.pgconn._cluster
        if cluster is not None:
            cluster.count_retry()
        _log(self._attempt, self._max_attempts, delay, ex)
        return delay

    def _may_have_committed(self, ex: e.Error) -> bool:
        if self._connection.closed or ex.sqlstate in OUTCOME_UNKNOWN:
            return True
        # PostgreSQL has undone the transaction whatever error it reports. YugabyteDB's commit is
        # an agreement of several nodes, and an internal error or a timeout may hide its success.
        unsure = ex.sqlstate == "57014" or (ex.sqlstate or "XX000").startswith("XX")
        return unsure and self._connection.info.vendor == "YugabyteDB"

    def _next_delay(self) -> float:
        import random

        delay = min(self._delay, self._max)
        self._delay = min(self._delay * self._factor, self._max)
        if self._jitter == "full":
            return random.uniform(0, delay)
        if self._jitter == "equal":
            return delay / 2 + random.uniform(0, delay / 2)
        return delay


def _log(attempt: int, max_attempts: int, delay: float, ex: Exception) -> None:
    import logging

    logging.getLogger("psycoxide.retry").info(
        "transaction failed (attempt %d of %d), next in %.1f ms: %s",
        *(attempt, max_attempts, delay * 1000, ex),
    )
