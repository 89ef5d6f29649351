"""Fixtures for the tests of adaptation, which run on two servers."""

from support.both import dsn

__all__ = ["dsn"]
