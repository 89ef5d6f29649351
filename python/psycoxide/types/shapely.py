"""PostGIS geometries as objects of `shapely <https://shapely.readthedocs.io/>`__.

They travel as well-known binary with the identifier of their reference system (EWKB).
"""

from __future__ import annotations

import shapely
from shapely.geometry.base import BaseGeometry

from ..adapt import Dumper, Loader
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._typeinfo import TypeInfo
    from ..abc import AdaptContext, Buffer


#: The version of shapely: major, minor, and what follows where it is a number.
shapely_version = tuple(int(part) for part in shapely.__version__.split(".") if part.isdigit())


class GeometryBinaryLoader(Loader):
    """`geometry` to objects of shapely, binary."""

    format = Format.BINARY

    def load(self, data: Buffer) -> BaseGeometry:
        return shapely.from_wkb(bytes(data))


class GeometryLoader(Loader):
    """`geometry` to objects of shapely, from text, which is the binary form in hexadecimal."""

    def load(self, data: Buffer) -> BaseGeometry:
        return shapely.from_wkb(bytes(data).decode())


class BaseGeometryBinaryDumper(Dumper):
    """Objects of shapely to `geometry`, binary."""

    format = Format.BINARY

    def dump(self, obj: BaseGeometry) -> Buffer | None:
        value: bytes = shapely.to_wkb(obj, include_srid=True)
        return value


class BaseGeometryDumper(Dumper):
    """Objects of shapely to `geometry`, as text."""

    def dump(self, obj: BaseGeometry) -> Buffer | None:
        value: str = shapely.to_wkb(obj, hex=True, include_srid=True)
        return value.encode()


def register_shapely(info: TypeInfo, context: AdaptContext | None = None) -> None:
    """Make `geometry` known: load it as objects of shapely, and dump those as it.

    :param info: of `geometry` or `geography`, whose OIDs are others in every database.
    :param context: the connection, cursor or map to tell; every connection made from now on by
        default.
    :raises TypeError: if `info` is `None`: PostGIS is not installed.
    """
    from .array import check_info

    check_info(info, "type geometry, of the postgis extension")
    info.register(context)
    if context is None:
        from ..postgres import adapters
    else:
        adapters = context.adapters

    adapters.register_loader(info.oid, GeometryBinaryLoader)
    adapters.register_loader(info.oid, GeometryLoader)
    members = {"__module__": __name__, "oid": info.oid}
    # Binary by choice: half as long.
    adapters.register_dumper(BaseGeometry, type("GeometryDumper", (BaseGeometryDumper,), members))
    adapters.register_dumper(
        BaseGeometry, type("GeometryBinaryDumper", (BaseGeometryBinaryDumper,), members)
    )
