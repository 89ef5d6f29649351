"""UUIDs. See `UUID Type <https://www.postgresql.org/docs/current/datatype-uuid.html>`__."""

from __future__ import annotations

from .._core import _dump, _load
from ..adapt import Dumper, Loader
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from uuid import UUID

    from ..abc import AdaptContext, Buffer


class UUIDDumper(Dumper):
    """`UUID` to `uuid`, as text."""

    oid = 2950
    _native = "uuid"

    def dump(self, obj: UUID) -> Buffer | None:
        return _dump("uuid", 0, self, obj)


class UUIDBinaryDumper(UUIDDumper):
    """`UUID` to `uuid`, binary."""

    format = Format.BINARY
    _native = "uuid"

    def dump(self, obj: UUID) -> Buffer | None:
        return _dump("uuid", 1, self, obj)


class UUIDLoader(Loader):
    """`uuid` to `UUID`, from text."""

    _native = "uuid"

    def load(self, data: Buffer) -> UUID:
        value: UUID = _load("uuid", 0, self, data)
        return value


class UUIDBinaryLoader(UUIDLoader):
    """`uuid` to `UUID`, binary."""

    format = Format.BINARY
    _native = "uuid"

    def load(self, data: Buffer) -> UUID:
        value: UUID = _load("uuid", 1, self, data)
        return value


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    adapters = context.adapters
    adapters.register_dumper("uuid.UUID", UUIDDumper)
    adapters.register_dumper("uuid.UUID", UUIDBinaryDumper)
    adapters.register_loader("uuid", UUIDLoader)
    adapters.register_loader("uuid", UUIDBinaryLoader)
