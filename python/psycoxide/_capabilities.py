"""What the low level can do: for programs that also run on psycopg with an older libpq."""

from __future__ import annotations

from . import _errors_base as e
from . import pq


class Capabilities:
    """Tells whether a feature is there. psycoxide has all of them, as it has no libpq.

    Each method returns whether it is. With `check=True` it raises
    :class:`~psycoxide.NotSupportedError`, with the reason, in place of returning `False`.

    See "Capabilities" of the psycopg manual.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def has_full_protocol_version(self, check: bool = False) -> bool:
        """Whether `ConnectionInfo.full_protocol_version` says the protocol's version."""
        return self._has("pq.PGconn.full_protocol_version()", 180000, check)

    def has_encrypt_password(self, check: bool = False) -> bool:
        """Whether there is :meth:`PGconn.encrypt_password() <psycoxide.pq.PGconn>`."""
        return self._has("pq.PGconn.encrypt_password()", 100000, check)

    def has_hostaddr(self, check: bool = False) -> bool:
        """Whether `ConnectionInfo.hostaddr` says the address of the server."""
        return self._has("Connection.info.hostaddr", 120000, check)

    def has_pipeline(self, check: bool = False) -> bool:
        """Whether there is `Connection.pipeline()`."""
        return self._has("Connection.pipeline()", 140000, check)

    def has_set_trace_flags(self, check: bool = False) -> bool:
        """Whether there is :meth:`PGconn.set_trace_flags() <psycoxide.pq.PGconn>`."""
        return self._has("PGconn.set_trace_flags()", 140000, check)

    def has_used_gssapi(self, check: bool = False) -> bool:
        """Whether there is :attr:`PGconn.used_gssapi <psycoxide.pq.PGconn>`."""
        return self._has("PGconn.used_gssapi", 160000, check)

    def has_cancel_safe(self, check: bool = False) -> bool:
        """Whether `Connection.cancel_safe()` cancels as safely as its name says."""
        return self._has("Connection.cancel_safe()", 170000, check)

    def has_stream_chunked(self, check: bool = False) -> bool:
        """Whether `Cursor.stream()` takes a `size` of more than 1."""
        return self._has("Cursor.stream() with 'size' parameter greater than 1", 170000, check)

    def has_send_close_prepared(self, check: bool = False) -> bool:
        """Whether there is :meth:`PGconn.send_close_prepared() <psycoxide.pq.PGconn>`."""
        return self._has("PGconn.send_close_prepared()", 170000, check)

    def _has(self, feature: str, version: int, check: bool) -> bool:
        """Whether the version of libpq that is spoken of has a feature."""
        if feature not in self._known:
            self._known[feature] = self._why_not(feature, version)
        why_not = self._known[feature]
        if check and why_not:
            raise e.NotSupportedError(why_not)
        return not why_not

    def _why_not(self, feature: str, version: int) -> str:
        """Why there is no such feature; empty if there is."""
        from .pq.misc import version_pretty

        now = pq.version()
        wanted = version_pretty(version)
        if now < version:
            return (
                f"the feature '{feature}' is not available: the client libpq version"
                f" (imported from system libraries) is {version_pretty(now)};"
                f" the feature requires libpq version {wanted} or newer"
            )
        if pq.__build_version__ < version:
            return (
                f"the feature '{feature}' is not available: psycoxide was built with libpq version"
                f" {version_pretty(pq.__build_version__)};"
                f" the feature requires libpq version {wanted} or newer"
            )
        return ""


#: The capabilities of the low level in use.
capabilities = Capabilities()
