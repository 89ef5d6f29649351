"""JSON: the wrappers that say that a value is to be sent as `json` or `jsonb`.

See `JSON Types <https://www.postgresql.org/docs/current/datatype-json.html>`__.
"""

from __future__ import annotations

from .. import _core
from .._core import _dump, _load
from ..adapt import Dumper, Loader
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from ..abc import AdaptContext, Buffer
    from ..adapt import AdaptersMap

    JsonDumpsFunction: TypeAlias = Callable[[Any], str | bytes]
    JsonLoadsFunction: TypeAlias = Callable[[str | bytes], Any]


class _JsonWrapper:
    __slots__ = ("dumps", "obj")

    def __init__(self, obj: Any, dumps: JsonDumpsFunction | None = None):
        self.obj = obj
        self.dumps = dumps

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_shortened(repr(self.obj))})"


class Json(_JsonWrapper):
    """A value to be sent as `json`.

    :param obj: anything that `dumps` can serialise: `dict`, `list`, `str`, numbers, `None`…
    :param dumps: what serialises it; the function of :func:`set_json_dumps` by default.
    """

    __slots__ = ()


class Jsonb(_JsonWrapper):
    """A value to be sent as `jsonb`.

    :param obj: anything that `dumps` can serialise: `dict`, `list`, `str`, numbers, `None`…
    :param dumps: what serialises it; the function of :func:`set_json_dumps` by default.
    """

    __slots__ = ()


def _shortened(text: str) -> str:
    """A document may be long; 40 characters are enough to recognise it."""
    return text if len(text) <= 40 else f"{text[:35]} ... ({len(text)} chars)"


class _JsonDumper(Dumper):
    """The base of the dumpers of :class:`Json` and :class:`Jsonb`."""

    #: What serialises the object, if a context has its own function.
    _dumps: JsonDumpsFunction | None = None

    #: The name of the codec, and what goes before the text.
    _codec = "json"
    _prefix = b""

    def dump(self, obj: Json | Jsonb) -> Buffer | None:
        dumps = obj.dumps or type(self)._dumps
        if dumps is None:
            return _dump(self._codec, self.format, self, obj)
        data = dumps(obj.obj)
        return self._prefix + (data.encode() if isinstance(data, str) else data)


class JsonDumper(_JsonDumper):
    """:class:`Json` to `json`, as text."""

    oid = 114
    _native = "json"


class JsonBinaryDumper(_JsonDumper):
    """:class:`Json` to `json`, binary."""

    oid = 114
    format = Format.BINARY
    _native = "json"


class JsonbDumper(_JsonDumper):
    """:class:`Jsonb` to `jsonb`, as text."""

    oid = 3802
    _codec = "jsonb"
    _native = "jsonb"


class JsonbBinaryDumper(_JsonDumper):
    """:class:`Jsonb` to `jsonb`, binary."""

    oid = 3802
    format = Format.BINARY
    _codec = "jsonb"
    _prefix = b"\x01"
    _native = "jsonb"


class _JsonLoader(Loader):
    """The base of the loaders of `json` and `jsonb`."""

    # The core looks for these.
    #: What parses the text, if a context has its own function.
    _loads: JsonLoadsFunction | None = None
    #: What becomes of the text otherwise: as `json.loads` if empty, `"decimals"` or `"raw"`.
    _mode = ""

    _codec = "json"

    def load(self, data: Buffer) -> Any:
        return _load(self._codec, self.format, self, data)


class JsonLoader(_JsonLoader):
    """`json` to what it stands for, from text."""

    _native = "json"


class JsonBinaryLoader(_JsonLoader):
    """`json` to what it stands for, binary."""

    format = Format.BINARY
    _native = "json"


class JsonbLoader(_JsonLoader):
    """`jsonb` to what it stands for, from text."""

    _codec = "jsonb"
    _native = "jsonb"


class JsonbBinaryLoader(_JsonLoader):
    """`jsonb` to what it stands for, binary."""

    format = Format.BINARY
    _codec = "jsonb"
    _native = "jsonb"


def set_json_dumps(dumps: JsonDumpsFunction, context: AdaptContext | None = None) -> None:
    """Set the function that serialises the objects of :class:`Json` and :class:`Jsonb`.

    :param dumps: takes the object, returns `str` or `bytes`. :func:`json.dumps` by default.
    :param context: the connection, cursor or map to set it for; the whole program by default.
    """
    if context is None:
        _core._set_json_dumps(_unless_default(dumps, "dumps"))
        return
    for cls, dumper in (
        (Json, JsonBinaryDumper),
        (Json, JsonDumper),
        (Jsonb, JsonbBinaryDumper),
        (Jsonb, JsonbDumper),
    ):
        members = {"__module__": __name__, "_dumps": staticmethod(dumps)}
        own = type(f"Custom{dumper.__name__}", (dumper,), members)
        context.adapters.register_dumper(cls, own)


def set_json_loads(loads: JsonLoadsFunction, context: AdaptContext | None = None) -> None:
    """Set the function that parses `json` and `jsonb`.

    :param loads: takes `bytes` (in UTF-8, or the client encoding if it is another), returns what
        they stand for. :func:`json.loads` by default, whose results the core gives without
        calling it.
    :param context: the connection, cursor or map to set it for; the whole program by default.
    """
    if context is None:
        _core._set_json_loads(_unless_default(loads, "loads"))
        return
    _register_loaders(context, {"_loads": staticmethod(loads)})


def set_json_options(
    context: AdaptContext | None = None, *, decimals: bool = False, raw: bool = False
) -> None:
    """Choose what `json` and `jsonb` are loaded as; without an option, as :func:`json.loads` does.

    Integers are exact in any case, whatever their size. This takes the place of
    :func:`set_json_loads`, and the other way round.

    :param context: the connection, cursor or map to tell; every connection made from now on by
        default.
    :param decimals: numbers with a fraction or an exponent become :class:`decimal.Decimal`, exactly
        as the server has them, instead of `float`.
    :param raw: the text of the document as `bytes`, not parsed.
    :raises ValueError: for both at a time.
    """
    if decimals and raw:
        raise ValueError("what is not parsed has no numbers: decimals or raw, not both")
    if context is None:
        from ..postgres import adapters as everywhere

        context = everywhere
    if decimals or raw:
        _register_loaders(context, {"_mode": "decimals" if decimals else "raw"})
        return
    for name, loader in _LOADERS:
        context.adapters.register_loader(name, loader)


_LOADERS: tuple[tuple[str, type[_JsonLoader]], ...] = (
    ("json", JsonLoader),
    ("json", JsonBinaryLoader),
    ("jsonb", JsonbLoader),
    ("jsonb", JsonbBinaryLoader),
)


def _register_loaders(context: AdaptContext, options: dict[str, Any]) -> None:
    """Register loaders with other attributes, which the core runs as it does the usual ones."""
    for name, loader in _LOADERS:
        members = {"__module__": __name__, "_native": loader._codec, **options}
        own = type(f"Custom{loader.__name__}", (loader,), members)
        context.adapters.register_loader(name, own)


def _unless_default(function: Callable[[Any], Any], name: str) -> Callable[[Any], Any] | None:
    import json

    return None if function is getattr(json, name) else function


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    adapters: AdaptersMap = context.adapters

    # As text by choice: the server stores json as text, and jsonb's binary form is text, too.
    adapters.register_dumper(Json, JsonBinaryDumper)
    adapters.register_dumper(Json, JsonDumper)
    adapters.register_dumper(Jsonb, JsonbBinaryDumper)
    adapters.register_dumper(Jsonb, JsonbDumper)
    for name, loader in _LOADERS:
        adapters.register_loader(name, loader)
