"""The version of the driver. Stands alone, so that a build can read it without importing more."""

#: Version of psycoxide itself; `pyproject.toml` and `Cargo.toml` have the same.
__version__ = "0.1.0"
