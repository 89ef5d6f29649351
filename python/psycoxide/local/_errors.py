"""The exceptions of psycoxide.local: each says what to do about it."""

from __future__ import annotations


class LocalServerError(RuntimeError):
    """A local server could not be provided; the base of the other exceptions here."""


class BinariesNotFound(LocalServerError):
    """No PostgreSQL server is installed where `find_binaries` looks."""


class PortInUse(LocalServerError):
    """Another process listens on the port which was asked for."""


class StartFailed(LocalServerError):
    """`initdb` or `postgres` failed; the message holds the end of its output."""
