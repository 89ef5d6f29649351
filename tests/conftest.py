"""Fixtures of all tests; each concern has its module in `support`."""

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
