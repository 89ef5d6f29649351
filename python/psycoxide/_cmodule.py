"""The module of psycopg's that tells of its C extension: there is none, the core is not optional."""

__version__: str | None = None
"""The version of the C extension."""
