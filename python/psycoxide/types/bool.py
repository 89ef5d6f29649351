"""Booleans. See `Boolean Type <https://www.postgresql.org/docs/current/datatype-boolean.html>`__."""

from __future__ import annotations

from .._core import _dump, _load
from ..adapt import Dumper, Loader
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..abc import AdaptContext, Buffer


class BoolDumper(Dumper):
    """`bool` to `boolean`, as text."""

    oid = 16
    _native = "bool"

    def dump(self, obj: bool) -> Buffer | None:
        return _dump("bool", 0, self, obj)

    def quote(self, obj: bool) -> Buffer:
        return b"true" if obj else b"false"


class BoolBinaryDumper(Dumper):
    """`bool` to `boolean`, binary."""

    oid = 16
    format = Format.BINARY
    _native = "bool"

    def dump(self, obj: bool) -> Buffer | None:
        return _dump("bool", 1, self, obj)


class BoolLoader(Loader):
    """`boolean` to `bool`, from text."""

    _native = "bool"

    def load(self, data: Buffer) -> bool:
        value: bool = _load("bool", 0, self, data)
        return value


class BoolBinaryLoader(Loader):
    """`boolean` to `bool`, binary."""

    format = Format.BINARY
    _native = "bool"

    def load(self, data: Buffer) -> bool:
        value: bool = _load("bool", 1, self, data)
        return value


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    adapters = context.adapters
    adapters.register_dumper(bool, BoolDumper)
    adapters.register_dumper(bool, BoolBinaryDumper)
    adapters.register_loader("bool", BoolLoader)
    adapters.register_loader("bool", BoolBinaryLoader)
