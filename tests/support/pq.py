"""Fetching the results of the low level, whether the connection blocks or not."""

from __future__ import annotations

import select

from psycoxide.pq import PGconn, PGresult


def fetch(pgconn: PGconn) -> PGresult | None:
    """Wait for the next result; `None` at the end of a command."""
    unsent = pgconn.flush()
    while pgconn.is_busy():
        fd = pgconn.socket
        assert any(select.select([fd], [fd] if unsent else [], [], 10)), "no answer in time"
        pgconn.consume_input()
        unsent = pgconn.flush()
    return pgconn.get_result()


def fetch_all(pgconn: PGconn) -> list[PGresult]:
    """Wait for the results up to the end of the command."""
    results = []
    while (result := fetch(pgconn)) is not None:
        results.append(result)
    return results
