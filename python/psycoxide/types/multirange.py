"""Multiranges: the values, and what is known about their types.

See `Range Types <https://www.postgresql.org/docs/current/rangetypes.html>`__. They exist since
PostgreSQL 14.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence

from .._core import _dump, _load
from .._errors_base import NotSupportedError
from .._typeinfo import COMMON_COLUMNS, REGTYPE, TypeInfo, TypesRegistry
from ..adapt import Dumper, PyFormat, RecursiveDumper, RecursiveLoader
from ..pq._enums import Format
from .range import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date as date
    from datetime import datetime as datetime
    from decimal import Decimal as Decimal
    from typing import Any, TypeVar, overload

    from .._base.connection import BaseConnection
    from ..abc import AdaptContext, Buffer, DumperKey

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


class BaseMultirangeDumper(RecursiveDumper):
    """The base of the dumpers of :class:`Multirange`."""

    subtype_oid = 0
    """The type of the bounds; 0: the bounds decide."""

    def __init__(self, cls: type, context: AdaptContext | None = None):
        super().__init__(cls, context)
        self.sub_dumper: Any = None
        if self.subtype_oid:
            cls = self._tx.adapters.get_dumper_by_oid(self.subtype_oid, self.format)
            self.sub_dumper = cls(type(None), self._tx)

    def get_key(self, obj: Multirange[Any], format: PyFormat) -> DumperKey:
        item = None if self.oid else _any_bound(obj)
        if item is None:
            return self.cls
        format = PyFormat.TEXT if type(item) is int else PyFormat.from_pq(self.format)
        key: DumperKey = self._tx.get_dumper(item, format).get_key(item, format)
        return (self.cls, key)

    def upgrade(self, obj: Multirange[Any], format: PyFormat) -> BaseMultirangeDumper:
        item = None if self.oid else _any_bound(obj)
        if item is None:
            return self
        if type(item) is int:
            # As for ranges: the server finds out what a text is.
            return MultirangeDumper(self.cls, self._tx)
        dumper = type(self)(self.cls, self._tx)
        dumper.sub_dumper = self._tx.get_dumper(item, PyFormat.from_pq(self.format))
        # Strings are dumped as of unknown type: a range of them is one over text.
        subtype = dumper.sub_dumper.oid or "text"
        info = self._tx.adapters.types.get_by_subtype(MultirangeInfo, subtype)
        dumper.oid = info.oid if info else 0
        return dumper


def _any_bound(obj: Multirange[Any]) -> Any:
    for item in obj:
        for bound in (item.lower, item.upper):
            if bound is not None:
                return bound
    return None


class MultirangeDumper(BaseMultirangeDumper):
    """:class:`Multirange` to the multirange over the type of its bounds, as text."""

    _native = "multirange"

    def dump(self, obj: Multirange[Any]) -> Buffer | None:
        return _dump("multirange", 0, self, obj)


class MultirangeBinaryDumper(BaseMultirangeDumper):
    """:class:`Multirange` to the multirange over the type of its bounds, binary."""

    format = Format.BINARY
    _native = "multirange"

    def dump(self, obj: Multirange[Any]) -> Buffer | None:
        return _dump("multirange", 1, self, obj)


class BaseMultirangeLoader(RecursiveLoader):
    """The base of the loaders of multiranges."""

    subtype_oid: int
    """The type of the bounds."""

    def __init__(self, oid: int, context: AdaptContext | None = None):
        super().__init__(oid, context)
        self._load = self._tx.get_loader(self.subtype_oid, format=self.format).load


class MultirangeLoader(BaseMultirangeLoader):
    """Multiranges to :class:`Multirange`, from text."""

    _native = "multirange"

    def load(self, data: Buffer) -> Multirange[Any]:
        value: Multirange[Any] = _load("multirange", 0, self, data)
        return value


class MultirangeBinaryLoader(BaseMultirangeLoader):
    """Multiranges to :class:`Multirange`, binary."""

    format = Format.BINARY
    _native = "multirange"

    def load(self, data: Buffer) -> Multirange[Any]:
        value: Multirange[Any] = _load("multirange", 1, self, data)
        return value


class Int4MultirangeDumper(MultirangeDumper):
    """:class:`Int4Multirange` to `int4multirange`, as text."""

    oid = 4451
    subtype_oid = 23
    _native = "multirange"


class Int4MultirangeBinaryDumper(MultirangeBinaryDumper):
    """:class:`Int4Multirange` to `int4multirange`, binary."""

    oid = 4451
    subtype_oid = 23
    _native = "multirange"


class Int8MultirangeDumper(MultirangeDumper):
    """:class:`Int8Multirange` to `int8multirange`, as text."""

    oid = 4536
    subtype_oid = 20
    _native = "multirange"


class Int8MultirangeBinaryDumper(MultirangeBinaryDumper):
    """:class:`Int8Multirange` to `int8multirange`, binary."""

    oid = 4536
    subtype_oid = 20
    _native = "multirange"


class NumericMultirangeDumper(MultirangeDumper):
    """:class:`NumericMultirange` to `nummultirange`, as text."""

    oid = 4532
    subtype_oid = 1700
    _native = "multirange"


class NumericMultirangeBinaryDumper(MultirangeBinaryDumper):
    """:class:`NumericMultirange` to `nummultirange`, binary."""

    oid = 4532
    subtype_oid = 1700
    _native = "multirange"


class DateMultirangeDumper(MultirangeDumper):
    """:class:`DateMultirange` to `datemultirange`, as text."""

    oid = 4535
    subtype_oid = 1082
    _native = "multirange"


class DateMultirangeBinaryDumper(MultirangeBinaryDumper):
    """:class:`DateMultirange` to `datemultirange`, binary."""

    oid = 4535
    subtype_oid = 1082
    _native = "multirange"


class TimestampMultirangeDumper(MultirangeDumper):
    """:class:`TimestampMultirange` to `tsmultirange`, as text."""

    oid = 4533
    subtype_oid = 1114
    _native = "multirange"


class TimestampMultirangeBinaryDumper(MultirangeBinaryDumper):
    """:class:`TimestampMultirange` to `tsmultirange`, binary."""

    oid = 4533
    subtype_oid = 1114
    _native = "multirange"


class TimestamptzMultirangeDumper(MultirangeDumper):
    """:class:`TimestamptzMultirange` to `tstzmultirange`, as text."""

    oid = 4534
    subtype_oid = 1184
    _native = "multirange"


class TimestamptzMultirangeBinaryDumper(MultirangeBinaryDumper):
    """:class:`TimestamptzMultirange` to `tstzmultirange`, binary."""

    oid = 4534
    subtype_oid = 1184
    _native = "multirange"


class Int4MultirangeLoader(MultirangeLoader):
    """`int4multirange` to :class:`Multirange`, from text."""

    subtype_oid = 23
    _native = "multirange"


class Int4MultirangeBinaryLoader(MultirangeBinaryLoader):
    """`int4multirange` to :class:`Multirange`, binary."""

    subtype_oid = 23
    _native = "multirange"


class Int8MultirangeLoader(MultirangeLoader):
    """`int8multirange` to :class:`Multirange`, from text."""

    subtype_oid = 20
    _native = "multirange"


class Int8MultirangeBinaryLoader(MultirangeBinaryLoader):
    """`int8multirange` to :class:`Multirange`, binary."""

    subtype_oid = 20
    _native = "multirange"


class NumericMultirangeLoader(MultirangeLoader):
    """`nummultirange` to :class:`Multirange`, from text."""

    subtype_oid = 1700
    _native = "multirange"


class NumericMultirangeBinaryLoader(MultirangeBinaryLoader):
    """`nummultirange` to :class:`Multirange`, binary."""

    subtype_oid = 1700
    _native = "multirange"


class DateMultirangeLoader(MultirangeLoader):
    """`datemultirange` to :class:`Multirange`, from text."""

    subtype_oid = 1082
    _native = "multirange"


class DateMultirangeBinaryLoader(MultirangeBinaryLoader):
    """`datemultirange` to :class:`Multirange`, binary."""

    subtype_oid = 1082
    _native = "multirange"


class TimestampMultirangeLoader(MultirangeLoader):
    """`tsmultirange` to :class:`Multirange`, from text."""

    subtype_oid = 1114
    _native = "multirange"


class TimestampMultirangeBinaryLoader(MultirangeBinaryLoader):
    """`tsmultirange` to :class:`Multirange`, binary."""

    subtype_oid = 1114
    _native = "multirange"


class TimestampTZMultirangeLoader(MultirangeLoader):
    """`tstzmultirange` to :class:`Multirange`, from text."""

    subtype_oid = 1184
    _native = "multirange"


class TimestampTZMultirangeBinaryLoader(MultirangeBinaryLoader):
    """`tstzmultirange` to :class:`Multirange`, binary."""

    subtype_oid = 1184
    _native = "multirange"


def register_multirange(info: MultirangeInfo, context: AdaptContext | None = None) -> None:
    """Make a multirange type known: load it as :class:`Multirange`, and dump those as it.

    :param context: the connection, cursor or map to tell; every connection made from now on by
        default.
    """
    from .array import check_info

    check_info(info, "multirange type")
    info.register(context)
    if context is None:
        from ..postgres import adapters
    else:
        adapters = context.adapters
    for base in (MultirangeLoader, MultirangeBinaryLoader):
        members = {"__module__": __name__, "subtype_oid": info.subtype_oid, "_native": "multirange"}
        adapters.register_loader(info.oid, type(f"{info.name.title()}Loader", (base,), members))


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    adapters = context.adapters

    adapters.register_dumper(Multirange, MultirangeBinaryDumper)
    adapters.register_dumper(Multirange, MultirangeDumper)
    dumpers: tuple[tuple[type[Multirange[Any]], type[Dumper], type[Dumper]], ...] = (
        (Int4Multirange, Int4MultirangeDumper, Int4MultirangeBinaryDumper),
        (Int8Multirange, Int8MultirangeDumper, Int8MultirangeBinaryDumper),
        (NumericMultirange, NumericMultirangeDumper, NumericMultirangeBinaryDumper),
        (DateMultirange, DateMultirangeDumper, DateMultirangeBinaryDumper),
        (TimestampMultirange, TimestampMultirangeDumper, TimestampMultirangeBinaryDumper),
        (TimestamptzMultirange, TimestamptzMultirangeDumper, TimestamptzMultirangeBinaryDumper),
    )
    for cls, text, binary in dumpers:
        adapters.register_dumper(cls, text)
        adapters.register_dumper(cls, binary)
    for name, loader, binary_loader in (
        ("int4multirange", Int4MultirangeLoader, Int4MultirangeBinaryLoader),
        ("int8multirange", Int8MultirangeLoader, Int8MultirangeBinaryLoader),
        ("nummultirange", NumericMultirangeLoader, NumericMultirangeBinaryLoader),
        ("datemultirange", DateMultirangeLoader, DateMultirangeBinaryLoader),
        ("tsmultirange", TimestampMultirangeLoader, TimestampMultirangeBinaryLoader),
        ("tstzmultirange", TimestampTZMultirangeLoader, TimestampTZMultirangeBinaryLoader),
    ):
        adapters.register_loader(name, loader)
        adapters.register_loader(name, binary_loader)
