"""The asynchronous classes; `_sync` is generated from them."""
