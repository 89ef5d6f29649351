"""Adaptation: which class turns which Python value into bytes, and bytes into which value.

An :class:`AdaptersMap` holds the classes: the package has one (:data:`psycoxide.adapters`), each
connection a copy of it, each cursor a copy of its connection's. The built-in classes name a codec
of the core (`_native`), which the core runs in place of the class; a subclass has none of its own,
so that its methods are called.

See "Data adaptation configuration" of the psycopg manual.
"""

from __future__ import annotations

from . import _core
from ._core import Transformer as Transformer
from ._enums import PyFormat as PyFormat
from .pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import abc
    from ._base.connection import BaseConnection
    from ._typeinfo import TypesRegistry
    from .abc import AdaptContext, Buffer


class AdaptersMap(_core.AdaptersMap):
    """The dumpers for Python types and the loaders for PostgreSQL types.

    :param template: a map to begin with. Later changes of either do not affect the other.
    :param types: the types to find by name, if there is no template.
    """

    __slots__ = ()

    types: TypesRegistry

    def __init__(
        self, template: AdaptersMap | None = None, types: TypesRegistry | None = None
    ) -> None:
        # The core's __new__ has done the work.
        pass

    @property
    def _dumpers(self) -> dict[PyFormat, dict[type | str, type[abc.Dumper]]]:
        """The dumpers by format, then by class or its name. A copy, for looking at."""
        dumpers, _ = self._registered()
        return dict(zip((PyFormat.AUTO, PyFormat.TEXT, PyFormat.BINARY), dumpers, strict=True))

    @property
    def _loaders(self) -> list[dict[int, type[abc.Loader]]]:
        """The loaders by format, then by OID. A copy, for looking at."""
        _, loaders = self._registered()
        return loaders


class Dumper:
    """The base of the classes that turn values of a Python class into bytes.

    :param cls: the class of the values.
    :param context: the connection, cursor, transformer or map that it works for.
    """

    oid: int = 0
    """The OID of the type that :meth:`dump` writes; 0: the server finds out."""

    format: Format = Format.TEXT
    """The format that :meth:`dump` writes."""

    def __init__(self, cls: type, context: AdaptContext | None = None):
        self.cls = cls
        self.connection: BaseConnection[Any] | None = context.connection if context else None

    def __repr__(self) -> str:
        cls = type(self)
        return f"<{cls.__module__}.{cls.__qualname__} (oid={self.oid}) at 0x{id(self):x}>"

    def dump(self, obj: Any) -> Buffer | None:
        """The value in the format :attr:`format`; `None` for NULL. `obj` is never `None`."""
        raise NotImplementedError(f"{type(self).__name__} has no dump()")

    def quote(self, obj: Any) -> Buffer:
        """The value as a literal in SQL: what :meth:`dump` writes, in quotes."""
        value = self.dump(obj)
        return b"NULL" if value is None else _core._quote(self, value)

    def get_key(self, obj: Any, format: PyFormat) -> abc.DumperKey:
        """What the values that this dumper suits have in common: their class.

        A dumper that serves some values of the class only returns another key for the others, and
        :meth:`upgrade` makes the dumper for that key.
        """
        return self.cls

    def upgrade(self, obj: Any, format: PyFormat) -> Dumper:
        """The dumper for a value, when :meth:`get_key` is not the class."""
        return self


class Loader:
    """The base of the classes that turn bytes of a PostgreSQL type into values.

    :param oid: the OID of the type.
    :param context: the connection, cursor, transformer or map that it works for.
    """

    format: Format = Format.TEXT
    """The format that :meth:`load` reads."""

    def __init__(self, oid: int, context: AdaptContext | None = None):
        self.oid = oid
        self.connection: BaseConnection[Any] | None = context.connection if context else None

    def load(self, data: Buffer) -> Any:
        """The value that the bytes stand for. NULL never comes here."""
        raise NotImplementedError(f"{type(self).__name__} has no load()")


class RecursiveDumper(Dumper):
    """The base of dumpers of values that are made of other values."""

    def __init__(self, cls: type, context: AdaptContext | None = None):
        super().__init__(cls, context)
        self._tx = Transformer.from_context(context)


class RecursiveLoader(Loader):
    """The base of loaders of values that are made of other values."""

    def __init__(self, oid: int, context: AdaptContext | None = None):
        super().__init__(oid, context)
        self._tx = Transformer.from_context(context)
