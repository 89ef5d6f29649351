"""The fixture `dsn` for folders whose tests run on two servers, of two versions."""

from __future__ import annotations

import pytest

from .server import SECOND, external_dsn


@pytest.fixture(scope="session", params=["main", SECOND])
def dsn(request: pytest.FixtureRequest) -> str:
    """The connection string of each server in turn."""
    server: str
    if request.param == SECOND:
        server = request.getfixturevalue("second_server").dsn
    else:
        server = external_dsn() or request.getfixturevalue("server").dsn
    return server
