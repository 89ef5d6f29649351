"""Where psycopg tells of its C extension. There is none here: the core is not optional."""

__version__: str | None = None
"""The version of the C extension."""
