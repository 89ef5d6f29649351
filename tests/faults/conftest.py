"""The table which operations write to."""

from __future__ import annotations

import pytest

from psycoxide import local
from support.faults import make_table


@pytest.fixture
def faults_table(server: local.Server) -> None:
    """The table `faults` in the server which the tests share."""
    make_table(server)
