"""What the server says that it is: YugabyteDB has its release in the version of PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from support.hostile import WELCOME, parameter
from support.twin import Twin


@pytest.mark.parametrize(
    ("text", "number", "vendor"),
    [
        (b"11.2-YB-2.18.0.1-b0", 110002, "YugabyteDB"),
        (b"15.12-YB-2025.2.6.0-b0", 150012, "YugabyteDB"),
        (b"15.18", 150018, "PostgreSQL"),
        (b"15.18 (Debian 15.18-0+deb12u1)", 150018, "PostgreSQL"),
        (b"19beta1", 190000, "PostgreSQL"),
        (b"9.6.24", 90624, "PostgreSQL"),
    ],
)
async def test_versions(twin: Twin, hostile: Any, text: bytes, number: int, vendor: str) -> None:
    welcome = WELCOME.replace(
        parameter(b"server_version", b"18.0"), parameter(b"server_version", text)
    )
    server = hostile(lambda peer: (peer.greet(welcome), peer.read_query()))
    conn = await twin.connect(server.dsn)
    assert (conn.info.server_version, conn.info.vendor) == (number, vendor)
    await conn.close()
