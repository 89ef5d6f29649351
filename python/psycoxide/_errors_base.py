"""The exceptions of the DB-API and what the server says about an error.

The bottom of the exception hierarchy: :mod:`psycoxide.errors` adds one class per SQLSTATE on top
(:mod:`psycoxide._sqlstate_errors`, generated), loaded when the first of them is needed. Nothing
here may import another module of the package: everything else imports this one.

See `PEP 249, Exceptions <https://peps.python.org/pep-0249/#exceptions>`__ and `Error and Notice
Message Fields <https://www.postgresql.org/docs/current/protocol-error-fields.html>`__.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from .pq.abc import PGconn, PGresult

    ErrorInfo: TypeAlias = PGresult | dict[int, bytes | None] | None


class _Field:
    """A field of an error report, read when it is asked for. Its code is the protocol's letter."""

    def __init__(self, letter: str, doc: str):
        self.code = ord(letter)
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, obj: Diagnostic | None, owner: type) -> str | None:
        if obj is None:
            return self  # type: ignore[return-value]
        value = _read_field(obj._info, self.code)
        return None if value is None else value.decode(obj._encoding, "replace")

    def __set__(self, obj: Diagnostic, value: object) -> None:
        raise AttributeError(f"attribute {self.name!r} of 'Diagnostic' objects is read-only")


class Diagnostic:
    """What the server reported about an error, or about a notice.

    Every attribute is a `str`, or `None` where the server gave nothing. The object stays valid
    after the cursor and the connection are gone, and can be pickled.
    """

    def __init__(self, info: ErrorInfo, encoding: str = "utf-8"):
        self._info = info
        self._encoding = encoding

    severity = _Field("S", "`ERROR`, `FATAL`, `NOTICE`… in the server's language.")
    severity_nonlocalized = _Field("V", "The severity in English.")
    sqlstate = _Field("C", "The five characters that identify the condition.")
    message_primary = _Field("M", "The message: one line, mostly.")
    message_detail = _Field("D", "More about the problem.")
    message_hint = _Field("H", "What to do about it.")
    statement_position = _Field("P", "Where in the query: in characters, from 1.")
    internal_position = _Field("p", "Where in the internal query: in characters, from 1.")
    internal_query = _Field("q", "The failed query of a function, not the client's.")
    context = _Field("W", "Functions and queries under way, innermost first.")
    schema_name = _Field("s", "The schema of the object in question.")
    table_name = _Field("t", "The table in question.")
    column_name = _Field("c", "The column of the table.")
    datatype_name = _Field("d", "The data type in question.")
    constraint_name = _Field("n", "The constraint in question.")
    source_file = _Field("F", "The file in the server's source.")
    source_line = _Field("L", "The line in that file.")
    source_function = _Field("R", "The function there.")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (_picklable_info(self._info), self._encoding)


_FIELD_CODES = tuple(f.code for f in vars(Diagnostic).values() if isinstance(f, _Field))


def _read_field(info: ErrorInfo, code: int) -> bytes | None:
    if info is None:
        return None
    return info.get(code) if isinstance(info, dict) else info.error_field(code)


def _picklable_info(info: ErrorInfo) -> dict[int, bytes | None] | None:
    if info is None or isinstance(info, dict):
        return info
    return {code: info.error_field(code) for code in _FIELD_CODES}


class Warning(Exception):
    """An important warning. Defined by the DB-API; psycoxide itself never raises it."""

    __module__ = "psycoxide"


class Error(Exception):
    """Base of all the errors of the driver and of the server.

    :param info: the server's report: a result of status `FATAL_ERROR`, or a mapping from
        :class:`~psycoxide.pq.DiagnosticField` to `bytes`.
    :param encoding: the Python codec of the report's text.
    :param pgconn: the connection that could not be made.
    """

    __module__ = "psycoxide"

    #: The SQLSTATE code of the error: a `str` of five characters, or `None` if it did not come
    #: from the server.
    sqlstate: str | None = None

    def __init__(
        self,
        *args: object,
        info: ErrorInfo = None,
        encoding: str = "utf-8",
        pgconn: PGconn | None = None,
    ):
        super().__init__(*args)
        self._info = info
        self._encoding = encoding
        self._pgconn = pgconn
        if info is not None and not self.sqlstate:
            # A code without a class of its own.
            code = _read_field(info, ord("C"))
            if code is not None:
                self.sqlstate = code.decode("ascii", "replace")

    @property
    def pgconn(self) -> PGconn | None:
        """The connection that could not be made, closed; `None` if one existed already."""
        pgconn = self._pgconn
        if pgconn is not None and type(pgconn).__name__ == "PGconn":
            # Made when somebody asks for it: most never do.
            from .errors import finish_pgconn

            self._pgconn = pgconn = finish_pgconn(pgconn)
        return pgconn

    @property
    def pgresult(self) -> PGresult | None:
        """The result that carries the error; `None` without one, and after unpickling."""
        info = self._info
        return None if info is None or isinstance(info, dict) else info

    @property
    def diag(self) -> Diagnostic:
        """What the server reported, field by field."""
        return Diagnostic(self._info, encoding=self._encoding)

    def __reduce__(self) -> tuple[Any, ...]:
        # Neither results nor connections can be pickled.
        state = self.__dict__.copy()
        state["_info"] = _picklable_info(self._info)
        state["_pgconn"] = None
        return type(self), self.args, state


class InterfaceError(Error):
    """The driver was used in a way it cannot be, or cannot be in its present state."""

    __module__ = "psycoxide"


class DatabaseError(Error):
    """Base of the errors that concern the database."""

    __module__ = "psycoxide"


class DataError(DatabaseError):
    """A value does not fit: division by zero, out of range, of the wrong form."""

    __module__ = "psycoxide"


class OperationalError(DatabaseError):
    """What a program has little influence on: lost connections, missing resources, timeouts."""

    __module__ = "psycoxide"


class IntegrityError(DatabaseError):
    """The consistency of the database is at stake: a constraint was violated."""

    __module__ = "psycoxide"


class InternalError(DatabaseError):
    """The database met an internal error, or its transaction is in the wrong state."""

    __module__ = "psycoxide"


class ProgrammingError(DatabaseError):
    """A mistake in the program: unknown table, wrong syntax, wrong number of parameters."""

    __module__ = "psycoxide"


class NotSupportedError(DatabaseError):
    """The server or the driver cannot do that."""

    __module__ = "psycoxide"


class ConnectionTimeout(OperationalError):
    """A connection was not made in time (`connect_timeout`)."""

    __module__ = "psycoxide.errors"


class CancellationTimeout(OperationalError):
    """A request to cancel was not answered in time (`Connection.cancel_safe()`)."""

    __module__ = "psycoxide.errors"


class _WaitTimeout(OperationalError):
    """A generator did not end in the time it was given (:mod:`psycoxide.waiting`).

    Whoever calls those functions turns it into an error that says what took too long.
    """

    __module__ = "psycoxide.errors"


class CommitOutcomeUnknown(OperationalError):
    """The connection was lost in `COMMIT`: the transaction is committed or undone, nobody knows.

    Raised by `Connection.run_transaction()`, from the error of the connection. Look for the
    effects of the transaction before it is run again.
    """

    __module__ = "psycoxide.errors"


class PipelineAborted(OperationalError):
    """The statement was not run because one before it in the same pipeline failed."""

    __module__ = "psycoxide.errors"
