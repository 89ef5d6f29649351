"""Fixtures for the tests of types."""

from support.values import conn, echo

__all__ = ["conn", "echo"]
