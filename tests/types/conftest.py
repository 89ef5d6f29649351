"""Fixtures for the tests of types, which run on two servers."""

from support.both import dsn
from support.values import conn, echo

__all__ = ["conn", "dsn", "echo"]
