"""Enumerations of the package that are not libpq's."""

from __future__ import annotations

from enum import Enum, IntEnum

from .pq._enums import Format


class PyFormat(str, Enum):
    """The format that a placeholder asks for: its value is the placeholder's letter."""

    __module__ = "psycoxide.adapt"

    AUTO = "s"
    """`%s`: whichever suits the value."""
    TEXT = "t"
    """`%t`: text."""
    BINARY = "b"
    """`%b`: binary."""

    @classmethod
    def from_pq(cls, fmt: Format) -> PyFormat:
        """The placeholder that asks for a wire format."""
        return _FROM_PQ[fmt]

    @classmethod
    def as_pq(cls, fmt: PyFormat) -> Format:
        """The wire format of a placeholder.

        :raises KeyError: for :attr:`AUTO`, which the value decides.
        """
        return _AS_PQ[fmt]


_FROM_PQ = {Format.TEXT: PyFormat.TEXT, Format.BINARY: PyFormat.BINARY}
_AS_PQ = {PyFormat.TEXT: Format.TEXT, PyFormat.BINARY: Format.BINARY}


class IsolationLevel(IntEnum):
    """How much a transaction sees of others, see :attr:`Connection.isolation_level`.

    See `Transaction Isolation <https://www.postgresql.org/docs/current/transaction-iso.html>`__.
    """

    __module__ = "psycoxide"

    READ_UNCOMMITTED = 1
    """:sql:`READ UNCOMMITTED`: for PostgreSQL the same as :attr:`READ_COMMITTED`."""
    READ_COMMITTED = 2
    """:sql:`READ COMMITTED`: each statement sees what was committed before it began."""
    REPEATABLE_READ = 3
    """:sql:`REPEATABLE READ`: all statements see the same snapshot."""
    SERIALIZABLE = 4
    """:sql:`SERIALIZABLE`: as if the transactions ran one after another."""


class Wait(IntEnum):
    """What a connection waits for: the bits of `selectors`."""

    __module__ = "psycoxide.waiting"

    R = 1
    """That it can read."""
    W = 2
    """That it can write."""
    RW = 3
    """That it can do either."""


class Ready(IntEnum):
    """What came of waiting."""

    __module__ = "psycoxide.waiting"

    NONE = 0
    """Nothing: the time is up."""
    R = 1
    """It can read."""
    W = 2
    """It can write."""
    RW = 3
    """It can do both."""
