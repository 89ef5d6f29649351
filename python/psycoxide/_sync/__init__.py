# Generated from ../_async/__init__.py by tools/unasync.py: edit that, then `make twins`.
"""The asynchronous classes; `_sync` is generated from them."""
