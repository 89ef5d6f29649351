"""Dates, times and intervals.

What Python's calendar cannot hold (infinity, years before 1 and after 9999, 24:00) raises
`DataError`, unless :func:`register_out_of_range` says what to do with it. See `Date/Time Types
<https://www.postgresql.org/docs/current/datatype-datetime.html>`__.
"""

from __future__ import annotations

from .._core import _dump, _load
from ..adapt import Dumper, Loader, PyFormat
from ..pq._enums import Format
from ._extended import ExtendedDate as ExtendedDate
from ._extended import ExtendedInterval as ExtendedInterval
from ._extended import ExtendedTimestamp as ExtendedTimestamp
from ._extended import ExtendedTimestamptz as ExtendedTimestamptz

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import date, datetime, time, timedelta
    from typing import Literal, TypeAlias

    from ..abc import AdaptContext, Buffer, DumperKey

    OutOfRangePolicy: TypeAlias = Literal["raise", "clamp", "infinity", "lossless"]


class DateDumper(Dumper):
    """`date` to `date`, as text."""

    oid = 1082
    _native = "date"

    def dump(self, obj: date) -> Buffer | None:
        return _dump("date", 0, self, obj)


class TimeTzDumper(Dumper):
    """`time` with a time zone to `timetz`, as text."""

    oid = 1266
    _native = "timetz"

    def dump(self, obj: time) -> Buffer | None:
        return _dump("timetz", 0, self, obj)


class TimeDumper(Dumper):
    """`time` to `time`, as text; to `timetz` if it has a time zone."""

    oid = 1083
    _native = "time"

    def dump(self, obj: time) -> Buffer | None:
        return _dump("time", 0, self, obj)

    def get_key(self, obj: time, format: PyFormat) -> DumperKey:
        return self.cls if obj.tzinfo is None else TimeTzDumper

    def upgrade(self, obj: time, format: PyFormat) -> Dumper:
        return self if obj.tzinfo is None else TimeTzDumper(TimeTzDumper)


class DatetimeNoTzDumper(Dumper):
    """`datetime` without a time zone to `timestamp`, as text."""

    oid = 1114
    _native = "timestamp"

    def dump(self, obj: datetime) -> Buffer | None:
        return _dump("timestamp", 0, self, obj)


class DatetimeDumper(Dumper):
    """`datetime` to `timestamptz`, as text; to `timestamp` if it has no time zone."""

    oid = 1184
    _native = "datetime"

    def dump(self, obj: datetime) -> Buffer | None:
        return _dump("datetime", 0, self, obj)

    def get_key(self, obj: datetime, format: PyFormat) -> DumperKey:
        return self.cls if obj.tzinfo is not None else DatetimeNoTzDumper

    def upgrade(self, obj: datetime, format: PyFormat) -> Dumper:
        return self if obj.tzinfo is not None else DatetimeNoTzDumper(DatetimeNoTzDumper)


class TimedeltaDumper(Dumper):
    """`timedelta` to `interval`, as text."""

    oid = 1186
    _native = "interval"

    def dump(self, obj: timedelta) -> Buffer | None:
        return _dump("interval", 0, self, obj)


class DateBinaryDumper(Dumper):
    """`date` to `date`, binary."""

    oid = 1082
    format = Format.BINARY
    _native = "date"

    def dump(self, obj: date) -> Buffer | None:
        return _dump("date", 1, self, obj)


class TimeTzBinaryDumper(Dumper):
    """`time` with a time zone to `timetz`, binary."""

    oid = 1266
    format = Format.BINARY
    _native = "timetz"

    def dump(self, obj: time) -> Buffer | None:
        return _dump("timetz", 1, self, obj)


class TimeBinaryDumper(Dumper):
    """`time` to `time`, binary; to `timetz` if it has a time zone."""

    oid = 1083
    format = Format.BINARY
    _native = "time"

    def dump(self, obj: time) -> Buffer | None:
        return _dump("time", 1, self, obj)

    def get_key(self, obj: time, format: PyFormat) -> DumperKey:
        return self.cls if obj.tzinfo is None else TimeTzBinaryDumper

    def upgrade(self, obj: time, format: PyFormat) -> Dumper:
        return self if obj.tzinfo is None else TimeTzBinaryDumper(TimeTzBinaryDumper)


class DatetimeNoTzBinaryDumper(Dumper):
    """`datetime` without a time zone to `timestamp`, binary."""

    oid = 1114
    format = Format.BINARY
    _native = "timestamp"

    def dump(self, obj: datetime) -> Buffer | None:
        return _dump("timestamp", 1, self, obj)


class DatetimeBinaryDumper(Dumper):
    """`datetime` to `timestamptz`, binary; to `timestamp` if it has no time zone."""

    oid = 1184
    format = Format.BINARY
    _native = "datetime"

    def dump(self, obj: datetime) -> Buffer | None:
        return _dump("datetime", 1, self, obj)

    def get_key(self, obj: datetime, format: PyFormat) -> DumperKey:
        return self.cls if obj.tzinfo is not None else DatetimeNoTzBinaryDumper

    def upgrade(self, obj: datetime, format: PyFormat) -> Dumper:
        return (
            self if obj.tzinfo is not None else DatetimeNoTzBinaryDumper(DatetimeNoTzBinaryDumper)
        )


class TimedeltaBinaryDumper(Dumper):
    """`timedelta` to `interval`, binary."""

    oid = 1186
    format = Format.BINARY
    _native = "interval"

    def dump(self, obj: timedelta) -> Buffer | None:
        return _dump("interval", 1, self, obj)


class DateLoader(Loader):
    """`date` to `date`, from text."""

    _native = "date"

    def load(self, data: Buffer) -> date:
        value: date = _load("date", 0, self, data)
        return value


class DateBinaryLoader(Loader):
    """`date` to `date`, binary."""

    format = Format.BINARY
    _native = "date"

    def load(self, data: Buffer) -> date:
        value: date = _load("date", 1, self, data)
        return value


class TimeLoader(Loader):
    """`time` to `time`, from text."""

    _native = "time"

    def load(self, data: Buffer) -> time:
        value: time = _load("time", 0, self, data)
        return value


class TimeBinaryLoader(Loader):
    """`time` to `time`, binary."""

    format = Format.BINARY
    _native = "time"

    def load(self, data: Buffer) -> time:
        value: time = _load("time", 1, self, data)
        return value


class TimetzLoader(Loader):
    """`timetz` to `time`, from text."""

    _native = "timetz"

    def load(self, data: Buffer) -> time:
        value: time = _load("timetz", 0, self, data)
        return value


class TimetzBinaryLoader(Loader):
    """`timetz` to `time`, binary."""

    format = Format.BINARY
    _native = "timetz"

    def load(self, data: Buffer) -> time:
        value: time = _load("timetz", 1, self, data)
        return value


class TimestampLoader(Loader):
    """`timestamp` to `datetime`, from text."""

    _native = "timestamp"

    def load(self, data: Buffer) -> datetime:
        value: datetime = _load("timestamp", 0, self, data)
        return value


class TimestampBinaryLoader(Loader):
    """`timestamp` to `datetime`, binary."""

    format = Format.BINARY
    _native = "timestamp"

    def load(self, data: Buffer) -> datetime:
        value: datetime = _load("timestamp", 1, self, data)
        return value


class TimestamptzLoader(Loader):
    """`timestamptz` to `datetime` in the time zone of the session, from text."""

    _native = "timestamptz"

    def load(self, data: Buffer) -> datetime:
        value: datetime = _load("timestamptz", 0, self, data)
        return value


class TimestamptzBinaryLoader(Loader):
    """`timestamptz` to `datetime` in the time zone of the session, binary."""

    format = Format.BINARY
    _native = "timestamptz"

    def load(self, data: Buffer) -> datetime:
        value: datetime = _load("timestamptz", 1, self, data)
        return value


class IntervalLoader(Loader):
    """`interval` to `timedelta`; a month counts as 30 days, a year as 365, from text."""

    _native = "interval"

    def load(self, data: Buffer) -> timedelta:
        value: timedelta = _load("interval", 0, self, data)
        return value


class IntervalBinaryLoader(Loader):
    """`interval` to `timedelta`; a month counts as 30 days, a year as 365, binary."""

    format = Format.BINARY
    _native = "interval"

    def load(self, data: Buffer) -> timedelta:
        value: timedelta = _load("interval", 1, self, data)
        return value


_LOADERS: tuple[tuple[str, type[Loader], type[Loader]], ...] = (
    ("date", DateLoader, DateBinaryLoader),
    ("time", TimeLoader, TimeBinaryLoader),
    ("timetz", TimetzLoader, TimetzBinaryLoader),
    ("timestamp", TimestampLoader, TimestampBinaryLoader),
    ("timestamptz", TimestamptzLoader, TimestamptzBinaryLoader),
    ("interval", IntervalLoader, IntervalBinaryLoader),
)


def register_out_of_range(
    context: AdaptContext | None = None, policy: OutOfRangePolicy = "raise"
) -> None:
    """Choose what becomes of dates, timestamps and intervals that Python cannot hold.

    It is about `date`, `timestamp`, `timestamptz` and `interval`, also as elements of arrays,
    bounds of ranges and fields of composites, in text and binary format.

    :param context: the connection, cursor or map to tell; every connection made from now on by
        default.
    :param policy: one of

        - `"raise"`: `DataError`, as psycopg does;
        - `"clamp"`: the first or the last value of Python's type that is nearest, as
          `datetime.date.max`;
        - `"infinity"`: for `infinity` and `-infinity` an :class:`ExtendedDate`,
          :class:`ExtendedTimestamp`, :class:`ExtendedTimestamptz` or :class:`ExtendedInterval` that
          is infinite; `DataError` for finite values;
        - `"lossless"`: the same for infinities, and an object of those classes with the exact value
          for finite values.

        With the last two, objects of those classes can be parameters.
    :raises ValueError: for another policy.
    """
    if policy not in ("raise", "clamp", "infinity", "lossless"):
        raise ValueError(
            f"bad policy: {policy!r}. It should be 'raise', 'clamp', 'infinity' or 'lossless'"
        )
    if context is None:
        from ..postgres import adapters
    else:
        adapters = context.adapters
    for name, *loaders in _LOADERS:
        if name in ("time", "timetz"):
            continue
        for loader in loaders:
            adapters.register_loader(name, _with_policy(loader, policy))
    if policy in ("infinity", "lossless"):
        for cls, text, binary in (
            (ExtendedDate, DateDumper, DateBinaryDumper),
            (ExtendedTimestamp, DatetimeDumper, DatetimeBinaryDumper),
            (ExtendedTimestamptz, DatetimeDumper, DatetimeBinaryDumper),
            (ExtendedInterval, TimedeltaDumper, TimedeltaBinaryDumper),
        ):
            adapters.register_dumper(cls, text)
            adapters.register_dumper(cls, binary)


def _with_policy(loader: type[Loader], policy: str) -> type[Loader]:
    """The loader that does with values that are out of range what the policy says."""
    if policy == "raise":
        return loader
    key = (loader, policy)
    if key not in _policy_loaders:
        members = {"__module__": __name__, "_native": vars(loader)["_native"]}
        members["_out_of_range"] = policy
        _policy_loaders[key] = type(f"{policy.title()}{loader.__name__}", (loader,), members)
    return _policy_loaders[key]


_policy_loaders: dict[tuple[type[Loader], str], type[Loader]] = {}


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    adapters = context.adapters

    for cls, text, binary in (
        ("datetime.date", DateDumper, DateBinaryDumper),
        ("datetime.time", TimeDumper, TimeBinaryDumper),
        ("datetime.datetime", DatetimeDumper, DatetimeBinaryDumper),
        ("datetime.timedelta", TimedeltaDumper, TimedeltaBinaryDumper),
    ):
        adapters.register_dumper(cls, text)
        adapters.register_dumper(cls, binary)
    others: tuple[type[Dumper], ...] = (
        TimeTzDumper,
        TimeTzBinaryDumper,
        DatetimeNoTzDumper,
        DatetimeNoTzBinaryDumper,
    )
    for dumper in others:
        adapters.register_dumper(None, dumper)

    for name, *loaders in _LOADERS:
        for loader in loaders:
            adapters.register_loader(name, loader)
