"""Numpy's scalars, as the numbers of the database that hold them.

Numpy is not imported here: the adapters wait for its values.
"""

from __future__ import annotations

from .._core import _dump
from ..adapt import Dumper
from ..pq._enums import Format
from .bool import BoolBinaryDumper, BoolDumper
from .numeric import (
    Float4BinaryDumper,
    Float4Dumper,
    FloatBinaryDumper,
    FloatDumper,
    _IntDumper,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..abc import AdaptContext, Buffer


class NPInt16Dumper(_IntDumper):
    """Integers of numpy to `int2`, as text."""

    oid = 21
    _native = "int2"

    def dump(self, obj: Any) -> Buffer | None:
        return _dump("int2", 0, self, obj)


class NPInt16BinaryDumper(NPInt16Dumper):
    """Integers of numpy to `int2`, binary."""

    format = Format.BINARY
    _native = "int2"

    def dump(self, obj: Any) -> Buffer | None:
        return _dump("int2", 1, self, obj)


class NPInt32Dumper(_IntDumper):
    """Integers of numpy to `int4`, as text."""

    oid = 23
    _native = "int4"

    def dump(self, obj: Any) -> Buffer | None:
        return _dump("int4", 0, self, obj)


class NPInt32BinaryDumper(NPInt32Dumper):
    """Integers of numpy to `int4`, binary."""

    format = Format.BINARY
    _native = "int4"

    def dump(self, obj: Any) -> Buffer | None:
        return _dump("int4", 1, self, obj)


class NPInt64Dumper(_IntDumper):
    """Integers of numpy to `int8`, as text."""

    oid = 20
    _native = "int8"

    def dump(self, obj: Any) -> Buffer | None:
        return _dump("int8", 0, self, obj)


class NPInt64BinaryDumper(NPInt64Dumper):
    """Integers of numpy to `int8`, binary."""

    format = Format.BINARY
    _native = "int8"

    def dump(self, obj: Any) -> Buffer | None:
        return _dump("int8", 1, self, obj)


class NPNumericDumper(_IntDumper):
    """Integers of numpy to `numeric`, as text."""

    oid = 1700
    _native = "int_numeric"

    def dump(self, obj: Any) -> Buffer | None:
        return _dump("int_numeric", 0, self, obj)


class NPNumericBinaryDumper(NPNumericDumper):
    """Integers of numpy to `numeric`, binary."""

    format = Format.BINARY
    _native = "int_numeric"

    def dump(self, obj: Any) -> Buffer | None:
        return _dump("int_numeric", 1, self, obj)


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    dumpers: tuple[tuple[str, type[Dumper], type[Dumper]], ...] = (
        ("int8", NPInt16Dumper, NPInt16BinaryDumper),
        ("int16", NPInt16Dumper, NPInt16BinaryDumper),
        ("int32", NPInt32Dumper, NPInt32BinaryDumper),
        ("int64", NPInt64Dumper, NPInt64BinaryDumper),
        ("longlong", NPInt64Dumper, NPInt64BinaryDumper),
        # The name until numpy 1, and from numpy 2.
        ("bool_", BoolDumper, BoolBinaryDumper),
        ("bool", BoolDumper, BoolBinaryDumper),
        # An unsigned number needs the next larger type.
        ("uint8", NPInt16Dumper, NPInt16BinaryDumper),
        ("uint16", NPInt32Dumper, NPInt32BinaryDumper),
        ("uint32", NPInt64Dumper, NPInt64BinaryDumper),
        ("uint64", NPNumericDumper, NPNumericBinaryDumper),
        ("ulonglong", NPNumericDumper, NPNumericBinaryDumper),
        ("float16", Float4Dumper, Float4BinaryDumper),
        ("float32", Float4Dumper, Float4BinaryDumper),
        ("float64", FloatDumper, FloatBinaryDumper),
    )
    for name, text, binary in dumpers:
        context.adapters.register_dumper(f"numpy.{name}", text)
        context.adapters.register_dumper(f"numpy.{name}", binary)
