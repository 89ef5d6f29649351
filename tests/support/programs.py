"""Programs that tests run in an interpreter of their own."""

from __future__ import annotations

import os
from pathlib import Path


def search_path(*folders: Path) -> str:
    """A `PYTHONPATH`: these folders, and what this process was given.

    What is tested may not be what is installed: then it is found by that variable only.
    """
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
