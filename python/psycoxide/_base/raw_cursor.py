"""What cursors with PostgreSQL's own placeholders have in common."""

from __future__ import annotations

from .. import _core


class RawCursorMixin(_core.CursorBase):
    """Sends the query as it is; the parameters are a sequence, for `$1`, `$2`…"""

    _binding = 2
    _execute = _core.CursorBase._execute_raw
