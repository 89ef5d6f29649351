"""The process of a PostgreSQL server: started, waited for, signalled and ended.

`postgres` runs as a child of this process, so that its end is noticed at once, and a watchdog ends
it when this process is gone. The rule this file guards: a server that was stopped, killed or
suspended by a test is never taken for one that runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from ._account import Account
from ._watchdog import Watchdog

START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
POLL_INTERVAL = 0.01


class StartProblem(Exception):
    """`postgres` did not come up; the message says how."""


class Postmaster:
    """A server's first process, which may be started again after its end."""

    def __init__(
        self, program: Path, data: Path, log: Path, doomed: Path, account: Account | None
    ) -> None:
        """Describe it: nothing runs yet.

        Args:
            program: `postgres`.
            data: the data directory.
            log: the file to add its output to.
            doomed: the folder to remove when this process ends without stopping the server.
            account: whom to run as; None for the current user.
        """
        self._program, self._data, self._log = program, data, log
        self._doomed, self._account = doomed, account
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: Watchdog | None = None

    @property
    def running(self) -> bool:
        """Whether there is a process; one that is suspended counts."""
        return self._process is not None and self._process.poll() is None

    def spawn(self) -> None:
        """Start the process without waiting for it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), "-D", str(self._data)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, not for the server.
                **process_options(self._account, self._doomed),
            )
        self._watchdog = Watchdog(self._process.pid, self._doomed)

    def wait_ready(self) -> None:
        """Wait until the server takes connections.

        Raises:
            StartProblem: it ended, or took longer than `START_TIMEOUT`.
        """
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT
        while not self._is_ready(self._process.pid):
            if self._process.poll() is not None:
                raise StartProblem("postgres ended at its start")
            if time.monotonic() > deadline:
                raise StartProblem(f"postgres is not ready after {START_TIMEOUT:.0f} s")
            time.sleep(POLL_INTERVAL)

    def _is_ready(self, pid: int) -> bool:
        # The eighth line of this file is the state; its first the process which wrote it.
        try:
            lines = (self._data / "postmaster.pid").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def terminate(self, kind: signal.Signals) -> None:
        """End the server by `kind` (SIGINT, SIGQUIT: see "Shutting Down the Server" of
        PostgreSQL's manual) and wait for its end; nothing is done if there is no process."""
        process = self._forget()
        if process is None:
            return
        process.send_signal(kind)
        process.send_signal(signal.SIGCONT)  # A suspended one would not see the first.
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the server and its children by SIGKILL, as a power failure would."""
        if self._process is None:
            return
        # A child that it makes meanwhile would be left alone, waiting for locks of the dead: its
        # client would wait for ever, which no power failure brings about.
        _signal(self._process.pid, signal.SIGSTOP)
        while self.running and _state(self._process.pid) not in ("T", "Z", ""):
            time.sleep(POLL_INTERVAL / 10)
        family = self.family()
        process = self._forget()
        assert process is not None
        for pid in family:
            _signal(pid, signal.SIGKILL)
        process.wait()
        # The children are nobody's now: they are gone when the system says so.
        deadline = time.monotonic() + STOP_TIMEOUT
        while any(_exists(pid) for pid in family[1:]) and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL)
        # What it left is no reason for the next start to think that it still runs.
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def suspend(self) -> None:
        """Stop the server and its children where they are (SIGSTOP): it neither answers nor ends.

        The system goes on accepting TCP connections in its name.
        """
        for pid in self.family():
            _signal(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a suspended server go on."""
        for pid in self.family():
            _signal(pid, signal.SIGCONT)

    def family(self) -> list[int]:
        """The process and its children, by their ids; empty if there is none."""
        if self._process is None:
            return []
        first = self._process.pid
        return [first, *(pid for pid, parent in _processes() if parent == first)]

    def _forget(self) -> subprocess.Popen[bytes] | None:
        if self._watchdog is not None:
            self._watchdog.dismiss()
            self._watchdog = None
        process, self._process = self._process, None
        return process


def process_options(account: Account | None, folder: Path) -> dict[str, Any]:
    """The arguments of `subprocess` for a program of PostgreSQL's that is to run in `folder`."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    options: dict[str, Any] = {"cwd": folder, "env": {**environment, "LC_ALL": "C"}}
    if account is not None:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def _processes() -> list[tuple[int, int]]:
    """Every process of the machine with its parent."""
    if not Path("/proc/self/stat").exists():
        answer = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        fields = [line.split() for line in answer.stdout.splitlines()]
        return [(int(pid), int(parent)) for pid, parent in fields]
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path("/proc", entry, "stat").read_text("utf-8", "replace")
            except OSError:
                continue
            # After the name, which may hold anything, in parentheses: the state, the parent.
            found.append((int(entry), int(text.rpartition(")")[2].split()[1])))
    return found


def _signal(pid: int, kind: signal.Signals) -> None:
    try:
        os.kill(pid, kind)
    except ProcessLookupError:
        pass


def _exists(pid: int) -> bool:
    """Tell whether a process runs; one that has ended unnoticed does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return _state(pid) != "Z"


def _state(pid: int) -> str:
    """The state of a process: T stopped, Z ended unnoticed; empty where there is no /proc."""
    try:
        stat = Path("/proc", str(pid), "stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]
