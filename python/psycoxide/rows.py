"""Row factories: what each row of a result becomes.

A *row factory* is called with a cursor whenever a result arrives and returns a *row maker*, which
is called with the values of every row. The factories here are recognised by the core, which then
makes the rows without calling Python for each; called from Python they do the same work.

See "Row factories" of the psycopg manual for the way to write one's own.
"""

from __future__ import annotations

from ._errors_base import DataError, InterfaceError, ProgrammingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NamedTuple, NoReturn

    from ._base.cursor import BaseCursor
    from ._row_protocols import AsyncRowFactory as AsyncRowFactory
    from ._row_protocols import BaseRowFactory as BaseRowFactory
    from ._row_protocols import DictRow as DictRow
    from ._row_protocols import Row as Row
    from ._row_protocols import RowFactory as RowFactory
    from ._row_protocols import RowMaker as RowMaker
    from ._row_protocols import T as T
    from ._row_protocols import TupleRow as TupleRow

#: Made when asked for: they need `typing`, which costs more than the rest of this module.
_PROTOCOLS = {
    *("AsyncRowFactory", "BaseRowFactory", "DictRow", "Row", "RowFactory", "RowMaker", "T"),
    "TupleRow",
}


def __getattr__(name: str) -> object:
    if name not in _PROTOCOLS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import _row_protocols

    value: object = getattr(_row_protocols, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PROTOCOLS})


def tuple_row(cursor: BaseCursor[Any, Any]) -> RowMaker[TupleRow]:
    """Rows as tuples. The default.

    ::

        >>> conn.cursor(row_factory=tuple_row).execute("SELECT 1 AS a, 2 AS b").fetchone()
        (1, 2)
    """
    return tuple


def dict_row(cursor: BaseCursor[Any, Any]) -> RowMaker[DictRow]:
    """Rows as dictionaries from column name to value; of columns of one name the last counts.

    ::

        >>> conn.cursor(row_factory=dict_row).execute("SELECT 1 AS a, 2 AS b").fetchone()
        {'a': 1, 'b': 2}
    """
    names = _column_names(cursor)
    if names is None:
        return no_result

    def make_dict(values: Sequence[Any]) -> dict[str, Any]:
        return dict(zip(names, values))

    return make_dict


def namedtuple_row(cursor: BaseCursor[Any, Any]) -> RowMaker[NamedTuple]:
    """Rows as named tuples.

    Names that are no identifiers are changed: other characters than letters, digits and `_` become
    `_`, and `f` is put before a leading digit or `_`.

    :raises DataError: if two names are the same, or one is a keyword.
    """
    names = _column_names(cursor)
    if names is None:
        return no_result
    make: RowMaker[NamedTuple] = _named_tuple(names)._make
    return make


def class_row(cls: type[T]) -> BaseRowFactory[T]:
    """Rows as instances of `cls`, called with the columns as keyword arguments.

    ::

        @dataclass
        class Person:
            id: int
            name: str

        conn.cursor(row_factory=class_row(Person)).execute("SELECT id, name FROM person")

    :param cls: the class, or any callable.
    """
    return _KeywordFactory(cls)


def args_row(func: Callable[..., T]) -> BaseRowFactory[T]:
    """Rows as what `func` returns, called with the values as positional arguments."""
    return _PositionalFactory(func)


def kwargs_row(func: Callable[..., T]) -> BaseRowFactory[T]:
    """Rows as what `func` returns, called with the columns as keyword arguments."""
    return _KeywordFactory(func)


def scalar_row(cursor: BaseCursor[Any, Any]) -> RowMaker[Any]:
    """Rows as the value of their first column.

    ::

        >>> conn.cursor(row_factory=scalar_row).execute("SELECT 1 AS a, 2 AS b").fetchone()
        1

    :raises ProgrammingError: if the result has no columns.
    """
    description = cursor.description
    if description is None:
        return no_result
    if not description:
        raise ProgrammingError("at least one column expected")
    return _first


def no_result(values: Sequence[Any]) -> NoReturn:
    """The row maker of a cursor without a result.

    It exists because a factory may be called before there is something to fetch.

    :raises InterfaceError: always.
    """
    raise InterfaceError("the cursor doesn't have a result")


class _KeywordFactory:
    """Calls `target(**row)`. The core looks for this very class and reads `target`."""

    __slots__ = ("target",)

    def __init__(self, target: Callable[..., Any]):
        self.target = target

    def __repr__(self) -> str:
        return f"<row factory calling {self.target!r} with keyword arguments>"

    def __call__(self, cursor: BaseCursor[Any, Any], /) -> RowMaker[Any]:
        names = _column_names(cursor)
        if names is None:
            return no_result
        target = self.target

        def call_with_keywords(values: Sequence[Any]) -> Any:
            return target(**dict(zip(names, values)))

        return call_with_keywords


class _PositionalFactory:
    """Calls `target(*row)`. The core looks for this very class and reads `target`."""

    __slots__ = ("target",)

    def __init__(self, target: Callable[..., Any]):
        self.target = target

    def __repr__(self) -> str:
        return f"<row factory calling {self.target!r} with positional arguments>"

    def __call__(self, cursor: BaseCursor[Any, Any], /) -> RowMaker[Any]:
        target = self.target

        def call_with_arguments(values: Sequence[Any]) -> Any:
            return target(*values)

        return call_with_arguments


def _first(values: Sequence[Any]) -> Any:
    return values[0]


def _column_names(cursor: BaseCursor[Any, Any]) -> tuple[str, ...] | None:
    description = cursor.description
    return None if description is None else tuple(column[0] for column in description)


_named_tuples: dict[tuple[str, ...], Any] = {}
#: A program has few queries; one that composes them without end must not keep a class for each.
_MAX_NAMED_TUPLES = 512


def _named_tuple(names: tuple[str, ...]) -> Any:
    """The class for rows with these columns; the core calls it too."""
    known = _named_tuples.get(names)
    if known is not None:
        return known

    from collections import namedtuple

    fields = tuple(map(_as_identifier, names))
    try:
        made: Any = namedtuple("Row", fields, module=__name__)  # type: ignore[misc]
    except ValueError as ex:
        raise DataError(f"can't create a namedtuple row: {ex}") from None
    if len(_named_tuples) >= _MAX_NAMED_TUPLES:
        _named_tuples.clear()
    return _named_tuples.setdefault(names, made)


def _as_identifier(name: str) -> str:
    if not name.isidentifier():
        name = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    return f"f{name}" if not name or name[0] == "_" or name[0].isdigit() else name
