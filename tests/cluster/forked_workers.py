"""A program for `test_forked_workers_begin_anew`: connects, forks, and has every child connect.

The parameters are its argument, as JSON; what it found is its output.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections import Counter
from typing import Any

import psycoxide
from psycoxide import cluster

WORKERS = 8
CONNECTIONS = 6


def main(parameters: dict[str, Any]) -> None:
    conn = psycoxide.connect(**parameters)
    workers = [start(parameters) for _ in range(WORKERS)]
    counts = [json.loads(reader.readline()) for _, reader, _ in workers]
    control = sum(
        count_control(parameters, status.host, status.port)
        for status in cluster.get(**parameters).nodes()
    )
    for pid, reader, go in workers:
        os.write(go, b"\n")
        assert os.waitpid(pid, 0)[1] == 0
        reader.close()
        os.close(go)
    cluster.get(**parameters).refresh()
    works = conn.execute("SELECT 1").fetchone() == (1,)
    conn.close()
    print(json.dumps({"workers": counts, "control": control, "parent_still_works": works}))


def start(parameters: dict[str, Any]) -> tuple[int, Any, int]:
    """Fork a worker; return its process, what it tells, and where it waits for the end."""
    told, tell = os.pipe()
    wait, go = os.pipe()
    with warnings.catch_warnings():
        # The driver has a thread of its own by now: that is the point here.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            conns = [psycoxide.connect(**parameters) for _ in range(CONNECTIONS)]
            hosts = Counter(conn.info.host for conn in conns)
            os.write(tell, json.dumps(hosts, sort_keys=True).encode() + b"\n")
            os.read(wait, 1)
            for conn in conns:
                conn.close()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    os.close(tell)
    os.close(wait)
    return pid, os.fdopen(told), go


def count_control(parameters: dict[str, Any], host: str, port: int) -> int:
    """Count the control connections at a node."""
    there = {**parameters, "host": host, "port": str(port), "load_balance": "false"}
    with psycoxide.connect(**there) as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'psycoxide-control'"
        ).fetchone()
        assert row is not None
        return int(row[0])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
