"""Fixtures which give tests a server of their own.

In a `conftest.py`:

    pytest_plugins = ["psycoxide.local.pytest_plugin"]

and in a test:

    def test_now(psycoxide_server):
        with psycoxide.connect(psycoxide_server.dsn) as conn:
            ...

The server is started once per session. Define a fixture `psycoxide_server_options` of session
scope to have it started with other arguments of `psycoxide.local.server()`.

`psycoxide_cluster` is a stand-in for a YugabyteDB cluster. Its nodes are started once per session
and reset before every test: all run, nobody is connected, and the driver knows nothing of them.
`psycoxide_session_cluster` is not reset. The arguments of `psycoxide.local.cluster()` are those of
`psycoxide_cluster_options`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from . import Cluster, Server, cluster, server


@pytest.fixture(scope="session")
def psycoxide_server_options() -> dict[str, Any]:
    """The keyword arguments for `psycoxide.local.server()`; override it in a conftest."""
    return {}


@pytest.fixture(scope="session")
def psycoxide_server(psycoxide_server_options: dict[str, Any]) -> Iterator[Server]:
    """A running PostgreSQL server, which stands in for YugabyteDB."""
    with server(**psycoxide_server_options) as running:
        yield running


@pytest.fixture(scope="session")
def psycoxide_cluster_options() -> dict[str, Any]:
    """The keyword arguments for `psycoxide.local.cluster()`; override it in a conftest."""
    return {}


@pytest.fixture(scope="session")
def psycoxide_session_cluster(psycoxide_cluster_options: dict[str, Any]) -> Iterator[Cluster]:
    """PostgreSQL servers which stand in for a YugabyteDB cluster, started once."""
    with cluster(**psycoxide_cluster_options) as running:
        yield running


@pytest.fixture
def psycoxide_cluster(psycoxide_session_cluster: Cluster) -> Cluster:
    """PostgreSQL servers which stand in for a YugabyteDB cluster, as new for every test."""
    from ..cluster import forget

    psycoxide_session_cluster.reset()
    forget()
    return psycoxide_session_cluster
