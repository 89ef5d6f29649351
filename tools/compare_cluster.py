#!/usr/bin/env python3
"""Run the scenarios of the cluster tests with YugabyteDB's Python drivers beside psycoxide.

    tools/compare_cluster.py --psycopg3 PYTHON --psycopg2 PYTHON --output FILE

PYTHON are the interpreters of environments with `psycopg-yugabytedb` and `psycopg2-yugabytedb`;
`make compare-cluster` makes them. The servers are PostgreSQL's, standing in for YugabyteDB's (see
`psycoxide.local.cluster`). Every scenario begins with a new process and a new cluster. What is
reported is what the servers count, so that no driver is asked about itself.
"""

from __future__ import annotations

import argparse
import json
import platform
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycoxide import local

WORKER = Path(__file__).with_name("compare_cluster_worker.py")
LIMIT = 25.0
"""Seconds that a driver has for one step."""

DRIVERS = {
    "psycoxide": "psycoxide",
    "psycopg3": "psycopg-yugabytedb",
    "psycopg2": "psycopg2-yugabytedb",
}


def keys(*zones: str) -> str:
    """Topology keys: `keys("a:1", "b:2")`."""
    return ",".join(f"cloud.region.{zone}" for zone in zones)


class StepFailed(Exception):
    """The driver raised, or did not end: what is put into the table instead of a result."""


class Worker:
    """A process with a driver in it, told what to do line by line."""

    def __init__(self, python: str, driver: str, rig: local.Cluster) -> None:
        self.driver, self.rig = driver, rig
        self._process = subprocess.Popen(
            [python, str(WORKER), driver],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def do(self, step: str, **arguments: Any) -> Any:
        """Have it done; return what is told.

        Raises:
            StepFailed: the driver raised an exception, or takes longer than `LIMIT`.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(json.dumps({"step": step, **arguments}).encode() + b"\n")
        stdin.flush()
        if not select.select([stdout], [], [], LIMIT)[0]:
            self.end()
            raise StepFailed(f"hangs for more than {LIMIT:.0f} s")
        line = stdout.readline()
        if not line:
            raise StepFailed("the process ended")
        answer = json.loads(line)
        if "error" in answer:
            raise StepFailed(answer["error"])
        return answer["result"]

    def connect(self, count: int = 12, *contacts: int, how: str = "each", **settings: Any) -> Any:
        """Have it connect; `settings` are named as the scenario table does."""
        base = self.rig.contact(*contacts)
        base["port"] = str(self.rig.port)  # One for all hosts, which every driver understands.
        return self.do("connect", count=count, how=how, base=base, settings=settings)

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@dataclass
class Scenario:
    """Something to do, and what should come of it."""

    id: str
    text: str
    expected: str
    run: Callable[[local.Cluster, Worker], str]
    nodes: Any = 3
    yb_servers: bool = True


def counts(rig: local.Cluster, worker: Worker) -> str:
    """The connections of the program at each node, when they have settled.

    The driver names them by their backends, so that those of its own do not count.
    """
    opened: dict[str, list[int]] = {node.host: [] for node in rig.nodes}
    for host, pid in worker.do("backends"):
        opened[host].append(pid)
    before = None
    for _ in range(25):
        now = [str(count(node, opened[node.host])) for node in rig.nodes]
        if now == before:
            break
        before = now
        time.sleep(0.2)
    return "/".join(before or [])


def count(node: local.Node, pids: list[int]) -> object:
    """How many of the backends are there."""
    if node.state != "running":
        return "?" if node.state == "hung" else 0
    query = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)"
    return node.execute(query, [pids])[0][0]


def simple(count: int = 12, *contacts: int, **settings: Any) -> Callable[..., str]:
    """Connect, and count."""

    def run(rig: local.Cluster, worker: Worker) -> str:
        worker.connect(count, *contacts, **settings)
        return counts(rig, worker)

    return run


def killed_backends(rig: local.Cluster, worker: Worker) -> str:
    worker.connect(12)
    rig.node(2).terminate_connections()
    worker.do("query")
    worker.do("close")
    worker.connect(12)
    return counts(rig, worker)


def dropped(rig: local.Cluster, worker: Worker) -> str:
    worker.connect(12)
    worker.do("drop", hosts=[rig.node(1).host])
    rig.wait_connections([0, 4, 4])
    worker.connect(4)
    return counts(rig, worker)


def two_clusters(rig: local.Cluster, worker: Worker) -> str:
    for _ in range(9):
        worker.connect(1, 1)
        worker.connect(1, 4)
    return counts(rig, worker)


def two_names(rig: local.Cluster, worker: Worker) -> str:
    for _ in range(6):
        worker.connect(1, 1)
        worker.connect(1, 2, 3)
    return counts(rig, worker)


def down(*numbers: int, contact: int, count: int = 12, **settings: Any) -> Callable[..., str]:
    def run(rig: local.Cluster, worker: Worker) -> str:
        for number in numbers:
            rig.node(number).stop()
        worker.connect(count, contact, **settings)
        return counts(rig, worker)

    return run


def joins(rig: local.Cluster, worker: Worker) -> str:
    worker.connect(9, refresh=0)
    rig.add("cloud.region.d")
    worker.connect(9, refresh=0)
    return "/".join(sorted(counts(rig, worker).split("/")))


def returns(rig: local.Cluster, worker: Worker) -> str:
    settings: dict[str, Any] = {"refresh": 0, "delay": 1, "gentle": False}
    worker.connect(18, 3, **settings)
    rig.node(1).stop()
    worker.connect(18, 3, **settings)
    rig.node(1).restart()
    time.sleep(3)
    worker.connect(18, 3, **settings)
    return counts(rig, worker)


def rolling(rig: local.Cluster, worker: Worker) -> str:
    settings: dict[str, Any] = {"refresh": 0, "delay": 1, "gentle": False}
    worker.connect(6, 1, 2, 3, **settings)
    for number in (1, 2, 3):
        rig.node(number).stop()
        worker.connect(2, 1, 2, 3, **settings)
        rig.node(number).restart()
    worker.do("close")
    rig.add("cloud.region.d")
    time.sleep(3)
    worker.connect(12, 1, 2, 3, **settings)
    return counts(rig, worker)


def hung_control(rig: local.Cluster, worker: Worker) -> str:
    settings: dict[str, Any] = {"refresh": 0, "timeout": 3}
    worker.connect(1, 1, **settings)
    worker.do("close")
    rig.node(1).hang()
    longest = worker.connect(12, 1, 2, 3, how="threads", **settings)["longest"]
    return f"{counts(rig, worker)}, longest connect {longest:.1f} s"


def joins_crowd(rig: local.Cluster, worker: Worker) -> str:
    worker.connect(24, how="threads", refresh=0)
    rig.add("cloud.region.d")
    worker.connect(24, how="threads", refresh=0)
    return counts(rig, worker)


def joins_and_contact_goes(rig: local.Cluster, worker: Worker) -> str:
    settings: dict[str, Any] = {"refresh": 0, "delay": 1}
    worker.connect(12, 1, 2, 3, **settings)
    rig.add("cloud.region.d")
    rig.node(1).stop()
    worker.connect(12, 1, 2, 3, **settings)
    return "/".join(sorted(counts(rig, worker).split("/")))


def bad_key(rig: local.Cluster, worker: Worker) -> str:
    before = sum(node.attempts for node in rig.nodes)
    try:
        worker.connect(1, keys=keys("a:11"))
        outcome = "connects"
    except StepFailed as failure:
        outcome = str(failure).partition(":")[0]
    return f"{outcome}, attempts: {sum(node.attempts for node in rig.nodes) - before}"


def blackhole(rig: local.Cluster, worker: Worker) -> str:
    settings: dict[str, Any] = {"timeout": 6, "delay": 60}
    worker.connect(3, 1, 3, **settings)
    worker.do("close")
    rig.node(2).blackhole()
    first = worker.connect(12, 1, 3, **settings)["longest"]
    second = worker.connect(12, 1, 3, **settings)["longest"]
    found = counts(rig, worker)
    return f"{found}, longest connects {first:.1f} s and then {second:.1f} s"


def full_node(rig: local.Cluster, worker: Worker) -> str:
    worker.connect(3, 1)
    worker.do("close")
    rig.node(2).refuse("53300", "sorry, too many clients already")
    worker.connect(12, 1)
    return counts(rig, worker)


def unreachable(rig: local.Cluster, worker: Worker) -> str:
    rows = [dict(node._row()) for node in rig.nodes]
    rig.publish({**row, "host": f"127.0.1.{n}"} for n, row in enumerate(rows))
    worker.connect(4, 1)
    return counts(rig, worker)


def client_fault(rig: local.Cluster, worker: Worker, **wrong: str) -> str:
    worker.connect(3)
    before = sum(node.attempts for node in rig.nodes)
    try:
        worker.connect(1, **wrong)
    except StepFailed:
        pass
    attempts = sum(node.attempts for node in rig.nodes) - before
    try:
        worker.connect(9)
    except StepFailed as failure:
        return f"attempts: {attempts}, then {failure}"
    return f"attempts: {attempts}, then {counts(rig, worker)}"


def no_database(rig: local.Cluster, worker: Worker) -> str:
    return client_fault(rig, worker, dbname="nowhere")


def bad_option(rig: local.Cluster, worker: Worker) -> str:
    return client_fault(rig, worker, options="-c no_such_setting=1")


def control_state(rig: local.Cluster, worker: Worker) -> str:
    worker.connect(3)
    time.sleep(0.5)
    found = {
        str(state)
        for node in rig.nodes
        for (state,) in node.execute(
            "SELECT DISTINCT state FROM pg_stat_activity WHERE backend_type = 'client backend'"
            " AND query ILIKE %s AND pid <> pg_backend_pid()",
            ["%yb_servers%"],
        )
    }
    return ", ".join(sorted(found)) or "none kept"


def cost(*numbers: int) -> Callable[..., str]:
    def run(rig: local.Cluster, worker: Worker) -> str:
        hosts = [rig.contact(number) for number in numbers]
        times = worker.do("cost", base=hosts[0], hosts=hosts, rounds=300)
        return f"{times['balanced']:.2f} ms; {times['plain']:.2f} ms without"

    return run


SIX = [keys(zone) for zone in "abc"] + [keys(f"{zone}/read_replica") for zone in "bcd"]
TWO = [local.NodeSpec(zone=zone, universe=1 + n // 3) for n, zone in enumerate("abcabc")]

SCENARIOS = [
    Scenario("A1", "12 connections, one after the other", "4/4/4", simple()),
    Scenario("A3", "30 threads, cold start", "10/10/10", simple(30, how="threads")),
    Scenario("A4", "30 tasks of asyncio, cold start", "10/10/10", simple(30, how="tasks")),
    Scenario("A5", "6 sync and 6 async in one process", "4/4/4", simple(12, how="both")),
    Scenario("A7", "the server ends node 2's four; all closed; 12 more", "4/4/4", killed_backends),
    Scenario("A8", "node 1's four dropped without close; 4 more", "4/4/4", dropped),
    Scenario("A9", "two clusters in one process, 9 each", "3/3/3/3/3/3", two_clusters, TWO),
    Scenario("A10", "one cluster by two host lists, 6 each", "4/4/4", two_names),
    Scenario("B1", "keys a, c", "6/0/6", simple(keys=keys("a", "c"))),
    Scenario("B2", "keys a, b:1, c:2", "6/6/0", simple(keys=keys("a", "b:1", "c:2"))),
    Scenario("B3", "keys a:1, b:2, c:3", "12/0/0", simple(keys=keys("a:1", "b:2", "c:3"))),
    Scenario("B4", "keys *, b:1, c:2", "4/4/4", simple(keys=keys("*", "b:1", "c:2"))),
    Scenario("B5", "keys BAD:1, b:2, c:3", "0/12/0", simple(keys=keys("BAD:1", "b:2", "c:3"))),
    Scenario("B6", "keys BAD:1, b:2, c:2", "0/6/6", simple(keys=keys("BAD:1", "b:2", "c:2"))),
    Scenario("B7", "keys BAD:1, BAD:2, *:3", "4/4/4", simple(keys=keys("BAD:1", "BAD:2", "*:3"))),
    Scenario(
        "B8", "keys a:1, c:5, node 1 down", "0/0/12", down(1, contact=2, keys=keys("a:1", "c:5"))
    ),
    Scenario("B9", "key BAD", "4/4/4", simple(keys=keys("BAD"))),
    Scenario("B10", "key a:11", "an error, attempts: 0", bad_key),
    Scenario("C1", "3 primaries, 3 replicas: any", "2/2/2/2/2/2", simple(), SIX),
    Scenario(
        "C2a", "3 primaries, 3 replicas: only-rr", "0/0/0/4/4/4", simple(value="only-rr"), SIX
    ),
    Scenario("C2b", "the same: prefer-primary", "4/4/4/0/0/0", simple(value="prefer-primary"), SIX),
    Scenario(
        "C3",
        "replicas down: prefer-rr",
        "4/4/4/0/0/0",
        down(4, 5, 6, contact=1, value="prefer-rr"),
        SIX,
    ),
    Scenario(
        "C4",
        "primaries down: prefer-primary",
        "0/0/0/4/4/4",
        down(1, 2, 3, contact=4, value="prefer-primary"),
        SIX,
    ),
    Scenario(
        "C5",
        "keys a:1, b:2, node 1 down",
        "0/6/0/6/0/0",
        down(1, contact=5, keys=keys("a:1", "b:2")),
        SIX,
    ),
    Scenario(
        "C6",
        "keys a:1, b:2, only-rr",
        "0/0/0/12/0/0",
        simple(keys=keys("a:1", "b:2"), value="only-rr"),
        SIX,
    ),
    Scenario("D3", "18; node 1 down, 18 more; back, 18 more", "16/16/16", returns, ["a", "a", "a"]),
    Scenario("D4", "24 threads; node 4 joins; 24 threads", "12/12/12/12", joins_crowd),
    Scenario("D5", "9; node 4 joins; 9 more (sorted)", "4/4/5/5", joins),
    Scenario(
        "D6",
        "12; node 4 joins, the contact goes; 12 more (sorted)",
        "0/6/7/7",
        joins_and_contact_goes,
    ),
    Scenario(
        "E1",
        "control node hung, 12 threads, connect_timeout=3",
        "?/6/6, about 3 s at most",
        hung_control,
    ),
    Scenario(
        "E2",
        "node 2 swallows packets, connect_timeout=6; 12, 12 more",
        "12/0/12, one timeout in all",
        blackhole,
    ),
    Scenario(
        "",
        "state of the control connection between refreshes",
        "idle, or none kept",
        control_state,
    ),
    Scenario("E3", "rolling restart of all; node 4 joins; 12 more", "3/3/3/3", rolling),
    Scenario("E4a", "3; one with a bad option; 9 more", "attempts: 1, then 4/4/4", bad_option),
    Scenario("E4b", "3; one to a missing database; 9 more", "attempts: 1, then 4/4/4", no_database),
    Scenario("E5", "node 2 has too many connections (53300)", "6/0/6", full_node),
    Scenario("E6", "no listed address can be reached, the contact can", "4/0/0", unreachable),
    Scenario("G1", "PostgreSQL without yb_servers()", "12/0/0", simple(12, 1), 3, False),
    Scenario("H1a", "URI, load balancing as a query parameter", "4/4/4", simple(uri=True)),
    Scenario("H1b", "URI with topology keys b", "0/12/0", simple(uri=True, keys=keys("b"))),
    Scenario("I1a", "time of a connect to one node, median of 300", "as without", cost(1), 1),
    Scenario("I1b", "to three nodes; without: their hosts in turn", "as without", cost(1, 2, 3)),
]


def main() -> int:
    """Run the comparison; return the exit status."""
    parser = argparse.ArgumentParser(description="compare drivers on a stand-in cluster")
    parser.add_argument("--psycopg3", metavar="PYTHON", help="interpreter with psycopg-yugabytedb")
    parser.add_argument("--psycopg2", metavar="PYTHON", help="interpreter with psycopg2-yugabytedb")
    parser.add_argument("--only", metavar="ID", action="append", help="this scenario only")
    parser.add_argument("--skip", metavar="ID", action="append", help="all but this scenario")
    parser.add_argument("--output", metavar="FILE", type=Path, help="write the table there")
    options = parser.parse_args()
    pythons = {"psycoxide": sys.executable}
    pythons |= {name: path for name in ("psycopg3", "psycopg2") if (path := getattr(options, name))}

    chosen = [
        scenario
        for scenario in SCENARIOS
        if scenario.id in (options.only or [scenario.id])
        and scenario.id not in (options.skip or [])
    ]
    rows = []
    versions: dict[str, str] = {}
    settings = {"max_connections": 200}
    with local.cluster(6, config=settings) as rig, local.cluster(3, yb_servers=False) as plain:
        for scenario in chosen:
            servers = rig if scenario.yb_servers else plain
            results = {}
            print(f"{scenario.id:4} {scenario.text}: {scenario.expected}")
            for driver, python in pythons.items():
                results[driver] = run(scenario, servers, driver, python, versions)
                print(f"       {DRIVERS[driver]:20} {results[driver]}", flush=True)
            rows.append((scenario, results))
    if options.output:
        options.output.write_text(page(rows, versions), "utf-8")
    return 0


def run(
    scenario: Scenario, rig: local.Cluster, driver: str, python: str, versions: dict[str, str]
) -> str:
    """Run a scenario with a driver; return what came of it."""
    rig.reset(scenario.nodes)
    worker = Worker(python, driver, rig)
    try:
        versions[driver] = worker.do("version")
        return scenario.run(rig, worker)
    except StepFailed as failure:
        return str(failure)
    finally:
        worker.end()


def page(rows: list[tuple[Scenario, dict[str, str]]], versions: dict[str, str]) -> str:
    """The table as a page of the documentation."""
    names = [f"{DRIVERS[driver]} {version}" for driver, version in versions.items()]
    lines = [
        "# Compared with YugabyteDB's drivers",
        "",
        "Scenarios with nodes that come and go, run with psycoxide and with YugabyteDB's smart"
        " drivers for psycopg 3 and psycopg 2. Written by `make compare-cluster`; single runs, on"
        f" {platform.system()} {platform.machine()}, Python {platform.python_version()}.",
        "",
        "**The servers are PostgreSQL's, standing in for YugabyteDB's** (see"
        " [A cluster for tests](guide/cluster-testing.md)): this is about drivers, and says nothing"
        " about YugabyteDB. Numbers are connections of users on nodes 1, 2, 3, …, by the servers'"
        " own count. An error is what the driver raised.",
        "",
        "| | scenario | expected | " + " | ".join(names) + " |",
        "|---|---|---|" + "---|" * len(names),
    ]
    for scenario, results in rows:
        cells = [scenario.id, scenario.text, scenario.expected]
        for driver in versions:
            text = results[driver].replace("|", "\\|").replace("\n", " ")
            cells.append(text if len(text) <= 100 else text[:97] + "…")
        lines.append("| " + " | ".join(cells) + " |")
    done = {scenario.id for scenario, _ in rows}
    if left := [f"{s.id} ({s.text})" for s in SCENARIOS if s.id not in done]:
        lines += ["", f"Left out of this run: {', '.join(left)}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
