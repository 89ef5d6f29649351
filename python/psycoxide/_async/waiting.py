"""Waiting for what is not an operation on a connection: connecting, cancelling.

The two kinds of connection wait in ways of their own; here are both.
"""

from __future__ import annotations

from .. import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    # unasync: remove
    import asyncio

    # unasync: end
    from typing import Any

    from ..abc import AddressMap
    from ..pq import PGconn


async def connect(parameters: dict[str, Any], address_map: AddressMap | None) -> PGconn:
    """Connect to the server that these parameters, keyword to value, name.

    :param address_map: called in place of the text of `yb_address_map`.
    """
    # unasync: insert
    # return _core.Connector(parameters, False, address_map).run()
    # unasync: end
    # unasync: remove
    pgconn: PGconn = await run_steps(_core.Connector(parameters, True, address_map))
    return pgconn
    # unasync: end


async def notification(pgconn: PGconn, seconds: float | None) -> None:
    """Wait until a notification has arrived, or the time is over.

    :param seconds: the time; `None`: for ever.
    """
    # unasync: insert
    # pgconn._wait_notification(seconds)
    # unasync: end
    # unasync: remove
    import asyncio

    future = asyncio.get_running_loop().create_future()
    if not pgconn._add_listener(future):
        return
    try:
        await asyncio.wait_for(future, seconds)
    except (asyncio.TimeoutError, TimeoutError):
        pass
    finally:
        pgconn._remove_listener(future)
    # unasync: end


async def cancel(pgconn: PGconn, timeout: float) -> None:
    """Send a cancel request.

    :param timeout: seconds.
    """
    # unasync: insert
    # pgconn._cancel(timeout)
    # unasync: end
    # unasync: remove
    import asyncio

    await asyncio.get_running_loop().run_in_executor(None, pgconn._cancel, timeout)


async def run_steps(connector: Any) -> Any:
    """Run what connects, a `Connector` or a `ClusterFinder`, to its end."""
    # Imported here: a program without asyncio shall not pay for it.
    import asyncio

    loop = asyncio.get_running_loop()
    answer: object = None
    try:
        while True:
            step = connector.step(answer)
            answer = None
            if not isinstance(step, tuple):
                return step
            if len(step) == 4:
                await _wait_for_socket(loop, *step)
            else:
                answer = await _resolve(loop, *step)
    except BaseException:
        # Whoever keeps the traceback keeps no place at a node.
        connector.abandon()
        raise


async def _wait_for_socket(
    loop: asyncio.AbstractEventLoop, fd: int, read: bool, write: bool, seconds: float | None
) -> None:
    """Wait until the socket is ready, or the time is over."""
    # Not asyncio.wait_for(): before Python 3.12 it forgets a cancellation that comes together with
    # the result.
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    if read:
        loop.add_reader(fd, wake)
    if write:
        loop.add_writer(fd, wake)
    timer = None if seconds is None else loop.call_later(seconds, wake)
    try:
        await ready
    finally:
        if timer is not None:
            timer.cancel()
        if read:
            loop.remove_reader(fd)
        if write:
            loop.remove_writer(fd)


async def _resolve(
    loop: asyncio.AbstractEventLoop, host: str, port: int, seconds: float | None
) -> object:
    """Resolve a host name: a list of addresses and ports, an exception, `None` without time."""
    import asyncio
    import socket

    answer = asyncio.ensure_future(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    try:
        await asyncio.wait([answer], timeout=seconds)
        if not answer.done():
            return None
        return [address[:2] for *_, address in answer.result()]
    except OSError as ex:
        return ex
    finally:
        answer.cancel()
    # unasync: end
