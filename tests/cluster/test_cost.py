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


def test_no_further_round_trip(rig: Rig) -> None:
    rig.one()
    before = sum(rig.attempts())
    rig.connect(20)
    assert sum(rig.attempts()) - before == 20


def test_time(rig: Rig) -> None:
    """Taken in turns, the median of load_balance=true is within 5 % of that of false."""
    rig.use(1)  # The same server for both.
    smart, plain = rig.dsn(), rig.dsn(load_balance="false")
    duration(smart)
    ratios = []
    for _ in range(TRIALS):
        times: dict[bool, list[float]] = {True: [], False: []}
        for number in range(ROUNDS):
            for balanced in (True, False) if number % 2 else (False, True):
                times[balanced].append(duration(smart if balanced else plain))
        ratios.append(statistics.median(times[True]) / statistics.median(times[False]))
        if ratios[-1] <= 1.05:
            return
    # A busy machine may spoil a trial; it does not spoil all of them.
    pytest.fail(f"load_balance=true takes {ratios} times as long")
