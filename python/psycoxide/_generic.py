"""A base for generic classes that does without `typing`.

Importing `typing` takes longer than importing the rest of the package's base. Type checkers see
`typing.Generic`; at run time this does the little that is needed: subscribing a class.
"""

from types import GenericAlias


class Generic:
    """Stands for `typing.Generic` at run time."""

    __slots__ = ()

    @classmethod
    def __class_getitem__(cls, item: object) -> GenericAlias:
        return GenericAlias(cls, item)


#: What `_row_protocols` and type checkers know as type variables; subscripts need some object.
Row = "Row"
ConnectionType = "ConnectionType"
