"""What only a real YugabyteDB can show. Run with `--yugabyte-dsn`; skipped without it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from typing import Any

import pytest

import psycoxide
from psycoxide import cluster

pytestmark = pytest.mark.yugabyte

COLUMNS = {"host", "port", "num_connections", "node_type", "cloud", "region", "zone", "public_ip"}


@pytest.fixture
def table(yugabyte_dsn: str) -> Any:
    name = "psycoxide_test"
    with psycoxide.connect(yugabyte_dsn, autocommit=True) as conn:
        conn.execute(f"DROP TABLE IF EXISTS {name}")
        conn.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, value int)")
        conn.execute(f"INSERT INTO {name} SELECT i, 0 FROM generate_series(1, 10) i")
        yield name
        conn.execute(f"DROP TABLE {name}")


def test_it_is_yugabytedb(yugabyte_dsn: str) -> None:
    with psycoxide.connect(yugabyte_dsn) as conn:
        assert conn.info.vendor == "YugabyteDB"


def test_page(yugabyte_dsn: str) -> None:
    """The statements of YugabyteDB's page about psycopg."""
    result = subprocess.run(
        [sys.executable, "-m", "psycoxide", "demo", yugabyte_dsn], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_list_of_nodes_is_the_servers(yugabyte_dsn: str) -> None:
    with psycoxide.connect(yugabyte_dsn) as conn:
        conn.row_factory = psycoxide.rows.dict_row
        rows = conn.execute("SELECT * FROM yb_servers()").fetchall()
    assert set(rows[0]) >= COLUMNS
    known = cluster.get(yugabyte_dsn).nodes()
    assert {(n.host, n.port) for n in known} == {(row["host"], row["port"]) for row in rows}
    assert not cluster.get(yugabyte_dsn).is_static


def test_connections_are_spread(yugabyte_dsn: str) -> None:
    primaries = [n for n in cluster.get(yugabyte_dsn).nodes() if n.node_type == "primary"]
    conns = [
        psycoxide.connect(yugabyte_dsn, load_balance="only-primary")
        for _ in range(4 * len(primaries))
    ]
    try:
        counts = Counter(conn.info.node.uuid for conn in conns)
        assert sorted(counts.values()) == [4] * len(primaries)
    finally:
        for conn in conns:
            conn.close()


def test_zones_are_kept_to(yugabyte_dsn: str) -> None:
    zone = cluster.get(yugabyte_dsn).nodes()[0].placement
    for _ in range(6):
        with psycoxide.connect(yugabyte_dsn, load_balance="true", topology_keys=zone) as conn:
            assert conn.info.node is not None
            assert conn.info.node.placement == zone
            row = conn.execute(
                "SELECT yb_server_cloud() || '.' || yb_server_region() || '.' || yb_server_zone()"
            ).fetchone()
            assert row == (zone,)


def test_replicas_answer_as_followers(yugabyte_dsn: str, table: str) -> None:
    nodes = cluster.get(yugabyte_dsn).nodes()
    if not any(node.node_type == "read_replica" for node in nodes):
        pytest.skip("the cluster has no read replica")
    time.sleep(2)
    with psycoxide.connect(yugabyte_dsn, load_balance="only-rr") as conn:
        with conn.follower_reads(staleness_ms=1000, strict=True):
            row = conn.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert row == (10,)


def test_follower_reads_are_settings_of_the_block(yugabyte_dsn: str) -> None:
    with psycoxide.connect(yugabyte_dsn) as conn:
        with conn.follower_reads(staleness_ms=5000, strict=True):
            assert conn.execute("SHOW yb_read_from_followers").fetchone() == ("on",)
            row = conn.execute("SHOW yb_follower_read_staleness_ms").fetchone()
            assert row is not None and row[0] in ("5000", "5s")
        assert conn.execute("SHOW yb_read_from_followers").fetchone() == ("off",)


def test_conflicting_transactions_all_succeed_in_the_end(yugabyte_dsn: str, table: str) -> None:
    """Four threads add to one row in transactions which conflict."""
    errors: list[Exception] = []

    def add() -> None:
        def body(conn: Any) -> None:
            (value,) = conn.execute(f"SELECT value FROM {table} WHERE id = 1").fetchone()
            conn.execute(f"UPDATE {table} SET value = %s WHERE id = 1", [value + 1])

        try:
            with psycoxide.connect(yugabyte_dsn, load_balance="true") as conn:
                conn.isolation_level = psycoxide.IsolationLevel.SERIALIZABLE
                for _ in range(10):
                    conn.run_transaction(body, max_attempts=50)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with psycoxide.connect(yugabyte_dsn) as conn:
        assert conn.execute(f"SELECT value FROM {table} WHERE id = 1").fetchone() == (40,)


def test_two_phase_commit_is_refused_plainly(yugabyte_dsn: str) -> None:
    with psycoxide.connect(yugabyte_dsn) as conn:
        with pytest.raises(psycoxide.NotSupportedError):
            conn.tpc_begin(conn.xid(1, "a", "b"))
