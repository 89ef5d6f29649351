"""What load balancing adds to a connect: no round trip, and next to no time."""

from __future__ import annotations

import statistics
import time
from typing import Any

import pytest

import psycoxide
from support.cluster import Rig

pytestmark = pytest.mark.cluster

ROUNDS = 150
TRIALS = 4


def duration(parameters: dict[str, Any]) -> float:
    start = time.perf_counter()
    conn = psycoxide.connect(**parameters)
    spent = time.perf_counter() - start
    conn.close()
    return spent


def ratio(smart: dict[str, Any], plain: list[dict[str, Any]]) -> float:
    """The median with load balancing over that without, which goes to these hosts in turn.

    They are taken in pairs, first the one and then the other: what the machine does besides, and
    what a server still does for the connection before, is the same for both.
    """
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS):
        for balanced in (True, False) if number % 2 else (False, True):
            parameters = smart if balanced else plain[number % len(plain)]
            times[balanced].append(duration(parameters))
    return statistics.median(times[True]) / statistics.median(times[False])


def expect_no_cost(smart: dict[str, Any], plain: list[dict[str, Any]]) -> None:
    duration(smart)
    ratios = []
    for _ in range(TRIALS):
        ratios.append(ratio(smart, plain))
        if ratios[-1] <= 1.05:
            return
    # A busy machine may spoil a trial; it does not spoil all of them.
    pytest.fail(f"load_balance=true takes {ratios} times as long")


def test_no_further_round_trip(rig: Rig) -> None:
    rig.one()
    before = sum(rig.attempts())
    rig.connect(20)
    assert sum(rig.attempts()) - before == 20


@pytest.mark.timed
def test_time_with_one_node(rig: Rig) -> None:
    """The median of load_balance=true is within 5 % of that of false, at the same server."""
    rig.use(1)
    expect_no_cost(rig.dsn(), [rig.dsn(load_balance="false")])


@pytest.mark.timed
def test_time_with_three_nodes(rig: Rig) -> None:
    """The same with three nodes: compared with who connects to their hosts in turn.

    One server alone is faster than three in turn, whoever chooses: more of what it needs is still
    in the processor's caches.
    """
    hosts = [rig.dsn(number, load_balance="false") for number in (1, 2, 3)]
    expect_no_cost(rig.dsn(1, 2, 3), hosts)
