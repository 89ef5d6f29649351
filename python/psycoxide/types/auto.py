"""Types that are looked up when they are met: enums, composites, ranges, domains and their arrays.

A program that registers no types gets values of types that the server's users have created as text
(as bytes in binary format). After :func:`register_auto` a connection finds out by itself what such
a type is, the first time a result has a column of it, and loads the values as if the type had been
registered.

What is known of a database's types is kept for all connections of the process to that database.
"""

from __future__ import annotations

import json
import threading
from typing import NamedTuple

from .. import _core
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, TypeAlias

    from .._base.connection import BaseConnection
    from ..adapt import AdaptersMap

    #: The connection, its adapters, and those of the cursor if it has its own.
    Contexts: TypeAlias = tuple[Any, ...]


def register_auto(conn: BaseConnection[Any], *, enums: bool = False) -> None:
    """Let a connection look up types that nobody has registered, when a result has values of them.

    Composite types are loaded as named tuples, ranges and multiranges as
    :class:`~psycoxide.types.range.Range` and :class:`~psycoxide.types.multirange.Multirange`,
    domains as what they are made of, enums as `str`, arrays of any of these as lists; also where
    one of them is a part of another. Types that were registered otherwise stay as they are.

    Looking up takes one more query, in the same transaction, each time a connection meets types
    that it does not know; mostly once in its life. In a pipeline, in `stream()` and in a failed
    transaction nothing can be asked: a type that the connection has not met before is loaded there
    as without this function. The same happens if the query fails, which does not affect the
    transaction.

    :param conn: an open connection of either kind; nothing is sent now.
    :param enums: load enums as members of an `Enum` that has the labels as names, as
        :func:`~psycoxide.types.enum.register_enum` does, instead of `str`.

    Called again for the same connection it changes nothing.
    """
    conn._set_auto_types(_auto(conn, enums))


def _auto(conn: BaseConnection[Any], enums: bool) -> _core.AutoTypes:
    return _core.AutoTypes(_Learner(_address(conn), enums))


class _Type(NamedTuple):
    """A type as the system catalogs have it; what does not apply is 0 or empty."""

    oid: int
    name: str
    regtype: str
    kind: str
    array_oid: int
    delimiter: str
    element: int
    base: int
    subtype: int
    range: int
    fields: Sequence[tuple[str, int]]
    labels: Sequence[str]

    def array(self) -> _Type:
        """The type of its arrays."""
        return _Type(self.array_oid, f"_{self.name}", "", "b", 0, ",", self.oid, 0, 0, 0, (), ())

    def parts(self) -> tuple[int, ...]:
        """The types that this one is made of."""
        parts = (
            self.element,
            self.base,
            self.subtype,
            self.range,
            *(oid for _, oid in self.fields),
        )
        return tuple(oid for oid in parts if oid)


class _Database:
    """What is known of the types of a database."""

    def __init__(self) -> None:
        #: `None` for what is no type of the database, or not any more.
        self.types: dict[int, _Type | None] = {}
        #: The Python classes made for composites and enums, so that all connections use the same.
        self.classes: dict[_Type, Any] = {}


#: The databases by what the server says of itself, and the last one seen at an address.
_databases: dict[str, _Database] = {}
_last_seen: dict[tuple[str, ...], _Database] = {}
_lock = threading.Lock()


def _address(conn: BaseConnection[Any]) -> tuple[str, ...]:
    info = conn.info
    return (info.host, str(info.port), info.dbname)


class _Learner:
    """Finds out types for one connection; the core calls it."""

    def __init__(self, address: tuple[str, ...], enums: bool):
        self._address = address
        self._enums = enums
        #: Known once the server has said which database it is.
        self._database: _Database | None = None

    def question(
        self, auto: _core.AutoTypes, contexts: Contexts, oids: list[int], may_ask: bool
    ) -> bytes | bool | None:
        """Register what is known of these types.

        :return: `None` if all is known that can be; what to ask the server; `False` if something
            should be asked and cannot be.
        """
        try:
            return self._question(auto, contexts, oids, may_ask)
        except Exception as ex:
            _log_failure(contexts, ex)
            return None

    def learn(self, auto: _core.AutoTypes, contexts: Contexts, answer: bytes) -> None:
        """Take what the server has answered."""
        try:
            self._learn(auto, contexts, answer)
        except Exception as ex:
            _log_failure(contexts, ex)

    def _question(
        self, auto: _core.AutoTypes, contexts: Contexts, oids: list[int], may_ask: bool
    ) -> bytes | bool | None:
        database = self._database
        if database is None:
            if not may_ask:
                return False
            assumed = _last_seen.get(self._address)
            known = assumed.types if assumed else {}
        else:
            known = database.types
        # What has not suited its values is asked for again.
        ask = [oid for oid in oids if oid not in known or self._is_registered(contexts, oid)]
        if database is not None:
            self._register(auto, contexts, database, [oid for oid in oids if oid not in ask])
            if not ask:
                return None
        if not may_ask:
            return False
        return _query(contexts[0].info.server_version, ask)

    def _learn(self, auto: _core.AutoTypes, contexts: Contexts, answer: bytes) -> None:
        encoding = contexts[0].info.encoding
        found = json.loads(answer.decode("utf-8" if encoding == "ascii" else encoding, "replace"))
        with _lock:
            database = _databases.setdefault(found["database"], _Database())
            _last_seen[self._address] = database
            self._database = database
            types: dict[int, _Type | None] = dict.fromkeys(found["asked"])
            for record in found["types"] or ():
                fields = tuple((name, oid) for name, oid in record.pop("fields") or ())
                labels = tuple(record.pop("labels") or ())
                info = _Type(**record, fields=fields, labels=labels)
                types[info.oid] = info
                if info.array_oid and types.get(info.array_oid) is None:
                    types[info.array_oid] = info.array()
            # In one go: others read without the lock.
            database.types.update(types)
        self._register(auto, contexts, database, found["asked"], again=True)

    def _is_registered(self, contexts: Contexts, oid: int) -> bool:
        return all(_has_loader(adapters, oid) for adapters in contexts[1:])

    def _register(
        self,
        auto: _core.AutoTypes,
        contexts: Contexts,
        database: _Database,
        oids: Iterable[int],
        again: bool = False,
    ) -> None:
        """Register types, and before them what they are made of."""
        for oid in oids:
            for info in _closure(database, oid):
                for adapters in contexts[1:]:
                    if not _has_loader(adapters, info.oid) or (again and info.oid == oid):
                        self._register_type(auto, adapters, database, info)

    def _register_type(
        self, auto: _core.AutoTypes, adapters: AdaptersMap, database: _Database, info: _Type
    ) -> None:
        """Register a type and its arrays."""
        from .array import _register as register_array

        match info.kind:
            case "c":
                _register_composite(auto, adapters, database, info)
            case "e" if self._enums:
                _register_enum(auto, adapters, database, info)
            case "e":
                _alias(adapters, info.oid, 25)
            case "d":
                _alias(adapters, info.oid, info.base)
            case "r":
                from .range import RangeInfo, register_range

                register_range(
                    RangeInfo(
                        info.name,
                        info.oid,
                        info.array_oid,
                        regtype=info.regtype,
                        subtype_oid=info.subtype,
                    ),
                    adapters,
                )
            case "m":
                from .multirange import MultirangeInfo, register_multirange

                register_multirange(
                    MultirangeInfo(
                        info.name,
                        info.oid,
                        info.array_oid,
                        regtype=info.regtype,
                        range_oid=info.range,
                        subtype_oid=info.subtype,
                    ),
                    adapters,
                )
        if info.array_oid and not _has_loader(adapters, info.array_oid):
            from .._typeinfo import TypeInfo

            plain = TypeInfo(
                info.name,
                info.oid,
                info.array_oid,
                regtype=info.regtype,
                delimiter=info.delimiter,
            )
            if adapters.types.get(info.oid) is None:
                adapters.types.add(plain)
            register_array(adapters, plain)


def _register_composite(
    auto: _core.AutoTypes, adapters: AdaptersMap, database: _Database, info: _Type
) -> None:
    from .composite import CompositeInfo, _named_tuple, register_composite

    names, types = zip(*info.fields) if info.fields else ((), ())
    composite = CompositeInfo(
        info.name,
        info.oid,
        info.array_oid,
        regtype=info.regtype,
        field_names=names,
        field_types=types,
    )
    with _lock:
        factory = database.classes.get(info)
        if factory is None:
            factory = database.classes[info] = _named_tuple(composite)
    register_composite(composite, adapters, factory)
    _make_lenient(auto, adapters, info.oid)


def _register_enum(
    auto: _core.AutoTypes, adapters: AdaptersMap, database: _Database, info: _Type
) -> None:
    from .enum import EnumInfo, register_enum

    enum = EnumInfo(info.name, info.oid, info.array_oid, info.labels, regtype=info.regtype)
    with _lock:
        known = database.classes.get(info)
    try:
        register_enum(enum, adapters, known)
    except (TypeError, ValueError):
        # Labels that no Enum can have.
        _alias(adapters, info.oid, 25)
        return
    with _lock:
        database.classes.setdefault(info, enum.enum)
    _make_lenient(auto, adapters, info.oid)


def _make_lenient(auto: _core.AutoTypes, adapters: AdaptersMap, oid: int) -> None:
    """Let loaders that were just registered load as text what does not suit them: the type has
    been changed since, and is to be looked up again.
    """
    for format in (Format.TEXT, Format.BINARY):
        loader = adapters.get_loader(oid, format)
        assert loader is not None
        members = {
            "__module__": __name__,
            "_native": loader._native,  # type: ignore[attr-defined]
            "_mismatched": staticmethod(lambda: auto.forget(oid)),
        }
        adapters.register_loader(oid, type(loader.__name__, (loader,), members))


def _log_failure(contexts: Contexts, ex: Exception) -> None:
    """Values of types that cannot be registered are text, which is no reason to fail a query."""
    from logging import getLogger

    getLogger("psycopg").warning("error ignored looking up types on %s: %s", contexts[0], ex)


def _has_loader(adapters: AdaptersMap, oid: int) -> bool:
    return adapters.get_loader(oid, Format.TEXT) is not None


def _alias(adapters: AdaptersMap, oid: int, base: int) -> None:
    """Load a type as another one."""
    for format in (Format.TEXT, Format.BINARY):
        loader = adapters.get_loader(base, format)
        if loader is not None:
            adapters.register_loader(oid, loader)


def _closure(database: _Database, oid: int) -> list[_Type]:
    """A type and all that it is made of, each behind its own parts."""
    found: dict[int, _Type] = {}
    visited: set[int] = set()

    def visit(oid: int) -> None:
        info = database.types.get(oid)
        if info is None or oid in visited:
            return
        visited.add(oid)
        for part in info.parts():
            visit(part)
        found[oid] = info

    visit(oid)
    return list(found.values())


def _query(server_version: int, oids: Sequence[int]) -> bytes:
    """A query of one value, in JSON: the database, and the types with all that they are made of.

    An array type is there for its element type, which names it.
    """
    multiranges = server_version >= 140000
    range_of = "r.rngtypid = t.oid" + (" OR r.rngmultitypid = t.oid" if multiranges else "")
    range_parts = "r.rngsubtype" + (", r.rngtypid" if multiranges else "")
    asked = ",".join(map(str, oids))
    return f"""\
WITH RECURSIVE wanted(oid) AS (
    SELECT unnest('{{{asked}}}'::pg_catalog.oid[])
  UNION
    SELECT p.oid FROM wanted AS w JOIN pg_catalog.pg_type AS t ON t.oid = w.oid
    CROSS JOIN LATERAL (
        SELECT e.oid FROM pg_catalog.pg_type AS e WHERE e.oid = t.typelem AND e.typarray = t.oid
      UNION ALL
        SELECT t.typbasetype WHERE t.typtype = 'd'
      UNION ALL
        SELECT unnest(ARRAY[{range_parts}]) FROM pg_catalog.pg_range AS r WHERE {range_of}
      UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS p(oid)
), types AS (
    SELECT t.oid, t.typname AS name, t.oid::pg_catalog.regtype::text AS regtype, t.typtype AS kind,
        t.typarray AS array_oid, t.typdelim AS delimiter,
        COALESCE((
            SELECT e.oid FROM pg_catalog.pg_type AS e
            WHERE e.oid = t.typelem AND e.typarray = t.oid
        ), 0) AS element,
        t.typbasetype AS base, COALESCE(r.rngsubtype, 0) AS subtype,
        COALESCE(r.rngtypid, 0) AS range,
        (
            SELECT pg_catalog.json_agg(
                pg_catalog.json_build_array(a.attname, a.atttypid::bigint) ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute AS a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0
                AND NOT a.attisdropped
        ) AS fields,
        (
            SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)
            FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid
        ) AS labels
    FROM wanted AS w JOIN pg_catalog.pg_type AS t ON t.oid = w.oid
    LEFT JOIN pg_catalog.pg_range AS r ON {range_of}
)
SELECT pg_catalog.json_build_object(
    'database', (
        SELECT pg_catalog.concat_ws(' ', d.oid, pg_catalog.pg_postmaster_start_time())
        FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()
    ),
    'asked', '[{asked}]'::json,
    'types', (
        SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
            'oid', oid::bigint, 'name', name, 'regtype', regtype, 'kind', kind,
            'array_oid', array_oid::bigint, 'delimiter', delimiter, 'element', element::bigint,
            'base', base::bigint, 'subtype', subtype::bigint, 'range', range::bigint,
            'fields', fields, 'labels', labels
        )) FROM types
    )
)::text""".encode()
