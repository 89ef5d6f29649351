# Generated from ../_async/waiting.py by tools/unasync.py: edit that, then `make twins`.
"""Waiting for what is not an operation on a connection: connecting, cancelling.

The two kinds of connection wait in ways of their own; here are both.
"""

from __future__ import annotations

from .. import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..abc import AddressMap
    from ..pq import PGconn


def connect(parameters: dict[str, Any], address_map: AddressMap | None) -> PGconn:
    """Connect to the server that these parameters, keyword to value, name.

    :param address_map: called in place of the text of `yb_address_map`.
    """
    return _core.Connector(parameters, False, address_map).run()


def notification(pgconn: PGconn, seconds: float | None) -> None:
    """Wait until a notification has arrived, or the time is over.

    :param seconds: the time; `None`: for ever.
    """
    pgconn._wait_notification(seconds)


def cancel(pgconn: PGconn, timeout: float) -> None:
    """Send a cancel request.

    :param timeout: seconds.
    """
    pgconn._cancel(timeout)
