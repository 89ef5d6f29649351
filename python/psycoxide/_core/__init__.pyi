"""The core. Each of its modules has a stub here; what has none yet is untyped."""

from typing import Any

from .adapt import AdaptersMap as AdaptersMap
from .adapt import SessionRef as SessionRef
from .adapt import Transformer as Transformer
from .adapt import _builtin_types as _builtin_types
from .adapt import _dump as _dump
from .adapt import _dump_composite as _dump_composite
from .adapt import _load as _load
from .adapt import _quote as _quote
from .adapt import _set_json_dumps as _set_json_dumps
from .adapt import _set_json_loads as _set_json_loads

def __getattr__(name: str) -> Any: ...
