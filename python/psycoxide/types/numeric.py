"""Numbers: subclasses that say as which type of the database a number is to be sent.

By default an `int` becomes the smallest of `int2`, `int4`, `int8` and `numeric` that holds it, and
a `float` becomes a `float8`. See `Numeric Types
<https://www.postgresql.org/docs/current/datatype-numeric.html>`__.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _TypedInt(int):
    __slots__ = ()

    def __new__(cls, arg: int) -> Any:
        return super().__new__(cls, arg)

    def __str__(self) -> str:
        return int.__repr__(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int.__repr__(self)})"


class _TypedFloat(float):
    __slots__ = ()

    def __new__(cls, arg: float) -> Any:
        return super().__new__(cls, arg)

    def __str__(self) -> str:
        return float.__repr__(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({float.__repr__(self)})"


class Int2(_TypedInt):
    """An integer to be sent as `int2`: -32768 to 32767."""

    __slots__ = ()


class Int4(_TypedInt):
    """An integer to be sent as `int4`: of 32 bits."""

    __slots__ = ()


class Int8(_TypedInt):
    """An integer to be sent as `int8`: of 64 bits."""

    __slots__ = ()


class IntNumeric(_TypedInt):
    """An integer to be sent as `numeric`: of any size."""

    __slots__ = ()


class Float4(_TypedFloat):
    """A number to be sent as `float4`: of about 6 digits."""

    __slots__ = ()


class Float8(_TypedFloat):
    """A number to be sent as `float8`: of about 15 digits."""

    __slots__ = ()


class Oid(_TypedInt):
    """An integer to be sent as `oid`: unsigned, of 32 bits."""

    __slots__ = ()
