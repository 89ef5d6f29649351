"""Composite types: what is known about them.

See `Composite Types <https://www.postgresql.org/docs/current/rowtypes.html>`__. A table has one,
of the same name.
"""

from __future__ import annotations

from .._core import _dump, _dump_composite, _load
from .._typeinfo import COMMON_COLUMNS, REGTYPE, TypeInfo
from ..adapt import Loader, RecursiveDumper, RecursiveLoader, Transformer
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias, TypeVar

    from .._base.connection import BaseConnection
    from ..abc import AdaptContext, Buffer

    T = TypeVar("T")
    ObjectMaker: TypeAlias = Callable[[Sequence[Any], "CompositeInfo"], T]
    SequenceMaker: TypeAlias = Callable[[T, "CompositeInfo"], Sequence[Any]]


class CompositeInfo(TypeInfo):
    """What is known about a composite type.

    :param field_names: the names of its fields, in their order.
    :param field_types: the OIDs of their types.
    """

    __module__ = "psycoxide.types.composite"

    def __init__(
        self,
        name: str,
        oid: int,
        array_oid: int,
        *,
        regtype: str = "",
        field_names: Sequence[str],
        field_types: Sequence[int],
    ):
        super().__init__(name, oid, array_oid, regtype=regtype)
        self.field_names = tuple(field_names)
        self.field_types = tuple(field_types)
        #: The Python type of the values; set when the type is registered.
        self.python_type: type | None = None

    @classmethod
    def _get_info_query(cls, conn: BaseConnection[Any]) -> str:
        return f"""\
SELECT {COMMON_COLUMNS}, {_fields("a.attname::text")} AS field_names,
    {_fields("a.atttypid")} AS field_types
FROM pg_catalog.pg_type AS t
WHERE t.oid = {REGTYPE} AND t.typrelid <> 0"""


def _fields(column: str) -> str:
    """An array with something of each field; a dropped column of a table is none any more."""
    return f"""ARRAY(
        SELECT {column} FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
    )"""


class TupleDumper(RecursiveDumper):
    """`tuple` to a record whose type the server finds out, as text."""

    _native = "tuple"

    def dump(self, obj: tuple[Any, ...]) -> Buffer | None:
        return _dump("tuple", 0, self, obj)


class RecordLoader(RecursiveLoader):
    """`record` to `tuple`, from text, which does not say what the fields are: they are `str`."""

    _native = "record"

    def load(self, data: Buffer) -> tuple[Any, ...]:
        value: tuple[Any, ...] = _load("record", 0, self, data)
        return value


class RecordBinaryLoader(Loader):
    """`record` to `tuple`, binary."""

    format = Format.BINARY
    _native = "record"

    def __init__(self, oid: int, context: AdaptContext | None = None):
        super().__init__(oid, context)
        self._tx = Transformer.from_context(context)

    def load(self, data: Buffer) -> tuple[Any, ...]:
        value: tuple[Any, ...] = _load("record", 1, self, data)
        return value


class _CompositeLoader(RecursiveLoader):
    """The base of the loaders of registered composite types, from text."""

    info: CompositeInfo
    #: What the core asks for: the types of the fields, what makes an object of their values, and
    #: whether that is called with the values in a sequence (`values`), as `arguments`, or is a
    #: subclass of `tuple` to be made without calling it (`tuple`).
    _field_types: tuple[int, ...]
    _make: Callable[..., Any]
    _call: str

    def load(self, data: Buffer) -> Any:
        return _load("composite", 0, self, data)


class _CompositeBinaryLoader(_CompositeLoader):
    """The base of the loaders of registered composite types, binary."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Any:
        return _load("composite", 1, self, data)


class _CompositeDumper(RecursiveDumper):
    """The base of the dumpers of registered composite types, as text."""

    info: CompositeInfo
    #: Takes the values of the fields from an object.
    _sequence: Callable[[Any], Sequence[Any]]

    def dump(self, obj: Any) -> Buffer | None:
        types = list(self.info.field_types)
        return _dump_composite(self._tx, list(type(self)._sequence(obj)), types, self.format)


class _CompositeBinaryDumper(_CompositeDumper):
    """The base of the dumpers of registered composite types, binary."""

    format = Format.BINARY


def register_composite(
    info: CompositeInfo,
    context: AdaptContext | None = None,
    factory: Callable[..., T] | None = None,
    *,
    make_object: ObjectMaker[T] | None = None,
    make_sequence: SequenceMaker[T] | None = None,
) -> None:
    """Make a composite type known: load it as objects, and dump those objects as it.

    :param context: the connection, cursor or map to tell; every connection made from now on by
        default.
    :param factory: called with the values of the fields; if it is a class, its instances are
        dumped. A named tuple of the fields by default.
    :param make_object: called with the values and `info` instead.
    :param make_sequence: called with an object and `info`, returns the values of the fields; needed
        unless the object is a sequence of them.
    :raises TypeError: if `info` is `None`, or a function is none.
    """
    from .array import check_info

    check_info(info, "composite type")
    for function in (factory, make_object, make_sequence):
        if function is not None and not callable(function):
            raise TypeError(f"a callable is expected, got {type(function).__name__}")

    call = "arguments"
    if factory is None:
        factory = _named_tuple(info)
    if isinstance(factory, type) and "_is_made_by_psycoxide" in vars(factory):
        call = "tuple"
    make: Callable[..., Any] = factory
    if make_object is not None:
        maker, call = make_object, "values"

        def make_of_values(values: Sequence[Any]) -> Any:
            return maker(values, info)

        make = make_of_values

    info.register(context)
    if context is None:
        from ..postgres import adapters
    else:
        adapters = context.adapters

    members: dict[str, Any] = {
        "__module__": __name__,
        "info": info,
        "_field_types": info.field_types,
        "_make": staticmethod(make),
        "_call": call,
        "_native": "composite",
    }
    name = info.name.title()
    for base in (_CompositeLoader, _CompositeBinaryLoader):
        suffix = base.__name__.removeprefix("_Composite")
        adapters.register_loader(info.oid, type(f"{name}{suffix}", (base,), members))

    if not isinstance(factory, type):
        if make_sequence is not None:
            raise TypeError(f"the factory {factory!r} is not a type: no object is known to be its")
        return
    info.python_type = factory
    sequence: Callable[[Any], Sequence[Any]]
    if make_sequence is not None:
        taker = make_sequence

        def sequence(obj: Any) -> Sequence[Any]:
            return taker(obj, info)

    elif hasattr(factory, "__len__") and hasattr(factory, "__getitem__"):
        sequence = tuple
    else:
        from logging import getLogger

        named = factory.__name__
        getLogger("psycopg").warning(
            "the type %r is not a sequence: objects of it are dumped as %s only with make_sequence",
            named,
            info.name,
        )

        def sequence(obj: Any) -> Sequence[Any]:
            raise TypeError(
                f"{named} is not a sequence: pass make_sequence to register_composite() to dump it"
            )

    members = {
        "__module__": __name__,
        "oid": info.oid,
        "info": info,
        "_sequence": staticmethod(sequence),
    }
    # As text by choice: the types of the fields need not be known then.
    for dumper in (_CompositeBinaryDumper, _CompositeDumper):
        suffix = dumper.__name__.removeprefix("_Composite")
        adapters.register_dumper(factory, type(f"{name}{suffix}", (dumper,), members))


def _named_tuple(info: CompositeInfo) -> Any:
    from collections import namedtuple

    from ..rows import _as_identifier

    fields = tuple(map(_as_identifier, info.field_names))
    make: Any = namedtuple
    made = make(_as_identifier(info.name), fields, module=__name__)
    made._is_made_by_psycoxide = True
    return made


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    adapters = context.adapters
    adapters.register_dumper(tuple, TupleDumper)
    adapters.register_loader("record", RecordLoader)
    adapters.register_loader("record", RecordBinaryLoader)
