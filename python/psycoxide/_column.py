"""A column of a result, as `Cursor.description` shows it.

See `PEP 249, description <https://peps.python.org/pep-0249/#description>`__.
"""

from __future__ import annotations

from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._base.cursor import BaseCursor
    from ._typeinfo import TypeInfo


class Column(Sequence):  # type: ignore[type-arg]
    """A column of a result: a sequence of the seven items of the DB-API, also by name.

    :param cursor: a cursor that has a result.
    :param index: the number of the column, from 0.
    """

    __slots__ = ("__weakref__", "_modifier", "_name", "_oid", "_size", "_type")
    __module__ = "psycoxide"

    _name: str
    _oid: int
    _size: int
    _modifier: int
    _type: TypeInfo | None

    def __init__(self, cursor: BaseCursor[Any, Any], index: int):
        result = cursor.pgresult
        if result is None:
            raise IndexError("the cursor doesn't have a result")
        name = result.fname(index)
        if name is None:
            raise IndexError(f"the result has no column {index}")
        # The columns of a COPY have no names.
        self._name = name.decode(cursor._encoding, "replace") or f"column_{index + 1}"
        self._oid = result.ftype(index)
        self._size = result.fsize(index)
        self._modifier = result.fmod(index)
        self._type = cursor.adapters.types.get(self._oid)

    @classmethod
    def _make(
        cls, name: str, oid: int, size: int, modifier: int, type_info: TypeInfo | None
    ) -> Column:
        """A column without a cursor, for the core and for unpickling.

        :param size: of a value in bytes, negative if it varies.
        :param modifier: of the type, -1 if there is none.
        :param type_info: what the registry knows about `oid`.
        """
        self = cls.__new__(cls)
        self._name = name
        self._oid = oid
        self._size = size
        self._modifier = modifier
        self._type = type_info
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        info = self._type
        return type(self)._make, (
            *(self._name, self._oid, self._size, self._modifier),
            None if info is None else info._plain(),
        )

    def __repr__(self) -> str:
        return f"<Column {self._name!r}, type: {self.type_display} (oid: {self._oid})>"

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: Any) -> Any:
        if index == 0:
            return self._name
        return (
            *(self._name, self._oid, self.display_size, self.internal_size),
            *(self.precision, self.scale, None),
        )[index]

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def type_code(self) -> int:
        """The OID of the type, comparable with :data:`psycoxide.STRING` and its like."""
        return self._oid

    @property
    def display_size(self) -> int | None:
        """The length of the type in characters or bits; `None` if it has none."""
        return self._type.get_display_size(self._modifier) if self._type else None

    @property
    def internal_size(self) -> int | None:
        """The size of a value on the server in bytes; `None` if it varies."""
        return self._size if self._size >= 0 else None

    @property
    def precision(self) -> int | None:
        """The number of digits, of a `numeric`; of digits of the second, of a time."""
        return self._type.get_precision(self._modifier) if self._type else None

    @property
    def scale(self) -> int | None:
        """The number of digits after the point, of a `numeric`."""
        return self._type.get_scale(self._modifier) if self._type else None

    @property
    def null_ok(self) -> None:
        """Always `None`: the server does not tell."""
        return None

    @property
    def type_display(self) -> str:
        """The type as SQL writes it: `numeric(10,2)[]`; the OID if the type is not registered."""
        if self._type is None:
            return str(self._oid)
        return self._type.get_type_display(oid=self._oid, fmod=self._modifier)
