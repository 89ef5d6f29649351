"""Types of the database: what is known about them, and the adapters, a module for each family."""

from .._typeinfo import TypeInfo as TypeInfo
from .._typeinfo import TypesRegistry as TypesRegistry

#: Modules that are loaded when they are first asked for; `psycoxide.types.json` needs no import.
_LAZY_MODULES = {
    *("array", "bool", "composite", "datetime", "enum", "json", "multirange", "net", "none"),
    *("numeric", "numpy", "range", "string", "uuid"),
}


def __getattr__(name: str) -> object:
    if name in _LAZY_MODULES:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY_MODULES})
