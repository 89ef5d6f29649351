"""The fixture `dsn` for folders whose tests run on two servers, of two versions.

`dsn_and_tls`, under the same name, is for those whose tests run over TLS as well.
"""

from __future__ import annotations

import pytest

from psycoxide.conninfo import make_conninfo

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


@pytest.fixture(
    scope="session",
    params=["main", SECOND, pytest.param("TLS", marks=pytest.mark.full_server)],
    name="dsn",
)
def dsn_and_tls(request: pytest.FixtureRequest) -> str:
    """The connection string of each server in turn, and of one that is reached through TLS."""
    if request.param == "TLS":
        return make_conninfo(request.getfixturevalue("tls_server").dsn, sslmode="require")
    name = "second_server" if request.param == SECOND else "server"
    if name == "server" and (external := external_dsn()):
        return external
    server: str = request.getfixturevalue(name).dsn
    return server
