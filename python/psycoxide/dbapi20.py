"""The type objects and constructors of the DB-API.

See `PEP 249, Type Objects and Constructors
<https://peps.python.org/pep-0249/#type-objects-and-constructors>`__.
"""

from __future__ import annotations

import datetime as dt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ._binary import BinaryBinaryDumper as BinaryBinaryDumper
    from ._binary import BinaryTextDumper as BinaryTextDumper
    from .abc import AdaptContext


class DBAPITypeObject:
    """A kind of types, equal to the OID of each type of the kind: `column.type_code == STRING`.

    :param name: of the kind, as a member of the package.
    :param oids: of its types.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str, oids: Sequence[int]):
        self.name = name
        self.values = tuple(oids)

    def __repr__(self) -> str:
        return f"psycoxide.{self.name}"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return other in self.values
        if isinstance(other, DBAPITypeObject):
            return self.values == other.values
        return NotImplemented


#: Binary strings: `bytea`.
BINARY = DBAPITypeObject("BINARY", (17,))
#: `timestamp`, `timestamptz`, `date`, `time`, `timetz`, `interval`.
DATETIME = DBAPITypeObject("DATETIME", (1114, 1184, 1082, 1083, 1266, 1186))
#: `int2`, `int4`, `int8`, `float4`, `float8`, `numeric`.
NUMBER = DBAPITypeObject("NUMBER", (21, 23, 20, 700, 701, 1700))
#: `oid`.
ROWID = DBAPITypeObject("ROWID", (26,))
#: `text`, `varchar`, `bpchar`.
STRING = DBAPITypeObject("STRING", (25, 1043, 1042))


class Binary:
    """Says that a value is to be sent as binary data.

    :param obj: `bytes`, `bytearray` or `memoryview`. They are sent so without this wrapper, too.
    """

    def __init__(self, obj: Any):
        self.obj = obj

    def __repr__(self) -> str:
        text = repr(self.obj)
        if len(text) > 40:
            text = f"{text[:35]} ... ({len(text)} chars)"
        return f"{type(self).__name__}({text})"


def Date(year: int, month: int, day: int) -> dt.date:
    """A date."""
    return dt.date(year, month, day)


def DateFromTicks(ticks: float) -> dt.date:
    """The date of a number of seconds since 1970, in UTC."""
    return TimestampFromTicks(ticks).date()


def Time(hour: int, minute: int, second: int) -> dt.time:
    """A time of day."""
    return dt.time(hour, minute, second)


def TimeFromTicks(ticks: float) -> dt.time:
    """The time of day of a number of seconds since 1970, in UTC."""
    return TimestampFromTicks(ticks).time()


def Timestamp(year: int, month: int, day: int, hour: int, minute: int, second: int) -> dt.datetime:
    """A date with a time of day, without time zone."""
    return dt.datetime(year, month, day, hour, minute, second)


def TimestampFromTicks(ticks: float) -> dt.datetime:
    """The moment of a number of seconds since 1970, in UTC."""
    return _EPOCH + dt.timedelta(seconds=ticks)


# Counted from here, for `datetime.fromtimestamp` knows no moment before it on some systems.
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def register_dbapi20_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    from ._binary import BinaryBinaryDumper, BinaryTextDumper

    context.adapters.register_dumper(Binary, BinaryTextDumper)
    context.adapters.register_dumper(Binary, BinaryBinaryDumper)


def __getattr__(name: str) -> Any:
    # This module is loaded with the package, and hardly anybody asks for these.
    if name in ("BinaryBinaryDumper", "BinaryTextDumper"):
        from . import _binary

        return getattr(_binary, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "BinaryBinaryDumper", "BinaryTextDumper"])
