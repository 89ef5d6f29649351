"""Nothing left behind: descriptors and threads, counted before a test and after it."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PATIENCE = 5.0


def descriptors() -> dict[int, str]:
    """What the process has open: descriptors and what they lead to."""
    found = {}
    for entry in os.listdir("/proc/self/fd"):
        try:
            found[int(entry)] = os.readlink(f"/proc/self/fd/{entry}")
        except FileNotFoundError:
            pass  # The one of the listing itself.
    return found


def native_threads() -> set[int]:
    """The threads as the system counts them, those of the driver's core included."""
    return {int(entry) for entry in os.listdir("/proc/self/task")}


def eventually(condition: Callable[[], bool], patience: float = PATIENCE) -> bool:
    """Wait for something that the system does and that nobody is told of."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        os.sched_yield()
    return True


@pytest.fixture
def no_leaks(dsn: str) -> Iterator[None]:
    """Fails a test that leaves a descriptor or a thread behind. Ask for it first of all."""
    if not Path("/proc/self/fd").exists():
        yield
        return
    before, threads, native = descriptors(), set(threading.enumerate()), native_threads()
    yield
    if len(descriptors()) > len(before):
        gc.collect()  # Tracebacks keep frames, and those keep sockets.
    assert len(descriptors()) <= len(before), (
        f"left open: {set(descriptors().items()) - set(before.items())}"
    )
    assert set(threading.enumerate()) <= threads
    # A cancel request is sent by a thread of the core, which may just be ending.
    assert eventually(lambda: native_threads() <= native), "a thread of the core was left behind"
