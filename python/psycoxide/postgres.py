"""The types and adapters that the package begins with.

They are those of every PostgreSQL and YugabyteDB server. What is registered without saying where
is registered here, for the connections made from then on.
"""

from __future__ import annotations

from ._typeinfo import TypeInfo, TypesRegistry
from .adapt import AdaptersMap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .abc import AdaptContext


class _DefaultTypes(TypesRegistry):
    """A registry that is filled when somebody first looks into it."""

    def __init__(self) -> None:
        self._shared = False

    def __getattr__(self, name: str) -> Any:
        if name != "_types":
            raise AttributeError(name)
        self._types = {}
        register_default_types(self)
        return self._types


def register_default_types(types: TypesRegistry) -> None:
    """Add the types that every server has to a registry."""
    from . import _typemod
    from ._core import _builtin_types
    from .types.multirange import MultirangeInfo
    from .types.range import RangeInfo

    modifiers = {
        "char": _typemod.CharTypeModifier,
        "bpchar": _typemod.CharTypeModifier,
        "varchar": _typemod.CharTypeModifier,
        "bit": _typemod.BitTypeModifier,
        "varbit": _typemod.BitTypeModifier,
        "numeric": _typemod.NumericTypeModifier,
        "interval": _typemod.IntervalTypeModifier,
        "time": _typemod.TimeTypeModifier,
        "timetz": _typemod.TimeTypeModifier,
        "timestamp": _typemod.TimeTypeModifier,
        "timestamptz": _typemod.TimeTypeModifier,
    }
    info: TypeInfo
    for name, oid, array_oid, regtype, delimiter, parts in _builtin_types():
        match parts:
            case (subtype_oid,):
                info = RangeInfo(name, oid, array_oid, regtype=regtype, subtype_oid=subtype_oid)
            case (range_oid, subtype_oid):
                info = MultirangeInfo(
                    name,
                    oid,
                    array_oid,
                    regtype=regtype,
                    range_oid=range_oid,
                    subtype_oid=subtype_oid,
                )
            case _:
                info = TypeInfo(
                    name,
                    oid,
                    array_oid,
                    regtype=regtype,
                    delimiter=delimiter,
                    typemod=modifiers.get(name.strip('"'), _typemod.TypeModifier),
                )
        types.add(info)


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of the package in a map."""
    context.adapters._register_builtins()


#: The types known to the package.
types: TypesRegistry = _DefaultTypes()

#: The adapters of the package, which connections begin with.
adapters = AdaptersMap(types=types)
register_default_adapters(adapters)
