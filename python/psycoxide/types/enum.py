"""Enumerated types: what is known about them.

See `Enumerated Types <https://www.postgresql.org/docs/current/datatype-enum.html>`__.
"""

from __future__ import annotations

from .._typeinfo import COMMON_COLUMNS, REGTYPE, TypeInfo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import Enum
    from typing import Any

    from .._base.connection import BaseConnection


class EnumInfo(TypeInfo):
    """What is known about an enumerated type.

    :param labels: the values, in their order.
    """

    __module__ = "psycoxide.types.enum"

    def __init__(
        self, name: str, oid: int, array_oid: int, labels: Sequence[str], *, regtype: str = ""
    ):
        super().__init__(name, oid, array_oid, regtype=regtype)
        self.labels = labels
        #: The Python enumeration of the values; set when the type is registered.
        self.enum: type[Enum] | None = None

    @classmethod
    def _get_info_query(cls, conn: BaseConnection[Any]) -> str:
        return f"""\
SELECT {COMMON_COLUMNS}, ARRAY(
    SELECT e.enumlabel::text FROM pg_catalog.pg_enum AS e
    WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder
) AS labels
FROM pg_catalog.pg_type AS t
WHERE t.oid = {REGTYPE} AND t.typtype = 'e'"""
