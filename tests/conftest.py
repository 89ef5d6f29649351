"""Fixtures of all tests; each concern has its module in `support`."""

import signal

pytest_plugins = [
    "support.cluster",
    "support.hostile",
    "support.leaks",
    "support.loops",
    "support.pgbouncer",
    "support.proxy",
    "support.server",
    "support.twin",
]


def pytest_configure() -> None:
    # A shell has what it starts in the background ignore Ctrl-C, which some tests press.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
