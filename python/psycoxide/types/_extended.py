"""Dates, timestamps and intervals as far as the server's reach, which is further than Python's.

PostgreSQL's dates go from 4713 BC to the year 5874897, its timestamps to 294276, and both know
infinity; so do intervals since PostgreSQL 17. Objects of these classes hold any of that exactly.
They are made where :func:`psycoxide.types.datetime.register_out_of_range` asks for them, compare
with the values that Python can hold, and can be sent back as parameters.

The classes are public in :mod:`psycoxide.types.datetime`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from math import inf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, TypeVar

    E = TypeVar("E", bound="Extended")

#: The calendar repeats itself after so many years, and days.
_YEARS = 400
_DAYS = 146_097
#: Where the server's numbers begin.
_EPOCH = date(2000, 1, 1).toordinal()
_MICROSECONDS = 86_400_000_000


class Extended:
    """The base of the classes: a place on a line of integers with an infinity at both ends."""

    __slots__ = ("_value",)
    __module__ = "psycoxide.types.datetime"

    INFINITY: ClassVar[Any]
    NEGATIVE_INFINITY: ClassVar[Any]

    _value: int | float

    @classmethod
    def _of(cls: type[E], value: int | float) -> E:
        """The object for the server's number, or for one of the infinities of `float`."""
        self = cls.__new__(cls)
        self._value = value
        return self

    @staticmethod
    def _place(obj: object) -> int | float | None:
        """Where an object is that this one can be compared with; `None` for any other."""
        raise NotImplementedError

    @property
    def is_infinite(self) -> bool:
        """Whether it is one of the two infinities."""
        return self._value in (inf, -inf)

    def __eq__(self, other: object) -> bool:
        place = self._place(other)
        return NotImplemented if place is None else self._value == place

    def __lt__(self, other: object) -> bool:
        place = self._place(other)
        return NotImplemented if place is None else self._value < place

    def __le__(self, other: object) -> bool:
        place = self._place(other)
        return NotImplemented if place is None else self._value <= place

    def __gt__(self, other: object) -> bool:
        place = self._place(other)
        return NotImplemented if place is None else self._value > place

    def __ge__(self, other: object) -> bool:
        place = self._place(other)
        return NotImplemented if place is None else self._value >= place

    def __hash__(self) -> int:
        if isinstance(self._value, float):
            return hash(self._value)
        try:
            return hash(self._python(self._value))
        except (ValueError, OverflowError):
            return hash(self._value)

    def _python(self, value: int) -> Any:
        """What Python has for it, which has the same hash; `ValueError` if it has nothing."""
        raise NotImplementedError

    def __str__(self) -> str:
        value = self._value
        if isinstance(value, float):
            return "infinity" if value > 0 else "-infinity"
        return self._text(value)

    def _text(self, value: int) -> str:
        """A finite value as the server writes it."""
        raise NotImplementedError

    def __repr__(self) -> str:
        name = type(self).__name__
        if self.is_infinite:
            return f"{name}.{'' if self._value > 0 else 'NEGATIVE_'}INFINITY"
        return f"{name}({', '.join(map(repr, self._arguments()))})"

    def _arguments(self) -> tuple[int, ...]:
        """What a finite object can be constructed with."""
        raise NotImplementedError

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._of, (self._value,)


def _fields(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day counted as the server does."""
    cycles, rest = divmod(days + _EPOCH - 1, _DAYS)
    found = date.fromordinal(rest + 1)
    return found.year + cycles * _YEARS, found.month, found.day


def _days(year: int, month: int, day: int) -> int:
    cycles, rest = divmod(year - 1, _YEARS)
    return date(rest + 1, month, day).toordinal() + cycles * _DAYS - _EPOCH


def _written(year: int, month: int, day: int, rest: str = "") -> str:
    era = ""
    if year <= 0:
        year, era = 1 - year, " BC"
    return f"{year:04}-{month:02}-{day:02}{rest}{era}"


class _Calendar(Extended):
    """What has a year."""

    __slots__ = ()

    def _parts(self) -> tuple[int, ...]:
        if isinstance(self._value, float):
            raise AttributeError(f"{self} has no year, month or day")
        return self._arguments()

    @property
    def year(self) -> int:
        """The year: 0 is 1 BC, -1 is 2 BC, as in ISO 8601."""
        return self._parts()[0]

    @property
    def month(self) -> int:
        """The month, 1 to 12."""
        return self._parts()[1]

    @property
    def day(self) -> int:
        """The day of the month, from 1."""
        return self._parts()[2]


class ExtendedDate(_Calendar):
    """A `date` of the server, exactly.

    It compares with :class:`datetime.date`, is printed as the server writes it (`0044-03-15 BC`),
    and is sent as `date`.

    :param year: 0 is 1 BC, -1 is 2 BC, as in ISO 8601.
    :raises ValueError: if there is no such day.
    """

    __slots__ = ()
    __module__ = "psycoxide.types.datetime"

    INFINITY: ClassVar[ExtendedDate]
    NEGATIVE_INFINITY: ClassVar[ExtendedDate]

    def __init__(self, year: int, month: int, day: int):
        self._value = _days(year, month, day)

    @staticmethod
    def _place(obj: object) -> int | float | None:
        if isinstance(obj, ExtendedDate):
            return obj._value
        if isinstance(obj, date) and not isinstance(obj, datetime):
            return obj.toordinal() - _EPOCH
        return None

    def _python(self, value: int) -> date:
        return date.fromordinal(value + _EPOCH)

    def _arguments(self) -> tuple[int, ...]:
        return _fields(int(self._value))

    def _text(self, value: int) -> str:
        return _written(*_fields(value))


class _Moment(_Calendar):
    """A timestamp: microseconds since the server's epoch."""

    __slots__ = ()

    def __init__(
        self,
        year: int,
        month: int,
        day: int,
        hour: int = 0,
        minute: int = 0,
        second: int = 0,
        microsecond: int = 0,
    ):
        in_day = datetime(2000, 1, 1, hour, minute, second, microsecond) - datetime(2000, 1, 1)
        self._value = _days(year, month, day) * _MICROSECONDS + in_day // timedelta(microseconds=1)

    def _arguments(self) -> tuple[int, ...]:
        days, micros = divmod(int(self._value), _MICROSECONDS)
        seconds, micros = divmod(micros, 1_000_000)
        return *_fields(days), seconds // 3600, seconds // 60 % 60, seconds % 60, micros

    def _text(self, value: int) -> str:
        year, month, day, hour, minute, second, micros = self._arguments()
        time = f" {hour:02}:{minute:02}:{second:02}"
        if micros:
            time += f".{micros:06}".rstrip("0")
        return _written(year, month, day, time + self._zone)

    _zone: ClassVar[str] = ""

    @property
    def hour(self) -> int:
        """The hour, 0 to 23."""
        return self._parts()[3]

    @property
    def minute(self) -> int:
        """The minute, 0 to 59."""
        return self._parts()[4]

    @property
    def second(self) -> int:
        """The second, 0 to 59."""
        return self._parts()[5]

    @property
    def microsecond(self) -> int:
        """The microsecond, 0 to 999,999."""
        return self._parts()[6]


class ExtendedTimestamp(_Moment):
    """A `timestamp` of the server, exactly.

    It compares with a :class:`datetime.datetime` without a time zone, is printed as the server
    writes it, and is sent as `timestamp`.

    :param year: 0 is 1 BC, -1 is 2 BC, as in ISO 8601.
    :raises ValueError: if there is no such day or time.
    """

    __slots__ = ()
    __module__ = "psycoxide.types.datetime"

    INFINITY: ClassVar[ExtendedTimestamp]
    NEGATIVE_INFINITY: ClassVar[ExtendedTimestamp]

    #: It has no time zone.
    tzinfo: ClassVar[None] = None

    @staticmethod
    def _place(obj: object) -> int | float | None:
        if isinstance(obj, ExtendedTimestamp):
            return obj._value
        if isinstance(obj, datetime) and obj.utcoffset() is None:
            since = obj.replace(tzinfo=None) - datetime(2000, 1, 1)
            return since // timedelta(microseconds=1)
        return None

    def _python(self, value: int) -> datetime:
        return datetime(2000, 1, 1) + timedelta(microseconds=value)


class ExtendedTimestamptz(_Moment):
    """A `timestamptz` of the server, exactly, in UTC.

    It compares with a :class:`datetime.datetime` that has a time zone, is printed as the server
    writes it when the session's time zone is UTC, and is sent as `timestamptz`.

    :param year: 0 is 1 BC, -1 is 2 BC, as in ISO 8601.
    :raises ValueError: if there is no such day or time.
    """

    __slots__ = ()
    __module__ = "psycoxide.types.datetime"

    INFINITY: ClassVar[ExtendedTimestamptz]
    NEGATIVE_INFINITY: ClassVar[ExtendedTimestamptz]

    #: The time zone of the fields.
    tzinfo: ClassVar[timezone] = timezone.utc
    _zone = "+00"

    @staticmethod
    def _place(obj: object) -> int | float | None:
        if isinstance(obj, ExtendedTimestamptz):
            return obj._value
        if isinstance(obj, datetime) and obj.utcoffset() is not None:
            since = obj - datetime(2000, 1, 1, tzinfo=timezone.utc)
            return since // timedelta(microseconds=1)
        return None

    def _python(self, value: int) -> datetime:
        return datetime(2000, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=value)


class ExtendedInterval(Extended):
    """An `interval` of the server, exactly: its months, days and microseconds are kept apart.

    It compares with :class:`datetime.timedelta`, and with others of its class, by its length as
    intervals are loaded: a year has 365 days, any other month 30. It is sent as `interval`.
    """

    __slots__ = ("days", "microseconds", "months")
    __module__ = "psycoxide.types.datetime"

    INFINITY: ClassVar[ExtendedInterval]
    NEGATIVE_INFINITY: ClassVar[ExtendedInterval]

    #: The parts; all 0 in an infinity.
    months: int
    days: int
    microseconds: int

    def __init__(self, months: int = 0, days: int = 0, microseconds: int = 0):
        self.months = months
        self.days = days
        self.microseconds = microseconds
        # As the loader counts, which rounds years towards zero.
        years = abs(months) // 12 * (1 if months >= 0 else -1)
        length = years * 365 + (months - years * 12) * 30 + days
        self._value = length * _MICROSECONDS + microseconds

    @classmethod
    def _of(cls, value: int | float) -> ExtendedInterval:
        self = cls(0, 0, 0)
        self._value = value
        return self

    @staticmethod
    def _place(obj: object) -> int | float | None:
        if isinstance(obj, ExtendedInterval):
            return obj._value
        if isinstance(obj, timedelta):
            return obj // timedelta(microseconds=1)
        return None

    __hash__ = Extended.__hash__

    def _python(self, value: int) -> timedelta:
        return timedelta(microseconds=value)

    def _arguments(self) -> tuple[int, ...]:
        return self.months, self.days, self.microseconds

    def _text(self, value: int) -> str:
        sign = "-" if self.microseconds < 0 else ""
        seconds, micros = divmod(abs(self.microseconds), 1_000_000)
        time = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        if micros:
            time += f".{micros:06}".rstrip("0")
        return f"{self.months} mons {self.days} days {time}"

    def __reduce__(self) -> tuple[Any, ...]:
        if self.is_infinite:
            return type(self)._of, (self._value,)
        return type(self), self._arguments()


for _cls in (ExtendedDate, ExtendedTimestamp, ExtendedTimestamptz, ExtendedInterval):
    _cls.INFINITY = _cls._of(inf)
    _cls.NEGATIVE_INFINITY = _cls._of(-inf)
