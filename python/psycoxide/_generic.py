"""A base for generic classes that does without `typing`.

Importing `typing` takes longer than importing the rest of the package's base. Type checkers see
`typing.Generic`; at run time this does the little that is needed: subscribing a class.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, TypeVar

    from ._base.connection import BaseConnection
    from ._row_protocols import Row

    ConnectionType = TypeVar("ConnectionType", bound="BaseConnection[Any]")
    """The class of a cursor's connection."""
else:
    from types import GenericAlias

    class Generic:
        """Stands for `typing.Generic` at run time."""

        __slots__ = ()

        @classmethod
        def __class_getitem__(cls, item: object) -> GenericAlias:
            return GenericAlias(cls, item)

    #: What type checkers know as type variables; subscripts need some object.
    Row = "Row"
    ConnectionType = "ConnectionType"

__all__ = ["ConnectionType", "Generic", "Row"]
