"""Running programs written for psycopg: `import psycopg` gives psycoxide, in this process.

After `install_as_psycopg()` every module `psycopg.x` *is* the module `psycoxide.x`, the same
object, so that a class has one identity whichever name it was imported by. Only the top module is
an object of its own: it answers `__version__` with the version of psycopg whose interface this is,
which frameworks compare, and passes everything else on to psycoxide.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

PSYCOPG_VERSION = "3.3.9"
"""The version of psycopg whose interface psycoxide has."""

MARK = "__psycoxide_alias__"
"""An attribute of the modules which stand for psycopg's: they are not the real ones."""

# psycopg's name -> ours. The pool is a distribution of its own there.
ROOTS = {"psycopg": "psycoxide", "psycopg_pool": "psycoxide.pool"}

# What belongs to the alias itself; all other attributes are psycoxide's.
_OWN = frozenset({"__class__", "__loader__", "__name__", "__package__", "__spec__", "__version__"})


def install_as_psycopg() -> None:
    """Make `import psycopg` and `import psycopg_pool` give psycoxide in this process.

    Every `psycopg.*` module is then the module of psycoxide with the same name. The defaults of
    connection parameters become libpq's, as programs written for psycopg expect. To be called
    before anything imports psycopg; later calls do nothing. A process started with the
    "spawn" method has to call it too.

    Raises:
        ImportError: the real psycopg has been imported already.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    for name in ROOTS:
        present = sys.modules.get(name)
        if present is not None and not hasattr(present, MARK):
            where = getattr(present, "__file__", None) or "an unknown place"
            raise ImportError(
                f"{name} is already imported, from {where}: call psycoxide.install_as_psycopg()"
                f" before the first import of {name}, at the start of the program",
                name=name,
            )

    from . import conninfo

    conninfo.set_default_profile("libpq")
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    spec = finder.find_spec("psycopg")
    assert spec is not None
    sys.modules["psycopg"] = _Psycopg(spec)
    # Modules which are loaded already are there under both names; the finder sees to the others.
    for name, module in list(sys.modules.items()):
        if name.startswith("psycoxide."):
            sys.modules.setdefault("psycopg" + name.removeprefix("psycoxide"), module)


def public_name() -> str:
    """The name that programs in this process know the package by, for representations."""
    return "psycopg" if any(isinstance(f, _Finder) for f in sys.meta_path) else "psycoxide"


class _Psycopg(ModuleType):
    """The module `psycopg`: psycoxide, but for its version and its name."""

    def __init__(self, spec: importlib.machinery.ModuleSpec) -> None:
        super().__init__(spec.name, importlib.import_module("psycoxide").__doc__)
        self.__spec__ = spec
        self.__loader__ = spec.loader
        self.__package__ = spec.name
        self.__version__ = PSYCOPG_VERSION
        super().__setattr__(MARK, True)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        # Frameworks copy a driver's names out of it, as SQLAlchemy does for asyncio.
        own = vars(ModuleType)["__dict__"].__get__(self)
        return {**sys.modules["psycoxide"].__dict__, **own}

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.modules["psycoxide"], name)

    def __setattr__(self, name: str, value: object) -> None:
        # So that a name replaced by a test is replaced for psycoxide itself as well.
        if name in _OWN:
            super().__setattr__(name, value)
        else:
            setattr(sys.modules["psycoxide"], name, value)

    def __delattr__(self, name: str) -> None:
        if name in _OWN:
            super().__delattr__(name)
        else:
            delattr(sys.modules["psycoxide"], name)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *dir(sys.modules["psycoxide"])})


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `psycopg.x` where `psycoxide.x` exists."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        root, dot, rest = fullname.partition(".")
        if root not in ROOTS:
            return None
        name = ROOTS[root] + dot + rest
        ours = importlib.util.find_spec(name)
        if ours is None:
            return None
        # Nothing may enter sys.modules here: the import system would take the __spec__ of a module
        # that appears while it looks for it, and load that module a second time.
        spec = importlib.machinery.ModuleSpec(fullname, _Loader(name), origin=ours.origin)
        spec.submodule_search_locations = ours.submodule_search_locations
        return spec


class _Loader(importlib.abc.Loader):
    """Gives out the module of psycoxide, untouched."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._own_spec: importlib.machinery.ModuleSpec | None = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        if spec.name == "psycopg":
            return _Psycopg(spec)
        module = importlib.import_module(self._name)
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # Between the two calls the import system has put the alias's spec on the module.
        if self._own_spec is not None:
            module.__spec__ = self._own_spec
