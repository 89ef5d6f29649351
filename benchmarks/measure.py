"""Measuring a piece of work in its own process: client CPU, wall time and memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def peak_memory() -> float | None:
    """Return the most memory this process has had resident, in MiB, or None if it is not known.

    Not `ru_maxrss`, which on Linux starts from that of the process which started this one.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) / 1024


class Run:
    """One driver's turn at one workload: how much to do, and what it cost."""

    def __init__(self, workload: str, operations: int) -> None:
        self.workload = workload
        self.operations = operations
        self.result: dict[str, Any] = {}

    @property
    def warm_up(self) -> int:
        """How many operations to do before measuring."""
        return max(10, self.operations // 20)

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Measure the body, which does `operations` operations."""
        before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        yield
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
        user = after.ru_utime - before.ru_utime
        system = after.ru_stime - before.ru_stime
        self.result = {
            "operations": self.operations,
            "cpu": user + system,
            "system": system,
            "wall": wall,
            "memory": peak_memory(),
        }
