"""A connection of the low level, for the tests of this folder."""

from __future__ import annotations

import pytest

from psycoxide.pq import ConnStatus, PGconn


@pytest.fixture
def pgconn(dsn):
    pgconn = PGconn.connect(dsn.encode())
    assert pgconn.status == ConnStatus.OK, pgconn.get_error_message()
    yield pgconn
    pgconn.finish()


@pytest.fixture
def nonblocking(pgconn):
    """The same, as programs with an event loop of their own use it."""
    pgconn.nonblocking = 1
    return pgconn
