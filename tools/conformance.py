#!/usr/bin/env python3
"""Run psycopg's own test suite over psycoxide, from a checkout of psycopg that the user has.

    tools/conformance.py CLONE [--dsn DSN] [--file 'tests/types/*'] [--skip-leaks]

Nothing of the suite is a part of this project. Each file of it runs in a process of its own, where
`import psycopg` gives psycoxide. `tests/conformance/expectations` says which tests may fail, and
why; the status is 1 if any other fails, and expected failures that pass are named, so that they can
be taken out. The interpreter needs what the suite needs (`pip install pytest anyio pproxy`), and
the distribution in packages/psycopg-alias. Without a DSN a server is started (with "embedded" as
DSN, that of the PyPI package).

This file is the command, and the plugin of the pytest processes that it starts.
"""

from __future__ import annotations

import argparse
import codecs
import fnmatch
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "python" / "psycoxide"
EXPECTATIONS = ROOT / "tests" / "conformance" / "expectations"
LOG = "PSYCOXIDE_CONFORMANCE_LOG"
SELECT = "PSYCOXIDE_CONFORMANCE_SELECT"

#: What the suite's server needs, besides room for its connections.
SETTINGS: dict[str, str | int] = {
    "max_connections": 200,
    "max_prepared_transactions": 10,
    "wal_level": "logical",
    "timezone": "UTC",
}


# -- expectations


class Expectations:
    """Tests that may fail: `id-with-wildcards  # reason` on each line.

    `*` stands for anything; an id without parameters is for all the parameters of a test, and a
    file without a test is not run at all.
    """

    def __init__(self, text: str):
        self.reasons: dict[str, str] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            pattern, separator, reason = (part.strip() for part in line.partition("  #"))
            if not separator or not reason:
                raise SystemExit(f"{EXPECTATIONS}:{number}: `test  # reason` is expected")
            self.reasons[pattern] = reason
            wildcards = re.escape(pattern).replace(r"\*", ".*")
            self._patterns.append((re.compile(rf"{wildcards}(\[.*)?\Z", re.DOTALL), pattern))

    def matching(self, test: str) -> str | None:
        """The pattern that a test matches, if any."""
        return next((name for pattern, name in self._patterns if pattern.match(test)), None)


# -- running


class File:
    """The outcome of each test of a file."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.messages: dict[str, str] = {}
        self.trouble = ""

    def read(self, log: Path) -> None:
        started = None
        for line in log.read_text("utf-8").splitlines():
            test, outcome, message = json.loads(line)
            if outcome == "started":
                started = test
                continue
            started = None
            if self.outcomes.get(test) != "failed":
                self.outcomes[test] = outcome
                self.messages[test] = message
        if started is not None:
            self.outcomes[started] = "failed"
            self.messages[started] = "the process did not survive it"
            self.trouble = f"ended in {started}"

    @property
    def failed(self) -> list[str]:
        return [test for test, outcome in self.outcomes.items() if outcome == "failed"]


def run_pytest(
    clone: Path, path: str, dsn: str, extra: list[str], select: list[str] | None, timeout: float
) -> File:
    """Run a file's tests, or some of them, in a process of their own."""
    found = File()
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        log = Path(folder, "log")
        log.touch()
        environment = {name: v for name, v in os.environ.items() if not name.startswith("PG")}
        paths = [folder, str(ROOT / "tools"), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        # The suite starts programs by the name `python`.
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        environment[LOG] = str(log)
        # The suite's proxy would take uvloop if there is one, and does not start on it.
        Path(folder, "uvloop.py").write_text("raise ImportError\n", "utf-8")
        # mypy imports nothing: it finds the package by this name in a folder. Python must not: the
        # package would be there twice, under two names.
        named = Path(folder, "named")
        named.mkdir()
        (named / "psycopg").symlink_to(PACKAGE)
        environment["MYPYPATH"] = str(named)
        if select is not None:
            chosen = Path(folder, "select")
            chosen.write_text("\n".join(select), "utf-8")
            environment[SELECT] = str(chosen)
        command = [sys.executable, "-bb", "-m", "pytest", "-p", "conformance", "-p", "no:randomly"]
        command += ["-q", "--tb=short", "--test-dsn", dsn, "-o", f"cache_dir={folder}/cache"]
        command += ["--basetemp", f"{folder}/base", *extra, path]
        with Path(folder, "output").open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=clone,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                status = -1
                found.trouble = f"no end after {timeout:.0f} s"
        found.read(log)
        if status not in (0, 1, 5) and not found.trouble:
            lines = Path(folder, "output").read_text("utf-8", "replace").split("\n")
            errors = [line for line in lines if line.startswith("E ") or "rror" in line]
            found.trouble = f"status {status}: {' '.join((errors or lines)[-1:])}"
    return found


def run_file(clone: Path, path: str, dsn: str, extra: list[str], options: Any) -> File:
    """Run a file, and what fails once more: some tests are about time, and the machine is busy."""
    found = run_pytest(clone, path, dsn, extra, None, options.timeout)
    failed = found.failed
    if failed and len(failed) <= 40:
        again = run_pytest(clone, path, dsn, extra, failed, options.timeout)
        for test in failed:
            if again.outcomes.get(test) == "passed":
                found.outcomes[test] = "passed"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clone", type=Path, help="a checkout of psycopg")
    parser.add_argument("--dsn", default="", help="the server to use; by default one is started")
    parser.add_argument("--file", action="append", default=[], help="only such files, as a glob")
    parser.add_argument("--skip-leaks", action="store_true", help="leave out slow tests of leaks")
    parser.add_argument("--timeout", type=float, default=1200, help="for a file, in seconds")
    parser.add_argument("--verbose", action="store_true", help="name expected failures, too")
    options = parser.parse_args()
    # A shell's background job ignores Ctrl-C, and tests that are about it inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    clone = options.clone.resolve()
    if not (clone / "tests" / "fix_psycopg.py").exists():
        raise SystemExit(f"there are no tests of psycopg in {clone}/tests: is it a checkout of it?")
    files = sorted(str(path.relative_to(clone)) for path in (clone / "tests").rglob("test_*.py"))
    if options.file:
        files = [f for f in files if any(fnmatch.fnmatch(f, glob) for glob in options.file)]
    expectations = Expectations(EXPECTATIONS.read_text("utf-8"))
    extra = ["-k", "not leak"] if options.skip_leaks else []

    with ExitStack() as stack:
        dsn = options.dsn or "full"
        if dsn in ("full", "embedded"):
            from psycoxide import local

            server = local.server(prefer=dsn, config=SETTINGS)  # type: ignore[arg-type]
            stack.enter_context(server)
            dsn = server.dsn
        return report(clone, files, dsn, extra, options, expectations)


def report(
    clone: Path,
    files: list[str],
    dsn: str,
    extra: list[str],
    options: Any,
    expectations: Expectations,
) -> int:
    total: Counter[str] = Counter()
    unexpected: list[tuple[str, str]] = []
    met: set[str] = set()
    passing: dict[str, list[str]] = {}
    for path in files:
        start = time.monotonic()
        reason = expectations.reasons.get(expectations.matching(path) or "")
        if path.startswith("tests/test_tstring") and sys.version_info < (3, 14):
            reason = "template strings need Python 3.14"
        if reason:
            print(f"{path}: not run: {reason}", flush=True)
            continue
        found = run_file(clone, path, dsn, extra, options)
        if found.trouble:
            # What was not run has not passed: it counts as one failure of the file.
            found.outcomes.setdefault(path, "failed")
            found.messages.setdefault(path, found.trouble)
        counts: Counter[str] = Counter()
        for test, outcome in found.outcomes.items():
            pattern = expectations.matching(test)
            if outcome == "failed":
                outcome = "failed as expected" if pattern else "failed"
                if pattern:
                    met.add(pattern)
                if pattern is None or options.verbose:
                    unexpected += [(test, found.messages[test])] if pattern is None else []
                    print(f"    {outcome}: {test}: {found.messages[test][:300]}")
            elif outcome == "passed" and pattern:
                passing.setdefault(pattern, []).append(test)
            counts[outcome] += 1
        total += counts
        summary = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        print(f"{path}: {summary or 'no tests'} ({time.monotonic() - start:.0f} s)", flush=True)

    for pattern, tests in passing.items():
        what = "passes" if pattern not in met else "passes for some"
        print(f"expected to fail, but {what}: {pattern} ({len(tests)} passed)")
    done = total["passed"] + total["failed"] + total["failed as expected"]
    percent = 100 * total["passed"] / done if done else 0.0
    summary = ", ".join(f"{count} {outcome}" for outcome, count in sorted(total.items()))
    print(f"{summary}: {percent:.2f} % of {done} pass, {len(unexpected)} failures unexpected")
    return 1 if unexpected else 0


# -- the plugin


def _write(*record: str) -> None:
    with open(os.environ[LOG], "a", encoding="utf-8") as log:
        log.write(json.dumps(record) + "\n")


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    path = os.environ.get(SELECT)
    if path:
        chosen = set(Path(path).read_text("utf-8").splitlines())
        items[:] = [item for item in items if item.nodeid in chosen]
    # These change the adapters of the whole process, and cannot put all of it back.
    items.sort(key=lambda item: "global_adapters" in getattr(item, "fixturenames", ()))


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        _write(report.nodeid, "failed", str(report.longrepr)[-600:])


def pytest_runtest_logstart(nodeid: str) -> None:
    _write(nodeid, "started", "")


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" or report.failed or report.skipped:
        outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        crash = getattr(report.longrepr, "reprcrash", None)
        _write(report.nodeid, outcome, crash.message if crash else str(report.longrepr or ""))


CODECS = {
    "UTF8": "utf-8",
    "SQLASCII": "ascii",
    "LATIN1": "iso8859-1",
    "LATIN9": "iso8859-15",
    "EUCJP": "euc_jp",
    "EUCKR": "euc_kr",
    "SJIS": "shift_jis",
    "BIG5": "big5",
    "WIN1250": "cp1250",
    "WIN1251": "cp1251",
    "WIN1252": "cp1252",
}


def _python_codec(name: bytes) -> str:
    return CODECS[re.sub("[-_]", "", name.decode()).upper()]


def _server_encoding(name: str) -> bytes:
    codec = codecs.lookup(name).name
    return next(pg for pg, py in CODECS.items() if codecs.lookup(py).name == codec).encode()


#: Names that modules of the suite import at their top although few of their tests need them.
PRIVATE_NAMES: dict[str, dict[str, Any]] = {
    "psycopg._cmodule": {"_psycopg": None},
    "psycopg._conninfo_utils": {
        "get_param": lambda params, name: params.get(name) or os.environ.get(f"PG{name.upper()}")
    },
    "psycopg._encodings": {"pg2pyenc": _python_codec, "py2pgenc": _server_encoding},
    "psycopg._oids": {"INVALID_OID": 0, "TEXT_OID": 25},
    "psycopg.conninfo": {"_DEFAULT_CONNECT_TIMEOUT": 130},
    "psycopg.pq._debug": {"PGconnDebug": None},
    "psycopg.types.hstore": {"_make_hstore_binary_dumper": None},
}


def _become_psycopg() -> None:
    import importlib
    from types import ModuleType

    import pytest

    import psycoxide

    psycoxide.install_as_psycopg()
    for name, members in PRIVATE_NAMES.items():
        try:
            module = importlib.import_module(name)
        except ImportError:
            module = sys.modules[name] = ModuleType(name)
            parent, _, last = name.rpartition(".")
            setattr(importlib.import_module(parent), last, module)
        for member, value in members.items():
            if not hasattr(module, member):
                setattr(module, member, value)

    class Fixtures:
        """The suite's fixture saves and restores what is private in psycopg."""

        @pytest.fixture
        def global_adapters(self) -> Any:
            adapters = psycoxide.adapters
            kept = psycoxide.adapt.AdaptersMap(adapters)
            yield None
            adapters._restore(kept)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(session: Any) -> None:
        # Behind the suite's own plugins, whose fixture it replaces.
        session.config.pluginmanager.register(Fixtures(), "conformance-fixtures")

    globals()["pytest_collection"] = pytest_collection


if LOG in os.environ and __name__ == "conformance":
    _become_psycopg()

if __name__ == "__main__":
    sys.exit(main())
