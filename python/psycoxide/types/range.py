"""Ranges: the values, and what is known about their types.

See `Range Types <https://www.postgresql.org/docs/current/rangetypes.html>`__.
"""

from __future__ import annotations

from .._typeinfo import COMMON_COLUMNS, REGTYPE, TypeInfo, TypesRegistry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date as date
    from datetime import datetime as datetime
    from decimal import Decimal as Decimal
    from typing import Any, Generic, TypeVar

    from .._base.connection import BaseConnection

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
