"""JSON: the wrappers that say that a value is to be sent as `json` or `jsonb`.

See `JSON Types <https://www.postgresql.org/docs/current/datatype-json.html>`__.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    JsonDumpsFunction: TypeAlias = Callable[[Any], str | bytes]
    JsonLoadsFunction: TypeAlias = Callable[[str | bytes], Any]


class _JsonWrapper:
    __slots__ = ("dumps", "obj")

    def __init__(self, obj: Any, dumps: JsonDumpsFunction | None = None):
        self.obj = obj
        self.dumps = dumps

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_shortened(repr(self.obj))})"


class Json(_JsonWrapper):
    """A value to be sent as `json`.

    :param obj: anything that `dumps` can serialise: `dict`, `list`, `str`, numbers, `None`…
    :param dumps: what serialises it; the function of :func:`set_json_dumps` by default.
    """

    __slots__ = ()


class Jsonb(_JsonWrapper):
    """A value to be sent as `jsonb`.

    :param obj: anything that `dumps` can serialise: `dict`, `list`, `str`, numbers, `None`…
    :param dumps: what serialises it; the function of :func:`set_json_dumps` by default.
    """

    __slots__ = ()


def _shortened(text: str) -> str:
    """A document may be long; 40 characters are enough to recognise it."""
    return text if len(text) <= 40 else f"{text[:35]} ... ({len(text)} chars)"
