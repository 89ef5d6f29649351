"""Composite types: what is known about them.

See `Composite Types <https://www.postgresql.org/docs/current/rowtypes.html>`__. A table has one,
of the same name.
"""

from __future__ import annotations

from .._typeinfo import COMMON_COLUMNS, REGTYPE, TypeInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._base.connection import BaseConnection


class CompositeInfo(TypeInfo):
    """What is known about a composite type.

    :param field_names: the names of its fields, in their order.
    :param field_types: the OIDs of their types.
    """

    __module__ = "psycoxide.types.composite"

    def __init__(
        self,
        name: str,
        oid: int,
        array_oid: int,
        *,
        regtype: str = "",
        field_names: Sequence[str],
        field_types: Sequence[int],
    ):
        super().__init__(name, oid, array_oid, regtype=regtype)
        self.field_names = tuple(field_names)
        self.field_types = tuple(field_types)
        #: The Python type of the values; set when the type is registered.
        self.python_type: type | None = None

    @classmethod
    def _get_info_query(cls, conn: BaseConnection[Any]) -> str:
        return f"""\
SELECT {COMMON_COLUMNS}, {_fields("a.attname::text")} AS field_names,
    {_fields("a.atttypid")} AS field_types
FROM pg_catalog.pg_type AS t
WHERE t.oid = {REGTYPE} AND t.typrelid <> 0"""


def _fields(column: str) -> str:
    """An array with something of each field; a dropped column of a table is none any more."""
    return f"""ARRAY(
        SELECT {column} FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
    )"""
