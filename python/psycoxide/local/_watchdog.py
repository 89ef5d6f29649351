"""Ending the server when the process that started it is gone without a word.

A shell waits for the end of its standard input, a pipe whose other end only this process holds:
the kernel closes it however the process ends, with SIGKILL too.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

# $1 is the server's process, $2 its directory. A suspended server has to go on to end. The loop
# gives the server time to go, so that it does not write into a directory under removal: suspended
# children it kills after five seconds.
SCRIPT = """
trap '' INT TERM HUP
cat >/dev/null
kill -QUIT "$1" 2>/dev/null
kill -CONT "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do kill -0 "$1" 2>/dev/null || break; sleep 0.5; done
rm -rf "$2"
"""


class Watchdog:
    """Stops a server and removes its directory when this process ends."""

    def __init__(self, pid: int, directory: Path) -> None:
        """Watch over the server process `pid` with its files in `directory`."""
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT, "psycoxide-watchdog", str(pid), str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Stop watching; to be called before the server is stopped."""
        self._process.kill()
        self._process.communicate()
