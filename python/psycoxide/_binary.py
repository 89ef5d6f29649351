"""The dumpers of :class:`psycoxide.dbapi20.Binary`, loaded when somebody asks for them."""

from __future__ import annotations

from .dbapi20 import Binary
from .types.string import BytesBinaryDumper, BytesDumper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .abc import Buffer


class BinaryTextDumper(BytesDumper):
    """:class:`Binary` to `bytea`, as text."""

    __module__ = "psycoxide.dbapi20"
    _native = "binary"

    def dump(self, obj: Binary | Buffer) -> Buffer | None:
        return super().dump(obj.obj if isinstance(obj, Binary) else obj)


class BinaryBinaryDumper(BytesBinaryDumper):
    """:class:`Binary` to `bytea`, binary."""

    __module__ = "psycoxide.dbapi20"
    _native = "binary"

    def dump(self, obj: Binary | Buffer) -> Buffer | None:
        return super().dump(obj.obj if isinstance(obj, Binary) else obj)
