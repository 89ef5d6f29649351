"""Multiranges: the values, and what is known about their types.

See `Range Types <https://www.postgresql.org/docs/current/rangetypes.html>`__. They exist since
PostgreSQL 14.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence

from .._errors_base import NotSupportedError
from .._typeinfo import COMMON_COLUMNS, REGTYPE, TypeInfo, TypesRegistry
from .range import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date as date
    from datetime import datetime as datetime
    from decimal import Decimal as Decimal
    from typing import Any, TypeVar, overload

    from .._base.connection import BaseConnection

    T = TypeVar("T")
else:
    T = None

#: The first version with multiranges.
_SINCE_VERSION = 140000


class Multirange(MutableSequence[Range[T]]):
    """A list of ranges. As :class:`Range`, of any type, or of a subclass that names one.

    The server sorts and merges the ranges of a multirange; this list keeps them as they were given.

    :param items: the ranges.
    """

    def __init__(self, items: Iterable[Range[T]] = ()):
        self._ranges: list[Range[T]] = [_checked(item) for item in items]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._ranges!r})"

    def __str__(self) -> str:
        return f"{{{', '.join(map(str, self._ranges))}}}"

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: int) -> Range[T]: ...
        @overload
        def __getitem__(self, index: slice) -> Multirange[T]: ...

    def __getitem__(self, index: int | slice) -> Range[T] | Multirange[T]:
        if isinstance(index, slice):
            # Of the base class: a subclass may have a constructor of its own.
            return Multirange(self._ranges[index])
        return self._ranges[index]

    def __len__(self) -> int:
        return len(self._ranges)

    if TYPE_CHECKING:

        @overload
        def __setitem__(self, index: int, value: Range[T]) -> None: ...
        @overload
        def __setitem__(self, index: slice, value: Iterable[Range[T]]) -> None: ...

    def __setitem__(self, index: int | slice, value: Range[T] | Iterable[Range[T]]) -> None:
        if not isinstance(index, slice):
            self._ranges[index] = _checked(value)
            return
        if not isinstance(value, Iterable):
            raise TypeError("can only assign an iterable")
        self._ranges[index] = map(_checked, value)

    def __delitem__(self, index: int | slice) -> None:
        del self._ranges[index]

    def insert(self, index: int, value: Range[T]) -> None:
        """Insert a range before the one at `index`."""
        self._ranges.insert(index, _checked(value))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Multirange):
            return NotImplemented
        return self._ranges == other._ranges

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Any) -> bool:
        return self._ranges < other._ranges if isinstance(other, Multirange) else NotImplemented

    def __le__(self, other: Any) -> bool:
        return self._ranges <= other._ranges if isinstance(other, Multirange) else NotImplemented

    def __gt__(self, other: Any) -> bool:
        return self._ranges > other._ranges if isinstance(other, Multirange) else NotImplemented

    def __ge__(self, other: Any) -> bool:
        return self._ranges >= other._ranges if isinstance(other, Multirange) else NotImplemented

    def __copy__(self) -> Multirange[T]:
        copy: Multirange[T] = self.__class__.__new__(self.__class__)
        copy.__dict__.update(self.__dict__, _ranges=self._ranges.copy())
        return copy


def _checked(value: Any) -> Range[Any]:
    if not isinstance(value, Range):
        raise TypeError(f"Multirange is a sequence of Range, got {type(value).__name__}")
    return value


class Int4Multirange(Multirange["int"]):
    """An `int4multirange`, whatever the size of its bounds."""


class Int8Multirange(Multirange["int"]):
    """An `int8multirange`, whatever the size of its bounds."""


class NumericMultirange(Multirange["Decimal"]):
    """A `nummultirange`, even if its bounds are integers."""


class DateMultirange(Multirange["date"]):
    """A `datemultirange`."""


class TimestampMultirange(Multirange["datetime"]):
    """A `tsmultirange`: of timestamps without time zone."""


class TimestamptzMultirange(Multirange["datetime"]):
    """A `tstzmultirange`: of timestamps with time zone."""


class MultirangeInfo(TypeInfo):
    """What is known about a multirange type.

    :param range_oid: the OID of the type of the ranges.
    :param subtype_oid: the OID of the type of the bounds.
    """

    __module__ = "psycoxide.types.multirange"

    def __init__(
        self,
        name: str,
        oid: int,
        array_oid: int,
        *,
        regtype: str = "",
        range_oid: int,
        subtype_oid: int,
    ):
        super().__init__(name, oid, array_oid, regtype=regtype)
        self.range_oid = range_oid
        self.subtype_oid = subtype_oid

    @classmethod
    def _get_info_query(cls, conn: BaseConnection[Any]) -> str:
        if conn.info.server_version < _SINCE_VERSION:
            raise NotSupportedError("multirange types are only available from PostgreSQL 14")
        return f"""\
SELECT {COMMON_COLUMNS}, r.rngtypid AS range_oid, r.rngsubtype AS subtype_oid
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_range AS r ON r.rngmultitypid = t.oid
WHERE t.oid = {REGTYPE}"""

    def _added(self, registry: TypesRegistry) -> None:
        registry._add_subtype(self, self.range_oid)
        registry._add_subtype(self, self.subtype_oid)
