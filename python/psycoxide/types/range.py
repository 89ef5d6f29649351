"""Ranges: the values, and what is known about their types.

See `Range Types <https://www.postgresql.org/docs/current/rangetypes.html>`__.
"""

from __future__ import annotations

from .._core import _dump, _load
from .._typeinfo import COMMON_COLUMNS, REGTYPE, TypeInfo, TypesRegistry
from ..adapt import Dumper, PyFormat, RecursiveDumper, RecursiveLoader
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date as date
    from datetime import datetime as datetime
    from decimal import Decimal as Decimal
    from typing import Any, Generic, TypeVar

    from .._base.connection import BaseConnection
    from ..abc import AdaptContext, Buffer, DumperKey, DumpFunc, LoadFunc, Transformer

    T = TypeVar("T")
else:
    from .._generic import Generic

    T = None

_BOUNDS = frozenset(("[)", "(]", "()", "[]"))


class Range(Generic[T]):
    """A range of values: `[lower, upper)`. Immutable and hashable.

    Ranges of any type are of this class, or of a subclass that says which range of the database is
    meant: :class:`Int8Range` for numbers that are small but shall be an `int8range`.

    :param lower: the lower bound; `None` for none.
    :param upper: the upper bound; `None` for none.
    :param bounds: whether the bounds belong to the range: `[` and `]` if so, `(` and `)` if not.
        A bound that does not exist never does.
    :param empty: if set, the range contains nothing, and has no bounds.
    """

    __slots__ = ("_bounds", "_lower", "_upper")

    _lower: T | None
    _upper: T | None
    _bounds: str

    def __init__(
        self,
        lower: T | None = None,
        upper: T | None = None,
        bounds: str = "[)",
        empty: bool = False,
    ):
        if empty:
            self._lower = self._upper = None
            self._bounds = ""
            return
        if bounds not in _BOUNDS:
            raise ValueError(f"bound flags not valid: {bounds!r}")
        self._lower = lower
        self._upper = upper
        self._bounds = ("(" if lower is None else bounds[0]) + (")" if upper is None else bounds[1])

    def __repr__(self) -> str:
        name = type(self).__name__
        if not self._bounds:
            return f"{name}(empty=True)"
        return f"{name}({self._lower!r}, {self._upper!r}, {self._bounds!r})"

    def __str__(self) -> str:
        if not self._bounds:
            return "empty"
        return f"{self._bounds[0]}{self._lower}, {self._upper}{self._bounds[1]}"

    @property
    def lower(self) -> T | None:
        """The lower bound; `None` if there is none, or if the range is empty."""
        return self._lower

    @property
    def upper(self) -> T | None:
        """The upper bound; `None` if there is none, or if the range is empty."""
        return self._upper

    @property
    def bounds(self) -> str:
        """The two characters of the bounds; an empty string if the range is empty."""
        return self._bounds

    @property
    def isempty(self) -> bool:
        """Whether the range contains nothing *by declaration*: `Range(1, 1)` does not say so."""
        return not self._bounds

    @property
    def lower_inf(self) -> bool:
        """Whether there is no lower bound."""
        return self._lower is None and bool(self._bounds)

    @property
    def upper_inf(self) -> bool:
        """Whether there is no upper bound."""
        return self._upper is None and bool(self._bounds)

    @property
    def lower_inc(self) -> bool:
        """Whether the lower bound belongs to the range."""
        return self._bounds[:1] == "["

    @property
    def upper_inc(self) -> bool:
        """Whether the upper bound belongs to the range."""
        return self._bounds[1:] == "]"

    def __contains__(self, x: T) -> bool:
        # Only `<` is asked of the values, with `x` on the left: it is all that some types have.
        if not self._bounds:
            return False
        lower: Any = self._lower
        upper: Any = self._upper
        value: Any = x
        if lower is not None and (value < lower or (value == lower and self._bounds[0] != "[")):
            return False
        return upper is None or bool(value < upper or (value == upper and self._bounds[1] == "]"))

    def __bool__(self) -> bool:
        return bool(self._bounds)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Range):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    # Any order will do that sorts: the server's, in which nothing is greater than no upper bound,
    # is not this one.

    def __lt__(self, other: Any) -> bool:
        return _less(self, other) if isinstance(other, Range) else NotImplemented

    def __le__(self, other: Any) -> bool:
        if not isinstance(other, Range):
            return NotImplemented
        return self == other or _less(self, other)

    def __gt__(self, other: Any) -> bool:
        return _less(other, self) if isinstance(other, Range) else NotImplemented

    def __ge__(self, other: Any) -> bool:
        if not isinstance(other, Range):
            return NotImplemented
        return self == other or _less(other, self)

    def _key(self) -> tuple[T | None, T | None, str]:
        return self._lower, self._upper, self._bounds

    def __getstate__(self) -> dict[str, Any]:
        return {"_lower": self._lower, "_upper": self._upper, "_bounds": self._bounds}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._lower = state["_lower"]
        self._upper = state["_upper"]
        self._bounds = state["_bounds"]


def _less(a: Range[Any], b: Range[Any]) -> bool:
    """Compare lower bound, upper bound and brackets in turn, no bound being the least."""
    for x, y in zip(a._key(), b._key(), strict=True):
        if x == y:
            continue
        if x is None:
            return True
        return y is not None and bool(x < y)
    return False


class Int4Range(Range["int"]):
    """An `int4range`, whatever the size of its bounds."""

    __slots__ = ()


class Int8Range(Range["int"]):
    """An `int8range`, whatever the size of its bounds."""

    __slots__ = ()


class NumericRange(Range["Decimal"]):
    """A `numrange`, even if its bounds are integers."""

    __slots__ = ()


class DateRange(Range["date"]):
    """A `daterange`."""

    __slots__ = ()


class TimestampRange(Range["datetime"]):
    """A `tsrange`: of timestamps without time zone."""

    __slots__ = ()


class TimestamptzRange(Range["datetime"]):
    """A `tstzrange`: of timestamps with time zone."""

    __slots__ = ()


class RangeInfo(TypeInfo):
    """What is known about a range type.

    :param subtype_oid: the OID of the type of the bounds.
    """

    __module__ = "psycoxide.types.range"

    def __init__(self, name: str, oid: int, array_oid: int, *, regtype: str = "", subtype_oid: int):
        super().__init__(name, oid, array_oid, regtype=regtype)
        self.subtype_oid = subtype_oid

    @classmethod
    def _get_info_query(cls, conn: BaseConnection[Any]) -> str:
        return f"""\
SELECT {COMMON_COLUMNS}, r.rngsubtype AS subtype_oid
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_range AS r ON r.rngtypid = t.oid
WHERE t.oid = {REGTYPE}"""

    def _added(self, registry: TypesRegistry) -> None:
        registry._add_subtype(self, self.subtype_oid)


class BaseRangeDumper(RecursiveDumper):
    """The base of the dumpers of :class:`Range`."""

    subtype_oid = 0
    """The type of the bounds; 0: the bounds decide."""

    def __init__(self, cls: type, context: AdaptContext | None = None):
        super().__init__(cls, context)
        self.sub_dumper: Any = None
        if self.subtype_oid:
            cls = self._tx.adapters.get_dumper_by_oid(self.subtype_oid, self.format)
            self.sub_dumper = cls(type(None), self._tx)

    def get_key(self, obj: Range[Any], format: PyFormat) -> DumperKey:
        item = None if self.oid else _any_bound(obj)
        if item is None:
            return self.cls
        format = PyFormat.TEXT if type(item) is int else PyFormat.from_pq(self.format)
        key: DumperKey = self._tx.get_dumper(item, format).get_key(item, format)
        return (self.cls, key)

    def upgrade(self, obj: Range[Any], format: PyFormat) -> BaseRangeDumper:
        item = None if self.oid else _any_bound(obj)
        if item is None:
            return self
        if type(item) is int:
            # The server takes no int4range for an int8range, but finds out what a text is.
            return RangeDumper(self.cls, self._tx)
        dumper = type(self)(self.cls, self._tx)
        dumper.sub_dumper = self._tx.get_dumper(item, PyFormat.from_pq(self.format))
        # Strings are dumped as of unknown type: a range of them is one over text.
        subtype = dumper.sub_dumper.oid or "text"
        info = self._tx.adapters.types.get_by_subtype(RangeInfo, subtype)
        dumper.oid = info.oid if info else 0
        return dumper


def _any_bound(obj: Range[Any]) -> Any:
    return obj.upper if obj.lower is None else obj.lower


class RangeDumper(BaseRangeDumper):
    """:class:`Range` to the range over the type of its bounds, as text."""

    _native = "range"

    def dump(self, obj: Range[Any]) -> Buffer | None:
        return _dump("range", 0, self, obj)


class RangeBinaryDumper(BaseRangeDumper):
    """:class:`Range` to the range over the type of its bounds, binary."""

    format = Format.BINARY
    _native = "range"

    def dump(self, obj: Range[Any]) -> Buffer | None:
        return _dump("range", 1, self, obj)


class BaseRangeLoader(RecursiveLoader):
    """The base of the loaders of ranges."""

    subtype_oid: int
    """The type of the bounds."""

    def __init__(self, oid: int, context: AdaptContext | None = None):
        super().__init__(oid, context)
        self._load = self._tx.get_loader(self.subtype_oid, format=self.format).load


class RangeLoader(BaseRangeLoader):
    """Ranges to :class:`Range`, from text."""

    _native = "range"

    def load(self, data: Buffer) -> Range[Any]:
        value: Range[Any] = _load("range", 0, self, data)
        return value


class RangeBinaryLoader(BaseRangeLoader):
    """Ranges to :class:`Range`, binary."""

    format = Format.BINARY
    _native = "range"

    def load(self, data: Buffer) -> Range[Any]:
        value: Range[Any] = _load("range", 1, self, data)
        return value


class Int4RangeDumper(RangeDumper):
    """:class:`Int4Range` to `int4range`, as text."""

    oid = 3904
    subtype_oid = 23
    _native = "range"


class Int4RangeBinaryDumper(RangeBinaryDumper):
    """:class:`Int4Range` to `int4range`, binary."""

    oid = 3904
    subtype_oid = 23
    _native = "range"


class Int8RangeDumper(RangeDumper):
    """:class:`Int8Range` to `int8range`, as text."""

    oid = 3926
    subtype_oid = 20
    _native = "range"


class Int8RangeBinaryDumper(RangeBinaryDumper):
    """:class:`Int8Range` to `int8range`, binary."""

    oid = 3926
    subtype_oid = 20
    _native = "range"


class NumericRangeDumper(RangeDumper):
    """:class:`NumericRange` to `numrange`, as text."""

    oid = 3906
    subtype_oid = 1700
    _native = "range"


class NumericRangeBinaryDumper(RangeBinaryDumper):
    """:class:`NumericRange` to `numrange`, binary."""

    oid = 3906
    subtype_oid = 1700
    _native = "range"


class DateRangeDumper(RangeDumper):
    """:class:`DateRange` to `daterange`, as text."""

    oid = 3912
    subtype_oid = 1082
    _native = "range"


class DateRangeBinaryDumper(RangeBinaryDumper):
    """:class:`DateRange` to `daterange`, binary."""

    oid = 3912
    subtype_oid = 1082
    _native = "range"


class TimestampRangeDumper(RangeDumper):
    """:class:`TimestampRange` to `tsrange`, as text."""

    oid = 3908
    subtype_oid = 1114
    _native = "range"


class TimestampRangeBinaryDumper(RangeBinaryDumper):
    """:class:`TimestampRange` to `tsrange`, binary."""

    oid = 3908
    subtype_oid = 1114
    _native = "range"


class TimestamptzRangeDumper(RangeDumper):
    """:class:`TimestamptzRange` to `tstzrange`, as text."""

    oid = 3910
    subtype_oid = 1184
    _native = "range"


class TimestamptzRangeBinaryDumper(RangeBinaryDumper):
    """:class:`TimestamptzRange` to `tstzrange`, binary."""

    oid = 3910
    subtype_oid = 1184
    _native = "range"


class Int4RangeLoader(RangeLoader):
    """`int4range` to :class:`Range`, from text."""

    subtype_oid = 23
    _native = "range"


class Int4RangeBinaryLoader(RangeBinaryLoader):
    """`int4range` to :class:`Range`, binary."""

    subtype_oid = 23
    _native = "range"


class Int8RangeLoader(RangeLoader):
    """`int8range` to :class:`Range`, from text."""

    subtype_oid = 20
    _native = "range"


class Int8RangeBinaryLoader(RangeBinaryLoader):
    """`int8range` to :class:`Range`, binary."""

    subtype_oid = 20
    _native = "range"


class NumericRangeLoader(RangeLoader):
    """`numrange` to :class:`Range`, from text."""

    subtype_oid = 1700
    _native = "range"


class NumericRangeBinaryLoader(RangeBinaryLoader):
    """`numrange` to :class:`Range`, binary."""

    subtype_oid = 1700
    _native = "range"


class DateRangeLoader(RangeLoader):
    """`daterange` to :class:`Range`, from text."""

    subtype_oid = 1082
    _native = "range"


class DateRangeBinaryLoader(RangeBinaryLoader):
    """`daterange` to :class:`Range`, binary."""

    subtype_oid = 1082
    _native = "range"


class TimestampRangeLoader(RangeLoader):
    """`tsrange` to :class:`Range`, from text."""

    subtype_oid = 1114
    _native = "range"


class TimestampRangeBinaryLoader(RangeBinaryLoader):
    """`tsrange` to :class:`Range`, binary."""

    subtype_oid = 1114
    _native = "range"


class TimestampTZRangeLoader(RangeLoader):
    """`tstzrange` to :class:`Range`, from text."""

    subtype_oid = 1184
    _native = "range"


class TimestampTZRangeBinaryLoader(RangeBinaryLoader):
    """`tstzrange` to :class:`Range`, binary."""

    subtype_oid = 1184
    _native = "range"


def dump_range_text(obj: Range[Any], dump: DumpFunc) -> Buffer:
    """A range as text.

    :param dump: writes a bound as text.
    """
    if obj.isempty:
        return b"empty"
    lower = b"" if obj.lower is None else _quoted(dump(obj.lower))
    upper = b"" if obj.upper is None else _quoted(dump(obj.upper))
    brackets = obj.bounds.encode()
    return brackets[:1] + lower + b"," + upper + brackets[1:]


def _quoted(bound: Buffer | None) -> bytes:
    text = bytes(bound or b"")
    if text and not any(byte in b'",()[]\\' or chr(byte).isspace() for byte in text):
        return text
    return b'"%b"' % text.replace(b"\\", rb"\\").replace(b'"', b'""')


def dump_range_binary(obj: Range[Any], dump: DumpFunc) -> Buffer:
    """A range in binary.

    :param dump: writes a bound in binary.
    """
    if obj.isempty:
        return b"\x01"
    flags = (
        2 * obj.lower_inc | 4 * obj.upper_inc | 8 * (obj.lower is None) | 16 * (obj.upper is None)
    )
    bounds = [bytes(dump(bound) or b"") for bound in (obj.lower, obj.upper) if bound is not None]
    return bytes([flags]) + b"".join(len(bound).to_bytes(4, "big") + bound for bound in bounds)


def load_range_text(data: Buffer, load: LoadFunc) -> tuple[Range[Any], int]:
    """A range from the beginning of a text, and the position behind it.

    :param load: reads a bound from text.
    :raises DataError: if there is no range.
    """
    import re

    text = bytes(data)
    if text.startswith(b"empty"):
        return Range(empty=True), len(b"empty")
    bound = rb"""("(?:[^"\\]|\\.|"")*"|(?:[^",()\[\]\\]|\\.)+)?"""
    match = re.match(rb"([\[(])%b,%b([\])])" % (bound, bound), text, re.DOTALL)
    if match is None:
        from ..errors import DataError

        raise DataError(f"failed to parse range: {text.decode(errors='replace')!r}")
    lower, upper = (
        None if bound is None else load(_unquoted(bound)) for bound in match.group(2, 3)
    )
    return Range(lower, upper, (match[1] + match[4]).decode()), match.end()


def _unquoted(bound: bytes) -> bytes:
    import re

    if bound.startswith(b'"'):
        bound = bound[1:-1].replace(b'""', b'"')
    return re.sub(rb"\\(.)", rb"\1", bound, flags=re.DOTALL)


def load_range_binary(data: Buffer, load: LoadFunc) -> Range[Any]:
    """A range from its binary form.

    :param load: reads a bound in binary.
    """
    view = bytes(data)
    flags, at = view[0], 1
    if flags & 1:
        return Range(empty=True)
    bounds: list[Any] = []
    for infinite in (8, 16):
        if flags & infinite:
            bounds.append(None)
            continue
        start = at + 4
        at = start + int.from_bytes(view[at:start], "big")
        bounds.append(load(view[start:at]))
    brackets = ("[" if flags & 2 else "(") + ("]" if flags & 4 else ")")
    return Range(bounds[0], bounds[1], brackets)


def make_bound_dump(tx: Transformer, subtype_oid: int, format: Format) -> DumpFunc:
    """A function that writes the bounds of ranges over a type.

    :raises DataError: by the function, if the type has no dumper.
    """
    from ..errors import ProgrammingError

    try:
        dumper = tx.adapters.get_dumper_by_oid(subtype_oid, format)
    except ProgrammingError:
        return fail_dump
    return dumper(type(None), tx).dump


def fail_dump(obj: Any) -> Buffer:
    """Refuse a bound whose type nobody knows."""
    from ..errors import DataError

    raise DataError(f"don't know how to dump the range bound {obj!r}")


def register_range(info: RangeInfo, context: AdaptContext | None = None) -> None:
    """Make a range type known: load it as :class:`Range`, and dump ranges of its subtype as it.

    :param context: the connection, cursor or map to tell; every connection made from now on by
        default.
    """
    from .array import check_info

    check_info(info, "range type")
    info.register(context)
    if context is None:
        from ..postgres import adapters
    else:
        adapters = context.adapters
    for base in (RangeLoader, RangeBinaryLoader):
        members = {"__module__": __name__, "subtype_oid": info.subtype_oid, "_native": "range"}
        adapters.register_loader(info.oid, type(f"{info.name.title()}Loader", (base,), members))


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    adapters = context.adapters

    # As text by choice: a range of ints may be meant for several types.
    adapters.register_dumper(Range, RangeBinaryDumper)
    adapters.register_dumper(Range, RangeDumper)
    dumpers: tuple[tuple[type[Range[Any]], type[Dumper], type[Dumper]], ...] = (
        (Int4Range, Int4RangeDumper, Int4RangeBinaryDumper),
        (Int8Range, Int8RangeDumper, Int8RangeBinaryDumper),
        (NumericRange, NumericRangeDumper, NumericRangeBinaryDumper),
        (DateRange, DateRangeDumper, DateRangeBinaryDumper),
        (TimestampRange, TimestampRangeDumper, TimestampRangeBinaryDumper),
        (TimestamptzRange, TimestamptzRangeDumper, TimestamptzRangeBinaryDumper),
    )
    for cls, text, binary in dumpers:
        adapters.register_dumper(cls, text)
        adapters.register_dumper(cls, binary)
    for name, loader, binary_loader in (
        ("int4range", Int4RangeLoader, Int4RangeBinaryLoader),
        ("int8range", Int8RangeLoader, Int8RangeBinaryLoader),
        ("numrange", NumericRangeLoader, NumericRangeBinaryLoader),
        ("daterange", DateRangeLoader, DateRangeBinaryLoader),
        ("tsrange", TimestampRangeLoader, TimestampRangeBinaryLoader),
        ("tstzrange", TimestampTZRangeLoader, TimestampTZRangeBinaryLoader),
    ):
        adapters.register_loader(name, loader)
        adapters.register_loader(name, binary_loader)
