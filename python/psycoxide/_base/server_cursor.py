"""What cursors on the server have in common."""

from __future__ import annotations

import warnings

from .. import _core


class ServerCursorMixin(_core.CursorBase):
    """A cursor with a name, whose rows stay on the server until they are fetched."""

    _name: str | None = None
    _scrollable: bool | None
    _withhold: bool

    def __del__(self) -> None:
        # The interpreter may be on its way out, or the object only half made.
        try:
            if self._name is None or self.closed:
                return
            warnings.warn(
                f"{object.__repr__(self)} was deleted while still open."
                " Please use 'with' or '.close()' to close the cursor properly",
                ResourceWarning,
                stacklevel=1,
            )
        except (AttributeError, TypeError):
            pass

    def _init_server(self, name: str, scrollable: bool | None, withhold: bool) -> None:
        self._server_init(name, scrollable, withhold)
        self._name = name
        self._scrollable = scrollable
        self._withhold = withhold

    def _label(self) -> str:
        return f" {self._name!r}"

    @property
    def name(self) -> str:
        """The name of the cursor."""
        return self._name or ""

    @property
    def scrollable(self) -> bool | None:
        """Whether the cursor goes backwards; `None`: as the server decides by the query."""
        return self._scrollable

    @property
    def withhold(self) -> bool:
        """Whether the cursor outlives its transaction."""
        return self._withhold

    @property
    def itersize(self) -> int:
        """How many rows an iteration fetches at a time, at least 1; 100 by default."""
        return self._itersize

    @itersize.setter
    def itersize(self, value: int) -> None:
        self._itersize = value
