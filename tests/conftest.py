"""Fixtures of all tests; each concern has its module in `support`."""

pytest_plugins = ["support.server", "support.twin"]
