"""Fixtures which give tests a server of their own.

In a `conftest.py`:

    pytest_plugins = ["psycoxide.local.pytest_plugin"]

and in a test:

    def test_now(psycoxide_server):
        with psycoxide.connect(psycoxide_server.dsn) as conn:
            ...

The server is started once per session. Define a fixture `psycoxide_server_options` of session
scope to have it started with other arguments of `psycoxide.local.server()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from . import Server, server


@pytest.fixture(scope="session")
def psycoxide_server_options() -> dict[str, Any]:
    """The keyword arguments for `psycoxide.local.server()`; override it in a conftest."""
    return {}


@pytest.fixture(scope="session")
def psycoxide_server(psycoxide_server_options: dict[str, Any]) -> Iterator[Server]:
    """A running PostgreSQL server, which stands in for YugabyteDB."""
    with server(**psycoxide_server_options) as running:
        yield running
