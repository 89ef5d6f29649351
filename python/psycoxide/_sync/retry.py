# Generated from ../_async/retry.py by tools/unasync.py: edit that, then `make twins`.
"""Running a transaction until it succeeds: the loop around `_base.retry`."""

from __future__ import annotations

from .. import _errors_base as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._base.retry import Attempts
    from .connection import Connection


def run(connection: Connection[Any], function: Any, attempts: Attempts) -> Any:
    """Run the function in a transaction, again and again as `attempts` say; return its result."""
    while True:
        attempts.begin()
        result = None  # It stays None if the function undoes the block by `Rollback`.
        try:
            with connection.transaction():
                result = function(connection)
                attempts.ended()
            return result
        except e.Error as ex:
            delay = attempts.failed(ex)
        _sleep(delay)


def _sleep(seconds: float) -> None:
    import time

    time.sleep(seconds)
