"""Types of the database: what is known about them, and the adapters, a module for each family.

The modules are imported when they are first used: the core knows their classes by name.
"""

from .._typeinfo import TypeInfo as TypeInfo
from .._typeinfo import TypesRegistry as TypesRegistry

_MODULES = frozenset(
    ("array", "bool", "composite", "datetime", "enum", "json", "multirange", "net", "none")
    + ("numeric", "numpy", "range", "string", "uuid")
)


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
