"""Fixtures for the tests of cursors, which run on two servers and over TLS."""

from support.both import dsn_and_tls

__all__ = ["dsn_and_tls"]
