"""What the synchronous and the asynchronous classes have in common: all that has no `await`."""
