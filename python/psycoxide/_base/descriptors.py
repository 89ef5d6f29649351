"""Attributes that the core has, shown as Python shows its own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def core_property(cls: type, name: str) -> Any:
    """Make a `property` of a core class's attribute, which can be inspected as one.

    It calls the core directly: no frame of Python stands between.
    """
    descriptor = vars(cls)[name]
    return property(descriptor.__get__, descriptor.__set__, None, descriptor.__doc__)
