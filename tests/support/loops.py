"""The event loops that the driver is tested on, and tasks that are cancelled where a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def run_on_uvloop(body: Coroutine[Any, Any, Any]) -> Any:
    """What `asyncio.run()` does, on uvloop."""
    import uvloop

    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(body)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


@pytest.fixture(scope="session")
def first_loop() -> None:
    """uvloop keeps a pipe from its first loop on, which is no leak."""
    with contextlib.suppress(ImportError):
        run_on_uvloop(asyncio.sleep(0))


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, first_loop: None) -> Run:
    """A function which runs a coroutine on a loop of its own."""
    if request.param == "asyncio":
        return asyncio.run
    pytest.importorskip("uvloop")
    return run_on_uvloop


class CancelledAt:
    """Awaits a coroutine, and cancels it where it waits for the `step`-th time, counted from 0.

    `late`: what it waits for has happened already, as if the loop had been busy.
    """

    def __init__(self, body: Coroutine[Any, Any, Any], step: int, late: bool) -> None:
        self._body = body
        self._step = step
        self._late = late
        #: Whether it waited as often.
        self.reached = False

    def __await__(self) -> Generator[Any, None, Any]:
        awaited = self._body.__await__()
        step = 0
        resume: Callable[[], Any] = functools.partial(next, awaited)
        while True:
            try:
                waits_for = resume()
                if step == self._step and not self._late:
                    self.reached = True
                    waits_for = awaited.throw(asyncio.CancelledError())
            except StopIteration as ex:
                return ex.value
            resume = functools.partial(next, awaited)
            try:
                yield waits_for
            except BaseException as ex:
                resume = functools.partial(awaited.throw, ex)
            else:
                if step == self._step and self._late:
                    self.reached = True
                    resume = functools.partial(awaited.throw, asyncio.CancelledError())
            step += 1
