"""The types of CockroachDB, and the adapters where they differ from PostgreSQL's."""

from __future__ import annotations

from .._typeinfo import TypeInfo, TypesRegistry
from ..adapt import AdaptersMap
from ..postgres import types as postgres_types
from ..types.json import Json, JsonbBinaryDumper, JsonbDumper
from ..types.none import NoneDumper
from ..types.string import StrBinaryDumper, StrDumper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..abc import AdaptContext

#: The types that are as PostgreSQL has them.
_COMMON = (
    *("bit", "bool", "bpchar", "bytea", '"char"', "date", "float4", "float8", "inet", "int2"),
    *("int2vector", "interval", "jsonb", "name", "numeric", "oid", "oidvector", "record"),
    *("regclass", "regnamespace", "regproc", "regprocedure", "regrole", "regtype", "text", "time"),
    *("timestamp", "timestamptz", "timetz", "tsquery", "tsvector", "uuid", "varbit", "varchar"),
)


class CrdbNoneDumper(NoneDumper):
    """`None`, of the type that CockroachDB has for it."""

    oid = 705


def register_crdb_types(types: TypesRegistry) -> None:
    """Add the types of CockroachDB to a registry."""
    for name in _COMMON:
        info = postgres_types.get(name)
        assert info is not None
        types.add(info)
    for info in (
        TypeInfo("json", 3802, 3807, regtype="jsonb"),
        TypeInfo("int8", 20, 1016, regtype="integer"),
        TypeInfo("int8", 20, 1016, regtype="bigint"),
        TypeInfo("int4", 23, 1007),
        TypeInfo("unknown", 705, 0),
    ):
        types.add(info)


def register_crdb_adapters(context: AdaptContext) -> None:
    """Register the package's adapters in a map, and those that differ."""
    adapters = context.adapters
    adapters._register_builtins()
    # The last that is registered is the one for `%s`: the server must be told of every string
    # that it is one.
    adapters.register_dumper(str, StrDumper)
    adapters.register_dumper(str, StrBinaryDumper)
    adapters.register_dumper(Json, JsonbBinaryDumper)
    adapters.register_dumper(Json, JsonbDumper)
    adapters.register_dumper(type(None), CrdbNoneDumper)


#: The types of CockroachDB.
types = TypesRegistry()
register_crdb_types(types)

#: The adapters that connections to CockroachDB begin with.
adapters = AdaptersMap(types=types)
register_crdb_adapters(adapters)
