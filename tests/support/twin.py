"""One test body for both interfaces.

A test written `async def test_x(twin)` runs twice: with the asynchronous classes on an event loop,
and with the synchronous ones. There the driver's objects are wrapped: what is awaited in the
asynchronous classes may be awaited, and calls the synchronous method.

    async def test_select(twin):
        async with await twin.connect() as conn:
            cur = await conn.execute("SELECT 1")
            assert await cur.fetchone() == (1,)

`twin.api` is the package, `twin.Connection` the class to construct or compare with, and
`twin.unwrap(conn)` the driver's own object.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

import psycoxide


class Twin:
    """What a test body needs to know about the interface it runs on."""

    api = psycoxide
    is_async = True

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.Connection: Any = self.named("Connection")

    def named(self, name: str) -> Any:
        """Return the public class `name`, or its asynchronous counterpart."""
        return getattr(psycoxide, f"Async{name}")

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Connect to the tests' server, or as `args` say."""
        return await self.Connection.connect(*(args or [self.dsn]), **kwargs)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def unwrap(self, value: Any) -> Any:
        """Return the driver's own object."""
        return value

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        asyncio.run(body)


class SyncTwin(Twin):
    """The synchronous interface, for a body that is written with `await`."""

    is_async = False

    def named(self, name: str) -> Any:
        return getattr(psycoxide, name)

    async def connect(self, *args: Any, **kwargs: Any) -> Any:
        return wrap(self.Connection.connect(*(args or [self.dsn]), **kwargs))

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def unwrap(self, value: Any) -> Any:
        return unwrap(value)

    def run(self, body: Coroutine[Any, Any, None]) -> None:
        try:
            awaited = body.send(None)
        except StopIteration:
            return
        body.close()
        pytest.fail(f"the test awaited {awaited!r}, which is not the driver's")


class Wrapped:
    """A synchronous object of the driver, used as its asynchronous counterpart is."""

    def __init__(self, wrapped: Any, counterpart: type) -> None:
        vars(self).update(_object=wrapped, _counterpart=counterpart)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._object, name)
        if not callable(value) or isinstance(value, type):
            return wrap(value)
        asynchronous = inspect.iscoroutinefunction(getattr(self._counterpart, name, None))

        def call(*args: Any, **kwargs: Any) -> Any:
            named = {keyword: unwrap(arg) for keyword, arg in kwargs.items()}
            result = wrap(value(*map(unwrap, args), **named))
            return Done(result) if asynchronous else result

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._object, name, value)

    async def __aenter__(self) -> Any:
        return wrap(self._object.__enter__())

    async def __aexit__(self, *error: Any) -> Any:
        return self._object.__exit__(*error)

    def __aiter__(self) -> Any:
        return Wrapped(iter(self._object), type(self._object))

    async def __anext__(self) -> Any:
        try:
            return wrap(next(self._object))
        except StopIteration:
            raise StopAsyncIteration from None

    def __repr__(self) -> str:
        return repr(self._object)


class Done:
    """A result which may be awaited."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Iterator[Any]:
        return self._value
        yield  # Makes this a generator: it ends before it waits for anything.


def wrap(value: Any) -> Any:
    """Wrap `value` if it has an asynchronous counterpart or is a generator or context manager."""
    for kind in type(value).__mro__:
        counterpart = getattr(psycoxide, f"Async{kind.__name__}", None)
        if counterpart is not None and kind is getattr(psycoxide, kind.__name__, None):
            return Wrapped(value, counterpart)
    names = {"_GeneratorContextManager", "CopyContext", "CopyIterator", "Deadline"}
    if inspect.isgenerator(value) or type(value).__name__ in names:
        return Wrapped(value, type(value))
    return value


def unwrap(value: Any) -> Any:
    """Return the driver's own object for a wrapped one, and anything else as it is."""
    return value._object if isinstance(value, Wrapped) else value


@pytest.fixture(params=["sync", "async"])
def twin(request: pytest.FixtureRequest, dsn: str) -> Twin:
    """The interface to run the test's body on."""
    return Twin(dsn) if request.param == "async" else SyncTwin(dsn)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run test functions written with `async def`."""
    function: Callable[..., Any] = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        return None
    names = inspect.signature(function).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    runner = arguments.get("twin")
    if isinstance(runner, Twin):
        runner.run(function(**arguments))
    else:
        asyncio.run(function(**arguments))
    return True
