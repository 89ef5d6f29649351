"""`None`, which the server knows as NULL."""

from __future__ import annotations

from ..adapt import Dumper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..abc import AdaptContext


class NoneDumper(Dumper):
    """`None`: a literal only. As a parameter it is no value at all."""

    _native = "none"

    def dump(self, obj: None) -> None:
        raise NotImplementedError("NULL is passed to Postgres in other ways")

    def quote(self, obj: None) -> bytes:
        return b"NULL"


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    context.adapters.register_dumper(type(None), NoneDumper)
