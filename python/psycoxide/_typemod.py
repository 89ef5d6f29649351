"""What the type modifier of a column means: `10,2` in `numeric(10,2)`.

The server sends it as one number (`atttypmod`), packed by each type in its own way; -1 is none.
See `RowDescription <https://www.postgresql.org/docs/current/protocol-message-formats.html>`__ and
`pg_attribute <https://www.postgresql.org/docs/current/catalog-pg-attribute.html>`__.
"""

from __future__ import annotations

#: Types with a length count the header of a stored value in.
_HEADER_SIZE = 4


class TypeModifier:
    """The modifiers of a type that has none; the base of the others.

    :param oid: the type's OID.
    """

    def __init__(self, oid: int):
        self.oid = oid

    def get_modifier(self, typemod: int) -> tuple[int, ...] | None:
        """The numbers between the parentheses; `None` if there are none."""
        return None

    def get_display_size(self, typemod: int) -> int | None:
        """The length in characters (or bits), for types that have one."""
        return None

    def get_precision(self, typemod: int) -> int | None:
        """The number of digits; of digits of the second, for times."""
        return None

    def get_scale(self, typemod: int) -> int | None:
        """The number of digits after the point."""
        return None


class NumericTypeModifier(TypeModifier):
    """`numeric(precision, scale)`."""

    def get_modifier(self, typemod: int) -> tuple[int, ...] | None:
        precision, scale = self.get_precision(typemod), self.get_scale(typemod)
        return None if precision is None or scale is None else (precision, scale)

    def get_precision(self, typemod: int) -> int | None:
        return None if typemod < _HEADER_SIZE else (typemod - _HEADER_SIZE) >> 16 & 0xFFFF

    def get_scale(self, typemod: int) -> int | None:
        if typemod < _HEADER_SIZE:
            return None
        # Eleven bits, signed: a negative scale rounds before the point.
        scale = (typemod - _HEADER_SIZE) & 0x7FF
        return scale - 0x800 if scale & 0x400 else scale


class CharTypeModifier(TypeModifier):
    """`varchar(length)`, `char(length)`."""

    def get_modifier(self, typemod: int) -> tuple[int, ...] | None:
        size = self.get_display_size(typemod)
        return None if size is None else (size,)

    def get_display_size(self, typemod: int) -> int | None:
        return None if typemod < _HEADER_SIZE else typemod - _HEADER_SIZE


class BitTypeModifier(TypeModifier):
    """`bit(length)`, `varbit(length)`."""

    def get_modifier(self, typemod: int) -> tuple[int, ...] | None:
        size = self.get_display_size(typemod)
        return None if size is None else (size,)

    def get_display_size(self, typemod: int) -> int | None:
        return None if typemod < 0 else typemod


class TimeTypeModifier(TypeModifier):
    """`time(precision)`, `timestamptz(precision)` and their like."""

    def get_modifier(self, typemod: int) -> tuple[int, ...] | None:
        precision = self.get_precision(typemod)
        return None if precision is None else (precision,)

    def get_precision(self, typemod: int) -> int | None:
        return None if typemod < 0 else typemod


class IntervalTypeModifier(TimeTypeModifier):
    """`interval(precision)`; which fields are kept stands in the upper half."""

    def get_precision(self, typemod: int) -> int | None:
        if typemod < 0 or typemod & 0xFFFF == 0xFFFF:
            return None
        return typemod & 0xFFFF
