"""Strings and binary data.

See `Character Types <https://www.postgresql.org/docs/current/datatype-character.html>`__ and
`Binary Data Types <https://www.postgresql.org/docs/current/datatype-binary.html>`__.
"""

from __future__ import annotations

from .._core import _dump, _load
from ..adapt import Dumper, Loader
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..abc import AdaptContext, Buffer


class StrBinaryDumper(Dumper):
    """`str` to `text`, binary."""

    oid = 25
    format = Format.BINARY
    _native = "str"

    def dump(self, obj: str) -> Buffer | None:
        return _dump("str", 1, self, obj)


class StrBinaryDumperVarchar(Dumper):
    """`str` to `varchar`, binary."""

    oid = 1043
    format = Format.BINARY
    _native = "str"

    def dump(self, obj: str) -> Buffer | None:
        return _dump("str", 1, self, obj)


class StrBinaryDumperName(Dumper):
    """`str` to `name`, binary."""

    oid = 19
    format = Format.BINARY
    _native = "str"

    def dump(self, obj: str) -> Buffer | None:
        return _dump("str", 1, self, obj)


class StrDumper(Dumper):
    """`str` to `text`, as text."""

    oid = 25
    _native = "str"

    def dump(self, obj: str) -> Buffer | None:
        return _dump("str", 0, self, obj)


class StrDumperVarchar(Dumper):
    """`str` to `varchar`, as text."""

    oid = 1043
    _native = "str"

    def dump(self, obj: str) -> Buffer | None:
        return _dump("str", 0, self, obj)


class StrDumperName(Dumper):
    """`str` to `name`, as text."""

    oid = 19
    _native = "str"

    def dump(self, obj: str) -> Buffer | None:
        return _dump("str", 0, self, obj)


class StrDumperUnknown(Dumper):
    """`str` to whatever type the server wants, as text."""

    _native = "str"

    def dump(self, obj: str) -> Buffer | None:
        return _dump("str", 0, self, obj)


class BytesDumper(Dumper):
    """`bytes`, `bytearray` and `memoryview` to `bytea`, as text."""

    oid = 17
    _native = "bytes"

    def dump(self, obj: Buffer) -> Buffer | None:
        return _dump("bytes", 0, self, obj)


class BytesBinaryDumper(Dumper):
    """`bytes`, `bytearray` and `memoryview` to `bytea`, binary."""

    oid = 17
    format = Format.BINARY
    _native = "bytes"

    def dump(self, obj: Buffer) -> Buffer | None:
        return _dump("bytes", 1, self, obj)


class TextLoader(Loader):
    """Texts to `str`, from text; to `bytes` if the client encoding is `SQL_ASCII`."""

    _native = "text"

    def load(self, data: Buffer) -> str | bytes:
        value: str | bytes = _load("text", 0, self, data)
        return value


class TextBinaryLoader(TextLoader):
    """Texts to `str`, binary; to `bytes` if the client encoding is `SQL_ASCII`."""

    format = Format.BINARY
    _native = "text"

    def load(self, data: Buffer) -> str | bytes:
        value: str | bytes = _load("text", 1, self, data)
        return value


class ByteaLoader(Loader):
    """`bytea` to `bytes`, from text."""

    _native = "bytea"

    def load(self, data: Buffer) -> bytes:
        value: bytes = _load("bytea", 0, self, data)
        return value


class ByteaBinaryLoader(Loader):
    """`bytea` to `bytes`, binary."""

    format = Format.BINARY
    _native = "bytea"

    def load(self, data: Buffer) -> bytes:
        value: bytes = _load("bytea", 1, self, data)
        return value


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    adapters = context.adapters

    # Of each format the last one is the choice, of all the text one is.
    dumpers: tuple[type[Dumper], ...] = (
        StrBinaryDumperName,
        StrBinaryDumperVarchar,
        StrBinaryDumper,
        StrDumperName,
        StrDumperVarchar,
        StrDumper,
        StrDumperUnknown,
    )
    for dumper in dumpers:
        adapters.register_dumper(str, dumper)
    for cls in (bytes, bytearray, memoryview):
        adapters.register_dumper(cls, BytesDumper)
        adapters.register_dumper(cls, BytesBinaryDumper)

    # Types that nobody has registered.
    adapters.register_loader(0, TextLoader)
    adapters.register_loader(0, ByteaBinaryLoader)
    for name in ("bpchar", "name", "text", "varchar", '"char"'):
        adapters.register_loader(name, TextLoader)
        adapters.register_loader(name, TextBinaryLoader)
    adapters.register_loader("bytea", ByteaLoader)
    adapters.register_loader("bytea", ByteaBinaryLoader)
