"""What is known about the types of a database, and where it is kept.

A :class:`TypeInfo` describes one type; `fetch()` asks the server, `register()` makes the adapters
of a connection, of a cursor, or of the whole program know it. A :class:`TypesRegistry` finds them
by name and by OID. Kinds of types with more to tell (ranges, enums, composites) have a subclass in
their module of :mod:`psycoxide.types`.

See `pg_type <https://www.postgresql.org/docs/current/catalog-pg-type.html>`__.
"""

from __future__ import annotations

import sys

from ._errors_base import ProgrammingError
from ._typemod import TypeModifier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence
    from typing import Any, TypeAlias, TypeVar, overload

    from ._async.connection import AsyncConnection
    from ._base.connection import BaseConnection
    from ._sync.connection import Connection
    from .abc import AdaptContext
    from .sql import Composable, Identifier

    _I = TypeVar("_I", bound="TypeInfo")
    RegistryKey: TypeAlias = str | int | tuple[type["TypeInfo"], int]


class TypeInfo:
    """What is known about a type.

    :param name: as in `pg_type.typname`.
    :param oid: of the type.
    :param array_oid: of the type of its arrays; 0 if there is none.
    :param regtype: the name as SQL writes it, with its schema if needed; `name` by default.
    :param delimiter: between the elements of an array.
    :param typemod: how to read the type's modifiers.
    """

    __module__ = "psycoxide.types"

    def __init__(
        self,
        name: str,
        oid: int,
        array_oid: int,
        *,
        regtype: str = "",
        delimiter: str = ",",
        typemod: type[TypeModifier] = TypeModifier,
    ):
        self.name = name
        self.oid = oid
        self.array_oid = array_oid
        self.regtype = regtype or name
        self.delimiter = delimiter
        self.typemod = typemod(oid)

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"<{kind}: {self.name} (oid: {self.oid}, array oid: {self.array_oid})>"

    if TYPE_CHECKING:

        @overload
        @classmethod
        def fetch(cls: type[_I], conn: Connection[Any], name: str | Identifier) -> _I | None: ...
        @overload
        @classmethod
        def fetch(
            cls: type[_I], conn: AsyncConnection[Any], name: str | Identifier
        ) -> Coroutine[Any, Any, _I | None]: ...

    @classmethod
    def fetch(cls, conn: BaseConnection[Any], name: str | Identifier) -> Any:
        """Ask the server about a type; to be awaited if `conn` is an `AsyncConnection`.

        :param name: as SQL would write it: `schema.type`, quoted where needed.
        :return: `None` if there is no such type of this kind.
        :raises ProgrammingError: if `name` is no name of a type.
        """
        sync = sys.modules.get("psycoxide._sync.connection")
        if sync is not None and isinstance(conn, sync.Connection):
            return cls._fetch(conn, name)
        twin = sys.modules.get("psycoxide._async.connection")
        if twin is not None and isinstance(conn, twin.AsyncConnection):
            return cls._fetch_async(conn, name)
        raise TypeError(f"expected Connection or AsyncConnection, got {type(conn).__name__}")

    @classmethod
    def _fetch(cls: type[_I], conn: Connection[Any], name: str | Composable) -> _I | None:
        from ._sync.cursor import Cursor
        from .rows import dict_row

        parameters = {"name": _type_name(conn, name)}
        # In a transaction of its own, not to leave the caller in one.
        with conn.transaction(), Cursor(conn, row_factory=dict_row) as cursor:
            if conn.info.encoding == "ascii":
                cursor.execute(_AS_UTF8)
            cursor.execute(cls._get_info_query(conn), parameters)
            records = cursor.fetchall()
        return cls._from_records(parameters["name"], records)

    @classmethod
    async def _fetch_async(
        cls: type[_I], conn: AsyncConnection[Any], name: str | Composable
    ) -> _I | None:
        from ._async.cursor import AsyncCursor
        from .rows import dict_row

        parameters = {"name": _type_name(conn, name)}
        async with conn.transaction(), AsyncCursor(conn, row_factory=dict_row) as cursor:
            if conn.info.encoding == "ascii":
                await cursor.execute(_AS_UTF8)
            await cursor.execute(cls._get_info_query(conn), parameters)
            records = await cursor.fetchall()
        return cls._from_records(parameters["name"], records)

    @classmethod
    def _from_records(cls: type[_I], name: str, records: Sequence[dict[str, Any]]) -> _I | None:
        if not records:
            return None
        if len(records) > 1:
            raise ProgrammingError(f"found {len(records)} different types named {name}")
        return cls(**records[0])

    @classmethod
    def _get_info_query(cls, conn: BaseConnection[Any]) -> str:
        """A query of the arguments of the class, with a placeholder for the name."""
        return f"""\
SELECT {COMMON_COLUMNS}, t.typdelim::text AS delimiter
FROM pg_catalog.pg_type AS t
WHERE t.oid = {REGTYPE}"""

    def register(self, context: AdaptContext | None = None) -> None:
        """Make the type and its arrays known.

        :param context: the connection, cursor or adapters map to tell; every connection made from
            now on by default.
        """
        if context is None:
            from .postgres import types
        else:
            types = context.adapters.types
        types.add(self)

        if self.array_oid:
            from .types.array import register_array

            register_array(self, context)

    def _added(self, registry: TypesRegistry) -> None:
        """Called when the type is added to a registry; subclasses add keys of their own."""

    def _plain(self) -> TypeInfo:
        """What describes a column, without the Python classes the type may be mapped to."""
        return TypeInfo(
            self.name,
            self.oid,
            self.array_oid,
            regtype=self.regtype,
            delimiter=self.delimiter,
            typemod=type(self.typemod),
        )

    def get_type_display(self, oid: int | None = None, fmod: int | None = None) -> str:
        """The type as SQL writes it, with its modifiers: `numeric(10,2)[]`.

        :param oid: the type's or its array type's.
        :param fmod: the modifier that the server sends with a column.
        """
        modifier = None if fmod is None else self.typemod.get_modifier(fmod)
        parts = [self.name]
        if modifier:
            parts.append(f"({','.join(map(str, modifier))})")
        if oid is not None and oid == self.array_oid:
            parts.append("[]")
        return "".join(parts)

    def get_display_size(self, fmod: int) -> int | None:
        """The length in characters or bits, see :attr:`Column.display_size`."""
        return self.typemod.get_display_size(fmod)

    def get_precision(self, fmod: int) -> int | None:
        """The number of digits, see :attr:`Column.precision`."""
        return self.typemod.get_precision(fmod)

    def get_scale(self, fmod: int) -> int | None:
        """The number of digits after the point, see :attr:`Column.scale`."""
        return self.typemod.get_scale(fmod)


#: Names come as text, whatever the database's encoding: SQL_ASCII would give bytes.
_AS_UTF8 = "SET LOCAL client_encoding TO utf8"

#: What every kind of type has, of `pg_type AS t`.
COMMON_COLUMNS = """\
t.typname::text AS name, t.oid AS oid, t.typarray AS array_oid, t.oid::regtype::text AS regtype"""

#: The OID of the type whose name is the parameter; NULL if there is none.
REGTYPE = "pg_catalog.to_regtype(%(name)s)"


def _type_name(conn: BaseConnection[Any], name: str | Composable) -> str:
    if isinstance(name, str):
        return name

    from .sql import Composable

    if isinstance(name, Composable):
        return name.as_string(conn)
    raise TypeError(f"a type's name must be a str or a sql.Identifier, got {type(name).__name__}")


class TypesRegistry:
    """The types that are known, by name, by OID and by subtype.

    :param template: a registry to copy. The copy is made when either of both is changed.
    """

    __module__ = "psycoxide.types"

    def __init__(self, template: TypesRegistry | None = None):
        self._types: dict[Any, TypeInfo]
        if template is None:
            self._types = {}
            self._shared = False
        else:
            self._types = template._types
            self._shared = template._shared = True

    def clear(self) -> None:
        """Forget every type."""
        self._types = {}
        self._shared = False

    def add(self, info: TypeInfo) -> None:
        """Add a type; of two types with the same name or OID the last one is found."""
        self._unshare()
        if info.oid:
            self._types[info.oid] = info
        if info.array_oid:
            self._types[info.array_oid] = info
        self._types[info.name] = info
        if info.regtype:
            self._types[info.regtype] = info
        info._added(self)

    def __iter__(self) -> Iterator[TypeInfo]:
        return iter({id(info): info for info in self._types.values()}.values())

    def __getitem__(self, key: RegistryKey) -> TypeInfo:
        """As :meth:`get`.

        :raises KeyError: if the type is not known.
        """
        info = self.get(key)
        if info is None:
            raise KeyError(f"couldn't find the type {key!r} in the types registry")
        return info

    def get(self, key: RegistryKey) -> TypeInfo | None:
        """The type of this name or OID, or the one of whose arrays it is; `None` if unknown.

        :param key: `pg_type.typname`, or the name in SQL; both may end with `[]`.
        """
        if isinstance(key, str):
            return self._types.get(key.removesuffix("[]"))
        if not isinstance(key, (int, tuple)):
            raise TypeError(f"the key must be an oid or a name, got {type(key)}")
        return self._types.get(key)

    def get_oid(self, name: str) -> int:
        """The OID of the type of this name; of its arrays if the name ends with `[]`.

        :raises KeyError: if the type is not known.
        """
        info = self[name]
        return info.array_oid if name.endswith("[]") else info.oid

    def get_by_subtype(self, cls: type[_I], subtype: int | str) -> _I | None:
        """The type of kind `cls` that is made of another.

        :param cls: :class:`RangeInfo <psycoxide.types.range.RangeInfo>` or `MultirangeInfo`.
        :param subtype: name or OID of the element type; of the range type, too, for a multirange.
        """
        info = self.get(subtype)
        if info is None:
            return None
        found = self.get((cls, info.oid))
        return found if isinstance(found, cls) else None

    def _restore(self, other: TypesRegistry) -> None:
        """Have the types that another registry has now."""
        self._types = other._types
        self._shared = other._shared = True

    def _unshare(self) -> None:
        if self._shared:
            self._types = self._types.copy()
            self._shared = False

    def _add_subtype(self, info: TypeInfo, subtype_oid: int) -> None:
        """Let `get_by_subtype()` find a type that is being added."""
        self._types[type(info), subtype_oid] = info
