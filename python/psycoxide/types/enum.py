"""Enumerated types: what is known about them.

See `Enumerated Types <https://www.postgresql.org/docs/current/datatype-enum.html>`__.
"""

from __future__ import annotations

from .._core import _dump
from .._typeinfo import COMMON_COLUMNS, REGTYPE, TypeInfo
from ..adapt import Dumper
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import Enum
    from typing import Any

    from .._base.connection import BaseConnection
    from ..abc import AdaptContext, Buffer


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


class EnumDumper(Dumper):
    """Members of an `Enum` to their name, as text; the server finds out the type."""

    _native = "enum"

    def dump(self, obj: Any) -> Buffer | None:
        return _dump("enum", 0, self, obj)


class EnumBinaryDumper(EnumDumper):
    """Members of an `Enum` to their name, binary; the server finds out the type."""

    format = Format.BINARY
    _native = "enum"

    def dump(self, obj: Any) -> Buffer | None:
        return _dump("enum", 1, self, obj)


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    # As text by choice: the server may take the value for another type's.
    context.adapters.register_dumper("enum.Enum", EnumBinaryDumper)
    context.adapters.register_dumper("enum.Enum", EnumDumper)
