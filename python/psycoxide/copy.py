"""Objects of COPY: see :meth:`psycoxide.Cursor.copy`."""

from ._async.copy import AsyncCopy as AsyncCopy
from ._async.copy import AsyncLibpqWriter as AsyncLibpqWriter
from ._async.copy import AsyncQueuedLibpqWriter as AsyncQueuedLibpqWriter
from ._async.copy import AsyncWriter as AsyncWriter
from ._sync.copy import Copy as Copy
from ._sync.copy import FileWriter as FileWriter
from ._sync.copy import LibpqWriter as LibpqWriter
from ._sync.copy import QueuedLibpqWriter as QueuedLibpqWriter
from ._sync.copy import Writer as Writer

__all__ = [
    "AsyncCopy",
    "AsyncLibpqWriter",
    "AsyncQueuedLibpqWriter",
    "AsyncWriter",
    "Copy",
    "FileWriter",
    "LibpqWriter",
    "QueuedLibpqWriter",
    "Writer",
]
