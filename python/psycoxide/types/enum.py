"""Enumerated types: what is known about them.

See `Enumerated Types <https://www.postgresql.org/docs/current/datatype-enum.html>`__.
"""

from __future__ import annotations

from .._core import _dump, _load
from .._errors_base import DataError
from .._typeinfo import COMMON_COLUMNS, REGTYPE, TypeInfo
from ..adapt import Dumper, Loader
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import Enum
    from typing import Any, TypeAlias, TypeVar

    from .._base.connection import BaseConnection
    from ..abc import AdaptContext, Buffer

    E = TypeVar("E", bound=Enum)
    EnumMapping: TypeAlias = Mapping[E, str] | Sequence[tuple[E, str]] | None


class EnumInfo(TypeInfo):
    """What is known about an enumerated type.

    :param labels: the values, in their order.
    """

    __module__ = "psycoxide.types.enum"

    def __init__(
        self, name: str, oid: int, array_oid: int, labels: Sequence[str], *, regtype: str = ""
    ):
        super().__init__(name, oid, array_oid, regtype=regtype)
        self.labels = labels
        #: The Python enumeration of the values; set when the type is registered.
        self.enum: type[Enum] | None = None

    @classmethod
    def _get_info_query(cls, conn: BaseConnection[Any]) -> str:
        return f"""\
SELECT {COMMON_COLUMNS}, ARRAY(
    SELECT e.enumlabel::text FROM pg_catalog.pg_enum AS e
    WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder
) AS labels
FROM pg_catalog.pg_type AS t
WHERE t.oid = {REGTYPE} AND t.typtype = 'e'"""


class EnumDumper(Dumper):
    """Members of an `Enum` to their name, as text; the server finds out the type."""

    _native = "enum"

    def dump(self, value: Any) -> Buffer | None:
        return _dump("enum", 0, self, value)


class EnumBinaryDumper(EnumDumper):
    """Members of an `Enum` to their name, binary; the server finds out the type."""

    format = Format.BINARY
    _native = "enum"

    def dump(self, value: Any) -> Buffer | None:
        return _dump("enum", 1, self, value)


class _EnumLoader(Loader):
    """The base of the loaders of registered enumerations, from text."""

    #: The members by their labels.
    _members: dict[str, Enum]

    def load(self, data: Buffer) -> Enum:
        value: Enum = _load("enum", 0, self, data)
        return value


class _EnumBinaryLoader(_EnumLoader):
    """The base of the loaders of registered enumerations, binary."""

    format = Format.BINARY


class _RegisteredEnumDumper(EnumDumper):
    """The base of the dumpers of registered enumerations, as text."""

    #: The labels of the members.
    _labels: dict[Enum, str]

    def dump(self, value: Any) -> Buffer | None:
        try:
            label = self._labels[value]
        except KeyError:
            raise DataError(f"{value!r} is no value of the enum") from None
        return label.encode(_encoding(self.connection))


class _RegisteredEnumBinaryDumper(_RegisteredEnumDumper):
    """The base of the dumpers of registered enumerations, binary."""

    format = Format.BINARY


def _encoding(connection: BaseConnection[Any] | None) -> str:
    encoding = connection.info.encoding if connection else "utf-8"
    # Whatever SQL_ASCII holds, it most probably is this.
    return "utf-8" if encoding == "ascii" else encoding


def register_enum(
    info: EnumInfo,
    context: AdaptContext | None = None,
    enum: type[E] | None = None,
    *,
    mapping: EnumMapping[E] = None,
) -> None:
    """Make an enumerated type known: load it as members of an `Enum`, and dump those as it.

    :param context: the connection, cursor or map to tell; every connection made from now on by
        default.
    :param enum: the class; made of the labels by default.
    :param mapping: the labels of the members, as a mapping or as pairs, where they are not the
        members' names. Of several pairs with one member, or one label, the last one counts.
    :raises TypeError: if `info` is `None`.
    """
    from .array import check_info

    check_info(info, "enum type")
    cls: Any = enum
    if cls is None:
        from enum import Enum as Base

        cls = _made(Base, info)

    info.enum = cls
    members, labels = _mapped(info, cls, mapping)
    info.register(context)
    if context is None:
        from ..postgres import adapters
    else:
        adapters = context.adapters

    attributes: dict[str, Any]
    for loader in (_EnumLoader, _EnumBinaryLoader):
        attributes = {"__module__": __name__, "_members": members, "_native": "enum"}
        suffix = loader.__name__.removeprefix("_Enum")
        made = type(f"{cls.__name__}{suffix}", (loader,), attributes)
        adapters.register_loader(info.oid, made)
    # As text by choice, as other members of Enum.
    for dumper in (_RegisteredEnumBinaryDumper, _RegisteredEnumDumper):
        attributes = {"__module__": __name__, "oid": info.oid, "_labels": labels}
        suffix = dumper.__name__.removeprefix("_RegisteredEnum")
        adapters.register_dumper(cls, type(f"{cls.__name__}{suffix}", (dumper,), attributes))


def _made(base: Any, info: EnumInfo) -> Any:
    """An enumeration of the labels."""
    return base(info.name.title(), tuple(info.labels), module=__name__)


def _mapped(
    info: EnumInfo, enum: type[E], mapping: EnumMapping[E]
) -> tuple[dict[str, Enum], dict[Enum, str]]:
    """The members by label, and the labels by member: by name unless the mapping says so."""
    labels: dict[Enum, str] = {member: member.name for member in enum}
    members: dict[str, Enum] = {member.name: member for member in enum}
    if mapping is not None:
        pairs = mapping.items() if hasattr(mapping, "items") else mapping
        for member, label in pairs:
            labels[member] = label
            members[label] = member
    return {label: members[label] for label in info.labels if label in members}, labels


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    # As text by choice: the server may take the value for another type's.
    context.adapters.register_dumper("enum.Enum", EnumBinaryDumper)
    context.adapters.register_dumper("enum.Enum", EnumDumper)
