"""A connection for the tests of types, and a value's way to the server and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import psycoxide


@pytest.fixture(scope="module")
def conn(dsn: str) -> Iterator[psycoxide.Connection[Any]]:
    """A connection that a module's tests share, in autocommit mode."""
    with psycoxide.connect(dsn, autocommit=True) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        yield connection


@pytest.fixture
def echo(conn: psycoxide.Connection[Any]) -> Callable[..., list[Any]]:
    """A function that gives what comes back for a value: sent in each format, received in each.

    `cast` is the type to send it as, where the server cannot know.
    """

    def back(value: Any, cast: str = "", formats: str = "stb") -> list[Any]:
        suffix = f"::{cast}" if cast else ""
        values = []
        for placeholder in formats:
            for binary in (False, True):
                query = f"SELECT %{placeholder}{suffix}"
                row = conn.execute(query, [value], binary=binary).fetchone()
                assert row is not None
                values.append(row[0])
        return values

    return back


def same(values: list[Any], wanted: Any) -> bool:
    """Whether all values equal the wanted one and are of its type."""
    return all(value == wanted and type(value) is type(wanted) for value in values)
