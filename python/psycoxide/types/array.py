"""Arrays: lists of values of one type, nested as deep as the array has dimensions.

See `Arrays <https://www.postgresql.org/docs/current/arrays.html>`__.
"""

from __future__ import annotations

from .. import errors
from .._core import _dump, _load
from ..adapt import PyFormat, RecursiveDumper, RecursiveLoader
from ..pq._enums import Format
from .numeric import IntDumper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .._typeinfo import TypeInfo
    from ..abc import AdaptContext, Buffer, DumperKey
    from ..adapt import AdaptersMap

_TEXT = 25


class BaseListDumper(RecursiveDumper):
    """The base of the dumpers of `list`."""

    element_oid = 0
    """The type of the elements; 0: the elements decide."""

    def __init__(self, cls: type, context: AdaptContext | None = None):
        super().__init__(cls, context)
        self.sub_dumper: Any = None
        if self.element_oid:
            format = type(self).format
            cls = self._tx.adapters.get_dumper_by_oid(self.element_oid, format)
            self.sub_dumper = cls(type(None), self._tx)

    def get_key(self, obj: list[Any], format: PyFormat) -> DumperKey:
        if self.oid:
            return self.cls
        element = self._element_dumper(obj)
        if element is None:
            return self._key_without_elements()
        item, dumper = element
        return (self.cls, dumper.get_key(item, self._element_format()))

    def upgrade(self, obj: list[Any], format: PyFormat) -> BaseListDumper:
        element = None if self.oid else self._element_dumper(obj)
        if element is None:
            return self if self.oid else self._without_elements()
        dumper = type(self)(self.cls, self._tx)
        dumper.sub_dumper = element[1]
        dumper.oid = self._array_oid(element[1].oid)
        return dumper

    def _key_without_elements(self) -> DumperKey:
        return self.cls

    def _without_elements(self) -> BaseListDumper:
        return self

    def _element_format(self) -> PyFormat:
        return PyFormat.from_pq(self.format)

    def _element_dumper(self, obj: list[Any]) -> tuple[Any, Any] | None:
        """An element and the dumper for all; `None` if there is no element."""
        items = list(_elements(obj, []))
        if not items:
            return None
        examples = {type(item): item for item in items}
        format = self._element_format()
        tx = self._tx
        if len(examples) == 1:
            ((cls, item),) = examples.items()
            if issubclass(tx.adapters.get_dumper(cls, format), IntDumper):
                item = max(max(items), -min(items) - 1)
            return item, tx.get_dumper(item, format)
        dumpers = {type(tx.get_dumper(item, format)) for item in examples.values()}
        if len(dumpers) > 1:
            names = ", ".join(sorted(cls.__name__ for cls in examples))
            raise errors.DataError(f"cannot dump lists of mixed types; got: {names}")
        item = next(iter(examples.values()))
        return item, tx.get_dumper(item, format)

    def _array_oid(self, element_oid: int) -> int:
        info = self._tx.adapters.types.get(element_oid) if element_oid else None
        return info.array_oid if info else 0


def _elements(obj: list[Any], path: list[int]) -> Iterator[Any]:
    """The elements of a list and of the lists in it, `None` aside."""
    if id(obj) in path:
        raise errors.DataError("cannot dump a recursive list")
    path.append(id(obj))
    for item in obj:
        if isinstance(item, list):
            yield from _elements(item, path)
        elif item is not None:
            yield item
    path.pop()


class ListDumper(BaseListDumper):
    """`list` to an array, as text."""

    delimiter = b","
    """What separates the elements."""

    _native = "array"

    def dump(self, obj: list[Any]) -> Buffer | None:
        return _dump("array", 0, self, obj)


class ListBinaryDumper(BaseListDumper):
    """`list` to an array, binary."""

    format = Format.BINARY
    _native = "array"

    def dump(self, obj: list[Any]) -> Buffer | None:
        return _dump("array", 1, self, obj)

    # A binary array has to say what its elements are; a text only looks empty.

    def _key_without_elements(self) -> DumperKey:
        return (self.cls,)

    def _without_elements(self) -> BaseListDumper:
        return ListDumper(self.cls, self._tx)

    def _array_oid(self, element_oid: int) -> int:
        # A binary array says what its elements are: text, if they do not know.
        return super()._array_oid(element_oid) or super()._array_oid(_TEXT)


class ArrayLoader(RecursiveLoader):
    """Arrays to `list`, from text."""

    delimiter = b","
    """What separates the elements."""

    base_oid: int
    """The type of the elements."""

    _native = "array"

    def load(self, data: Buffer) -> list[Any]:
        value: list[Any] = _load("array", 0, self, data)
        return value


class ArrayBinaryLoader(RecursiveLoader):
    """Arrays to `list`, binary."""

    format = Format.BINARY
    _native = "array"

    def load(self, data: Buffer) -> list[Any]:
        value: list[Any] = _load("array", 1, self, data)
        return value


def check_info(info: TypeInfo | None, what: str) -> None:
    """Refuse the `None` that `fetch()` returns for a type that does not exist.

    :raises TypeError: if there is no information.
    """
    if info is None:
        raise TypeError(f"no info passed: does the database have the {what}?")


def register_array(info: TypeInfo, context: AdaptContext | None = None) -> None:
    """Make the arrays of a type known.

    :param context: the connection, cursor or map to tell; every connection made from now on by
        default.
    :raises ValueError: if the type has no array type.
    """
    if not info.array_oid:
        raise ValueError(f"the type info {info} doesn't describe an array")

    if context is None:
        from ..postgres import adapters
    else:
        adapters = context.adapters
    _register(adapters, info)


def _register(adapters: AdaptersMap, info: TypeInfo) -> None:
    adapters._register_array(info.name, info.array_oid, info.oid, info.delimiter.encode())


def _make_loader(name: str, array_oid: int, base_oid: int, delimiter: bytes) -> type[ArrayLoader]:
    """The class for the text of an array type; called when somebody asks for it."""
    members = {"__module__": __name__, "base_oid": base_oid, "delimiter": delimiter}
    return type(f"{_class_name(name)}ArrayLoader", (ArrayLoader,), {**members, "_native": "array"})


def _make_dumper(name: str, array_oid: int, base_oid: int, delimiter: bytes) -> type[ListDumper]:
    """The class that writes an array type as text; called when somebody asks for it."""
    members = {
        "__module__": __name__,
        "oid": array_oid,
        "element_oid": base_oid,
        "delimiter": delimiter,
        "_native": "array",
    }
    return type(f"{_class_name(name)}ListDumper", (ListDumper,), members)


def _make_binary_dumper(
    name: str, array_oid: int, base_oid: int, delimiter: bytes
) -> type[ListBinaryDumper]:
    """The class that writes an array type in binary; called when somebody asks for it."""
    members = {
        "__module__": __name__,
        "oid": array_oid,
        "element_oid": base_oid,
        "_native": "array",
    }
    return type(f"{_class_name(name)}ListBinaryDumper", (ListBinaryDumper,), members)


def _class_name(name: str) -> str:
    return name.title()


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    # The text dumper is the automatic choice: it needs not know what the elements are.
    context.adapters.register_dumper(list, ListBinaryDumper)
    context.adapters.register_dumper(list, ListDumper)


def register_all_arrays(context: AdaptContext) -> None:
    """Register the arrays of all types that the context knows."""
    for info in context.adapters.types:
        if info.array_oid:
            _register(context.adapters, info)
