"""Template strings for every Python: the real ones of 3.14, or objects of the same shape."""

from __future__ import annotations

import sys
from typing import Any

if sys.version_info >= (3, 14):
    from string.templatelib import Interpolation, Template
else:

    class Interpolation:
        """As `string.templatelib.Interpolation`."""

        def __init__(
            self,
            value: object,
            expression: str = "",
            conversion: str | None = None,
            format_spec: str = "",
        ):
            self.value = value
            self.expression = expression
            self.conversion = conversion
            self.format_spec = format_spec

    class Template:
        """As `string.templatelib.Template`: neighbouring texts are one, empty ones are left out."""

        def __init__(self, *args: Any):
            self.args: list[Any] = []
            for arg in args:
                if isinstance(arg, str) and self.args and isinstance(self.args[-1], str):
                    self.args[-1] += arg
                elif arg != "":
                    self.args.append(arg)

        def __iter__(self) -> Any:
            return iter(self.args)

    # It is recognised by these, see psycoxide.sql.
    Template.__module__ = Interpolation.__module__ = "string.templatelib"


def value(obj: object, spec: str = "", conversion: str | None = None) -> Interpolation:
    """`{x:spec}` with the value `obj`."""
    return Interpolation(obj, "x", conversion, spec)


__all__ = ["Interpolation", "Template", "value"]
