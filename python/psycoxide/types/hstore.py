"""`hstore`: dictionaries of strings, of the extension of that name.

See `hstore <https://www.postgresql.org/docs/current/hstore.html>`__.
"""

from __future__ import annotations

from .._core import _dump, _load
from ..adapt import Loader, RecursiveDumper, RecursiveLoader, Transformer
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from .._typeinfo import TypeInfo
    from ..abc import AdaptContext, Buffer

    Hstore: TypeAlias = dict[str, str | None]


class BaseHstoreDumper(RecursiveDumper):
    """`dict` to `hstore`, as text; the base of the dumper that :func:`register_hstore` makes."""

    def dump(self, obj: Hstore) -> Buffer | None:
        return _dump("hstore", 0, self, obj)


class BaseHstoreBinaryDumper(RecursiveDumper):
    """`dict` to `hstore`, binary; the base of the dumper that :func:`register_hstore` makes."""

    format = Format.BINARY

    def __init__(self, cls: type, context: AdaptContext | None = None):
        super().__init__(cls, context)

    def dump(self, obj: Hstore) -> Buffer | None:
        return _dump("hstore", 1, self, obj)


class HstoreLoader(RecursiveLoader):
    """`hstore` to `dict`, from text."""

    _native = "hstore"

    def load(self, data: Buffer) -> Hstore:
        value: Hstore = _load("hstore", 0, self, data)
        return value


class HstoreBinaryLoader(Loader):
    """`hstore` to `dict`, binary."""

    format = Format.BINARY
    _native = "hstore"

    def __init__(self, oid: int, context: AdaptContext | None = None):
        super().__init__(oid, context)
        self._tx = Transformer.from_context(context)

    def load(self, data: Buffer) -> Hstore:
        value: Hstore = _load("hstore", 1, self, data)
        return value


def register_hstore(info: TypeInfo, context: AdaptContext | None = None) -> None:
    """Make `hstore` known: load it as `dict`, and dump `dict` as it.

    :param info: of `hstore`, whose OID is another one in every database.
    :param context: the connection, cursor or map to tell; every connection made from now on by
        default.
    :raises TypeError: if `info` is `None`: the extension is not installed.
    """
    from .array import check_info

    check_info(info, "type hstore, of the extension of that name")
    info.register(context)
    if context is None:
        from ..postgres import adapters
    else:
        adapters = context.adapters

    members = {"__module__": __name__, "oid": info.oid, "_native": "hstore"}
    # The text dumper is the automatic choice, as for other types made of strings.
    adapters.register_dumper(dict, type("HstoreBinaryDumper", (BaseHstoreBinaryDumper,), members))
    adapters.register_dumper(dict, type("HstoreDumper", (BaseHstoreDumper,), members))
    adapters.register_loader(info.oid, HstoreLoader)
    adapters.register_loader(info.oid, HstoreBinaryLoader)
