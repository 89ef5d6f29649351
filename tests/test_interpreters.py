"""Sub-interpreters: the extension serves one interpreter of a process, and says so in others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycoxide

PROGRAM = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

import psycoxide

TRY = '''
import sys
sys.path[:0] = {path!r}
try:
    import psycoxide
except ImportError as error:
    print("refused:", error)
else:
    print("imported")
'''
other = interpreters.create()
interpreters.run_string(other, TRY.format(path=sys.path))
interpreters.destroy(other)
try:
    psycoxide.connect("host=127.0.0.1 port=1")
except psycoxide.OperationalError:
    print("the first goes on")
"""


def test_second_interpreter_is_refused() -> None:
    """Its exceptions would be those of the first, which no `except` clause there catches."""
    folder = str(Path(psycoxide.__file__).parent.parent)
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": folder},
        capture_output=True,
        text=True,
        timeout=60,
    )
    refused, goes_on = result.stdout.splitlines(), result.stderr
    assert refused[0].startswith("refused:") and "interpreter" in refused[0], goes_on
    assert refused[1] == "the first goes on"
