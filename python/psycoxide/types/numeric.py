"""Numbers: subclasses that say as which type of the database a number is to be sent.

By default an `int` becomes the smallest of `int2`, `int4`, `int8` and `numeric` that holds it, and
a `float` becomes a `float8`. See `Numeric Types
<https://www.postgresql.org/docs/current/datatype-numeric.html>`__.
"""

from __future__ import annotations

from .._core import _dump, _load
from ..adapt import Dumper, Loader, PyFormat
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from decimal import Decimal
    from typing import Any, ClassVar

    from ..abc import AdaptContext, Buffer, DumperKey


def __getattr__(name: str) -> object:
    # psycopg's module has this name, too; decimal is not imported before it is needed.
    if name == "Decimal":
        from decimal import Decimal

        return Decimal
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Int2(int):
    """An integer to be sent as `int2`: -32768 to 32767."""

    __slots__ = ()

    def __new__(cls, arg: int) -> Int2:
        return super().__new__(cls, arg)

    def __str__(self) -> str:
        return super().__repr__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"


class Int4(int):
    """An integer to be sent as `int4`: of 32 bits."""

    __slots__ = ()

    def __new__(cls, arg: int) -> Int4:
        return super().__new__(cls, arg)

    def __str__(self) -> str:
        return super().__repr__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"


class Int8(int):
    """An integer to be sent as `int8`: of 64 bits."""

    __slots__ = ()

    def __new__(cls, arg: int) -> Int8:
        return super().__new__(cls, arg)

    def __str__(self) -> str:
        return super().__repr__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"


class IntNumeric(int):
    """An integer to be sent as `numeric`: of any size."""

    __slots__ = ()

    def __new__(cls, arg: int) -> IntNumeric:
        return super().__new__(cls, arg)

    def __str__(self) -> str:
        return super().__repr__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"


class Float4(float):
    """A number to be sent as `float4`: of about 6 digits."""

    __slots__ = ()

    def __new__(cls, arg: float) -> Float4:
        return super().__new__(cls, arg)

    def __str__(self) -> str:
        return super().__repr__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"


class Float8(float):
    """A number to be sent as `float8`: of about 15 digits."""

    __slots__ = ()

    def __new__(cls, arg: float) -> Float8:
        return super().__new__(cls, arg)

    def __str__(self) -> str:
        return super().__repr__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"


class Oid(int):
    """An integer to be sent as `oid`: unsigned, of 32 bits."""

    __slots__ = ()

    def __new__(cls, arg: int) -> Oid:
        return super().__new__(cls, arg)

    def __str__(self) -> str:
        return super().__repr__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({super().__repr__()})"


class _IntDumper(Dumper):
    """The base of the dumpers of integers."""

    def quote(self, obj: int) -> Buffer:
        return _apart(self.dump(obj))


class Int2Dumper(_IntDumper):
    """`int` to `int2`, as text."""

    oid = 21
    _native = "int2"

    def dump(self, obj: int) -> Buffer | None:
        return _dump("int2", 0, self, obj)


class Int4Dumper(_IntDumper):
    """`int` to `int4`, as text."""

    oid = 23
    _native = "int4"

    def dump(self, obj: int) -> Buffer | None:
        return _dump("int4", 0, self, obj)


class Int8Dumper(_IntDumper):
    """`int` to `int8`, as text."""

    oid = 20
    _native = "int8"

    def dump(self, obj: int) -> Buffer | None:
        return _dump("int8", 0, self, obj)


class IntNumericDumper(_IntDumper):
    """`int` to `numeric`, as text."""

    oid = 1700
    _native = "int_numeric"

    def dump(self, obj: int) -> Buffer | None:
        return _dump("int_numeric", 0, self, obj)


class OidDumper(_IntDumper):
    """`int` to `oid`, as text."""

    oid = 26
    _native = "oid"

    def dump(self, obj: int) -> Buffer | None:
        return _dump("oid", 0, self, obj)


class Int2BinaryDumper(Int2Dumper):
    """`int` to `int2`, binary."""

    format = Format.BINARY
    _native = "int2"

    def dump(self, obj: int) -> Buffer | None:
        return _dump("int2", 1, self, obj)


class Int4BinaryDumper(Int4Dumper):
    """`int` to `int4`, binary."""

    format = Format.BINARY
    _native = "int4"

    def dump(self, obj: int) -> Buffer | None:
        return _dump("int4", 1, self, obj)


class Int8BinaryDumper(Int8Dumper):
    """`int` to `int8`, binary."""

    format = Format.BINARY
    _native = "int8"

    def dump(self, obj: int) -> Buffer | None:
        return _dump("int8", 1, self, obj)


class IntNumericBinaryDumper(IntNumericDumper):
    """`int` to `numeric`, binary."""

    format = Format.BINARY
    _native = "int_numeric"

    def dump(self, obj: int) -> Buffer | None:
        return _dump("int_numeric", 1, self, obj)


class OidBinaryDumper(OidDumper):
    """`int` to `oid`, binary."""

    format = Format.BINARY
    _native = "oid"

    def dump(self, obj: int) -> Buffer | None:
        return _dump("oid", 1, self, obj)


class IntDumper(Dumper):
    """`int`, as text: chooses the smallest type that holds the number."""

    _native = "int"

    def dump(self, obj: int) -> Buffer | None:
        """Not to be called: see :meth:`upgrade`."""
        raise TypeError(
            f"{type(self).__name__} is a dispatcher to other dumpers:"
            " dump() is not supposed to be called"
        )

    def get_key(self, obj: int, format: PyFormat) -> DumperKey:
        return self._choose(obj)

    def upgrade(self, obj: int, format: PyFormat) -> Dumper:
        cls = self._choose(obj)
        return self._dumpers()[cls](cls)

    @staticmethod
    def _choose(obj: int) -> type:
        if -(2**31) <= obj < 2**31:
            return Int2 if -(2**15) <= obj < 2**15 else Int4
        return Int8 if -(2**63) <= obj < 2**63 else IntNumeric

    def _dumpers(self) -> dict[type, type[Dumper]]:
        return {Int2: Int2Dumper, Int4: Int4Dumper, Int8: Int8Dumper, IntNumeric: IntNumericDumper}


class IntBinaryDumper(IntDumper):
    """`int`, binary: chooses the smallest type that holds the number."""

    format = Format.BINARY
    _native = "int"

    def _dumpers(self) -> dict[type, type[Dumper]]:
        return {
            Int2: Int2BinaryDumper,
            Int4: Int4BinaryDumper,
            Int8: Int8BinaryDumper,
            IntNumeric: IntNumericBinaryDumper,
        }


class _SpecialValuesDumper(Dumper):
    """The base of the dumpers of numbers that know NaN and infinity."""

    _special: ClassVar[dict[bytes, bytes]] = {
        b"nan": b"NaN",
        b"inf": b"Infinity",
        b"-inf": b"-Infinity",
    }
    _type_name = b"float8"

    def quote(self, obj: Any) -> Buffer:
        text = bytes(self.dump(obj) or b"NULL")
        if text[-1:].isdigit():
            return _apart(text)
        return b"'%b'::%b" % (self._special.get(text, text), self._type_name)


class FloatDumper(_SpecialValuesDumper):
    """`float` to `float8`, as text."""

    oid = 701
    _native = "float8"

    def dump(self, obj: float) -> Buffer | None:
        return _dump("float8", 0, self, obj)


class Float4Dumper(FloatDumper):
    """`float` to `float4`, as text."""

    oid = 700
    _native = "float4"
    _type_name = b"float4"

    def dump(self, obj: float) -> Buffer | None:
        return _dump("float4", 0, self, obj)


class FloatBinaryDumper(Dumper):
    """`float` to `float8`, binary."""

    oid = 701
    format = Format.BINARY
    _native = "float8"

    def dump(self, obj: float) -> Buffer | None:
        return _dump("float8", 1, self, obj)


class Float4BinaryDumper(FloatBinaryDumper):
    """`float` to `float4`, binary."""

    oid = 700
    format = Format.BINARY
    _native = "float4"

    def dump(self, obj: float) -> Buffer | None:
        return _dump("float4", 1, self, obj)


class DecimalDumper(_SpecialValuesDumper):
    """`Decimal` to `numeric`, as text."""

    oid = 1700
    _native = "decimal"
    _type_name = b"numeric"

    def dump(self, obj: Decimal) -> Buffer | None:
        return _dump("decimal", 0, self, obj)


class DecimalBinaryDumper(Dumper):
    """`Decimal` to `numeric`, binary."""

    oid = 1700
    format = Format.BINARY
    _native = "decimal"

    def dump(self, obj: Decimal) -> Buffer | None:
        return _dump("decimal", 1, self, obj)


class _NumberClasses:
    """The classes that are integers for :class:`NumericDumper`, numpy's too if it is imported."""

    def __get__(self, instance: object, owner: type) -> tuple[type, ...]:
        import sys

        numpy = sys.modules.get("numpy")
        return (int,) if numpy is None else (int, numpy.integer)


class NumericDumper(DecimalDumper):
    """`Decimal` or `int` to `numeric`, as text."""

    _native = "numeric"
    int_classes: ClassVar[Any] = _NumberClasses()

    def dump(self, obj: Decimal | int) -> Buffer | None:
        return _dump("numeric", 0, self, obj)


class NumericBinaryDumper(Dumper):
    """`Decimal` or `int` to `numeric`, binary."""

    oid = 1700
    format = Format.BINARY
    _native = "numeric"
    int_classes: ClassVar[Any] = _NumberClasses()

    def dump(self, obj: Decimal | int) -> Buffer | None:
        return _dump("numeric", 1, self, obj)


class IntLoader(Loader):
    """`int2`, `int4`, `int8` and `oid` to `int`, from text."""

    _native = "integer"

    def load(self, data: Buffer) -> int:
        value: int = _load("integer", 0, self, data)
        return value


class Int2BinaryLoader(Loader):
    """`int2` to `int`, binary."""

    format = Format.BINARY
    _native = "int2"

    def load(self, data: Buffer) -> int:
        value: int = _load("int2", 1, self, data)
        return value


class Int4BinaryLoader(Loader):
    """`int4` to `int`, binary."""

    format = Format.BINARY
    _native = "int4"

    def load(self, data: Buffer) -> int:
        value: int = _load("int4", 1, self, data)
        return value


class Int8BinaryLoader(Loader):
    """`int8` to `int`, binary."""

    format = Format.BINARY
    _native = "int8"

    def load(self, data: Buffer) -> int:
        value: int = _load("int8", 1, self, data)
        return value


class OidBinaryLoader(Loader):
    """`oid` to `int`, binary."""

    format = Format.BINARY
    _native = "oid"

    def load(self, data: Buffer) -> int:
        value: int = _load("oid", 1, self, data)
        return value


class FloatLoader(Loader):
    """`float4` and `float8` to `float`, from text."""

    _native = "float"

    def load(self, data: Buffer) -> float:
        value: float = _load("float", 0, self, data)
        return value


class Float4BinaryLoader(Loader):
    """`float4` to `float`, binary."""

    format = Format.BINARY
    _native = "float4"

    def load(self, data: Buffer) -> float:
        value: float = _load("float4", 1, self, data)
        return value


class Float8BinaryLoader(Loader):
    """`float8` to `float`, binary."""

    format = Format.BINARY
    _native = "float8"

    def load(self, data: Buffer) -> float:
        value: float = _load("float8", 1, self, data)
        return value


class NumericLoader(Loader):
    """`numeric` to `Decimal`, from text."""

    _native = "numeric"

    def load(self, data: Buffer) -> Decimal:
        value: Decimal = _load("numeric", 0, self, data)
        return value


class NumericBinaryLoader(Loader):
    """`numeric` to `Decimal`, binary."""

    format = Format.BINARY
    _native = "numeric"

    def load(self, data: Buffer) -> Decimal:
        value: Decimal = _load("numeric", 1, self, data)
        return value


def dump_decimal_to_text(obj: Decimal) -> bytes:
    """A `Decimal` as the text of a `numeric`."""
    return bytes(DecimalDumper(type(obj)).dump(obj) or b"")


def dump_decimal_to_numeric_binary(obj: Decimal) -> bytearray | bytes:
    """A `Decimal` as a binary `numeric`."""
    return bytes(DecimalBinaryDumper(type(obj)).dump(obj) or b"")


def dump_int_to_numeric_binary(obj: int) -> bytearray:
    """An `int` as a binary `numeric`."""
    return bytearray(IntNumericBinaryDumper(type(obj)).dump(obj) or b"")


def _apart(value: Buffer | None) -> bytes:
    """A number as a literal: a minus after another one would begin a comment."""
    text = b"NULL" if value is None else bytes(value)
    return b" " + text if text.startswith(b"-") else text


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    adapters = context.adapters

    for dumper in (OidDumper, Int2Dumper, Int4Dumper, Int8Dumper, Float4Dumper, FloatDumper):
        adapters.register_dumper(None, dumper)
    for cls, text, binary in (
        (int, IntDumper, IntBinaryDumper),
        (float, FloatDumper, FloatBinaryDumper),
        (Int2, Int2Dumper, Int2BinaryDumper),
        (Int4, Int4Dumper, Int4BinaryDumper),
        (Int8, Int8Dumper, Int8BinaryDumper),
        (Oid, OidDumper, OidBinaryDumper),
        (Float4, Float4Dumper, Float4BinaryDumper),
        (Float8, FloatDumper, FloatBinaryDumper),
    ):
        adapters.register_dumper(cls, text)
        adapters.register_dumper(cls, binary)
    # Automatically as text: exact, and no longer than binary.
    adapters.register_dumper(IntNumeric, IntNumericDumper)
    adapters.register_dumper("decimal.Decimal", DecimalBinaryDumper)
    adapters.register_dumper("decimal.Decimal", DecimalDumper)
    # By OID both kinds of numbers may come.
    adapters.register_dumper(None, NumericBinaryDumper)
    adapters.register_dumper(None, NumericDumper)

    for name in ("int2", "int4", "int8", "oid"):
        adapters.register_loader(name, IntLoader)
    adapters.register_loader("int2", Int2BinaryLoader)
    adapters.register_loader("int4", Int4BinaryLoader)
    adapters.register_loader("int8", Int8BinaryLoader)
    adapters.register_loader("oid", OidBinaryLoader)
    adapters.register_loader("float4", FloatLoader)
    adapters.register_loader("float8", FloatLoader)
    adapters.register_loader("float4", Float4BinaryLoader)
    adapters.register_loader("float8", Float8BinaryLoader)
    adapters.register_loader("numeric", NumericLoader)
    adapters.register_loader("numeric", NumericBinaryLoader)
