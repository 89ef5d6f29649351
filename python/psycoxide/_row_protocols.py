"""The types of row factories, as members of :mod:`psycoxide.rows`.

Apart from the factories, which every program loads, because `typing` is slow to import.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from ._async.cursor import AsyncCursor
    from ._base.cursor import BaseCursor
    from ._sync.cursor import Cursor

T = TypeVar("T", covariant=True)

# The default makes `Cursor` without parameters a cursor of tuples. It needs Python 3.13, or
# typing_extensions, which is then a dependency of the package.
if TYPE_CHECKING:
    from typing_extensions import TypeVar as _TypeVarWithDefault

    Row = _TypeVarWithDefault("Row", covariant=True, default="TupleRow")
else:
    try:
        Row = TypeVar("Row", covariant=True, default=tuple[Any, ...])
    except TypeError:
        from typing_extensions import TypeVar as _TypeVarWithDefault

        Row = _TypeVarWithDefault("Row", covariant=True, default=tuple[Any, ...])

TupleRow: TypeAlias = tuple[Any, ...]
DictRow: TypeAlias = dict[str, Any]


class RowMaker(Protocol[Row]):
    """Makes a row of the values that came with it.

    Values arrive in order of the columns, already in their Python types.
    """

    def __call__(self, values: Sequence[Any], /) -> Row:
        """One row."""


class RowFactory(Protocol[Row]):
    """Makes a row maker for the result of a :class:`~psycoxide.Cursor`."""

    def __call__(self, cursor: Cursor[Any], /) -> RowMaker[Row]:
        """Called when a result arrives; `cursor.description` tells its columns."""


class AsyncRowFactory(Protocol[Row]):
    """Makes a row maker for the result of an :class:`~psycoxide.AsyncCursor`."""

    def __call__(self, cursor: AsyncCursor[Any], /) -> RowMaker[Row]:
        """Called when a result arrives; `cursor.description` tells its columns."""


class BaseRowFactory(Protocol[Row]):
    """Makes a row maker for any cursor: both a `RowFactory` and an `AsyncRowFactory`."""

    def __call__(self, cursor: BaseCursor[Any, Any], /) -> RowMaker[Row]:
        """Called when a result arrives; `cursor.description` tells its columns."""


for _protocol in (RowMaker, RowFactory, AsyncRowFactory, BaseRowFactory):
    _protocol.__module__ = "psycoxide.rows"
del _protocol
