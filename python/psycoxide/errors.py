"""Every exception of the package, and which one belongs to which SQLSTATE.

An error of the server raises the class named after its condition (`UniqueViolation` for 23505),
which derives from the DB-API class of its kind (`IntegrityError`). The conditions are those of
`PostgreSQL Error Codes <https://www.postgresql.org/docs/current/errcodes-appendix.html>`__; their
classes are made when the first of them is asked for, because most programs need none at start.
"""

from __future__ import annotations

from ._errors_base import CancellationTimeout as CancellationTimeout
from ._errors_base import CommitOutcomeUnknown as CommitOutcomeUnknown
from ._errors_base import ConnectionTimeout as ConnectionTimeout
from ._errors_base import DatabaseError as DatabaseError
from ._errors_base import DataError as DataError
from ._errors_base import Diagnostic as Diagnostic
from ._errors_base import Error as Error
from ._errors_base import IntegrityError as IntegrityError
from ._errors_base import InterfaceError as InterfaceError
from ._errors_base import InternalError as InternalError
from ._errors_base import NotSupportedError as NotSupportedError
from ._errors_base import OperationalError as OperationalError
from ._errors_base import PipelineAborted as PipelineAborted
from ._errors_base import ProgrammingError as ProgrammingError
from ._errors_base import Warning as Warning
from ._errors_base import _WaitTimeout as _WaitTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._finished import FinishedPGconn as FinishedPGconn
    from ._finished import finish_pgconn as finish_pgconn
    from ._sqlstate_errors import *  # noqa: F403  (what __getattr__ finds)
    from .pq.abc import PGresult


def lookup(sqlstate: str) -> type[Error]:
    """The exception class of an SQLSTATE code or constant name.

    :param sqlstate: five characters, such as `"23505"`, or a condition's name in capitals, such
        as `"UNIQUE_VIOLATION"`. Case does not matter.
    :raises KeyError: if PostgreSQL defines no such code.
    """
    from ._sqlstate_errors import BY_SQLSTATE

    key = sqlstate.upper()
    found = BY_SQLSTATE.get(key) or _class_named(key)
    if found is None:
        raise KeyError(key)
    return found


def class_for_sqlstate(sqlstate: str) -> type[Error]:
    """The exception class to raise for an SQLSTATE, known or not.

    Servers and extensions may define codes of their own: those are raised as the class of their
    first two characters.
    """
    from ._sqlstate_errors import BY_SQLSTATE

    return BY_SQLSTATE.get(sqlstate) or get_base_exception(sqlstate)


_BASE_OF_CLASS: dict[str, type[Error]] = {
    "08": OperationalError,  # connection exception
    "0A": NotSupportedError,  # feature not supported
    "10": ProgrammingError,  # XQuery error
    "20": ProgrammingError,  # case not found
    "21": ProgrammingError,  # cardinality violation
    "22": DataError,  # data exception
    "23": IntegrityError,  # integrity constraint violation
    "24": InternalError,  # invalid cursor state
    "25": InternalError,  # invalid transaction state
    "26": ProgrammingError,  # invalid SQL statement name
    "27": OperationalError,  # triggered data change violation
    "28": OperationalError,  # invalid authorization specification
    "2B": InternalError,  # dependent privilege descriptors still exist
    "2D": InternalError,  # invalid transaction termination
    "2F": OperationalError,  # SQL routine exception
    "34": ProgrammingError,  # invalid cursor name
    "38": OperationalError,  # external routine exception
    "39": OperationalError,  # external routine invocation exception
    "3B": OperationalError,  # savepoint exception
    "3D": ProgrammingError,  # invalid catalog name
    "3F": ProgrammingError,  # invalid schema name
    "40": OperationalError,  # transaction rollback
    "42": ProgrammingError,  # syntax error or access rule violation
    "44": ProgrammingError,  # WITH CHECK OPTION violation
    "53": OperationalError,  # insufficient resources
    "54": OperationalError,  # program limit exceeded
    "55": OperationalError,  # object not in prerequisite state
    "57": OperationalError,  # operator intervention
    "58": OperationalError,  # system error
}
_BASE_OF_FIRST_CHARACTER: dict[str, type[Error]] = {
    "F": OperationalError,  # configuration file error
    "H": OperationalError,  # foreign data wrapper error
    "P": ProgrammingError,  # PL/pgSQL error
    "X": InternalError,  # internal error
}


def get_base_exception(sqlstate: str) -> type[Error]:
    """The DB-API class of an SQLSTATE, judged by its first two characters."""
    return (
        _BASE_OF_CLASS.get(sqlstate[:2])
        or _BASE_OF_FIRST_CHARACTER.get(sqlstate[:1])
        or DatabaseError
    )


def error_from_result(result: PGresult, encoding: str = "utf-8") -> Error:
    """The exception for a result of status `FATAL_ERROR`, ready to be raised.

    :param encoding: the Python codec of the connection.
    """
    state = result.error_field(ord("C")) or b""
    cls = class_for_sqlstate(state.decode("ascii", "replace"))
    return cls(result.get_error_message(encoding), info=result, encoding=encoding)


def _class_named(constant: str) -> type[Error] | None:
    """`UniqueViolation` for `UNIQUE_VIOLATION`."""
    from . import _sqlstate_errors

    wanted = constant.replace("_", "").lower()
    for cls in _sqlstate_errors.BY_SQLSTATE.values():
        if cls.__name__.rstrip("_").lower() == wanted:
            return cls
    return None


def __getattr__(name: str) -> object:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("FinishedPGconn", "finish_pgconn"):
        from . import _finished

        value: object = getattr(_finished, name)
        globals()[name] = value
        return value
    _add_sqlstate_classes()
    try:
        return globals()[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def _add_sqlstate_classes() -> None:
    from ._sqlstate_errors import BY_SQLSTATE

    globals().update({cls.__name__: cls for cls in BY_SQLSTATE.values()})


def __dir__() -> list[str]:
    _add_sqlstate_classes()
    return sorted({*globals(), "FinishedPGconn", "finish_pgconn"})
