"""`python -m benchmarks`: starts a server, runs the rounds, writes the results.

Each driver does each workload in a process of its own. The drivers take turns within a round, in
an order that rotates, so that a machine which is slower for a while is slower for all of them.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg

from psycoxide import local

from .report import Results, cpu, markdown
from .workloads import QUICK_DIVISOR, TABLES, WORKLOADS, Workload

ROOT = Path(__file__).resolve().parent.parent
# Its own psycopg, of the same version, lies beside it (see environment.sh).
PSYCOPG_C = Path(sys.prefix) / "psycopg_c"
DISTRIBUTIONS = [
    "psycoxide",
    "psycopg",
    "psycopg-binary",
    "psycopg-pool",
    "psycopg2-binary",
    "asyncpg",
    "psqlpy",
    "uvloop",
]
PROCESS_TIMEOUT = 300


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="WORKLOAD,...", help="run these workloads only")
    parser.add_argument("--drivers", metavar="NAME,...", help="drivers whose names begin so only")
    parser.add_argument("--rounds", type=int, help="how often to repeat all of it (3; quick: 1)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, one round")
    parser.add_argument("--dsn", help="a server to use, instead of one started for this")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "bench-results", help="the folder for the results"
    )
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 3)
    workloads = _selected(options.only)

    if options.dsn:
        return _run(options, options.dsn, workloads, rounds)
    with local.server(prefer="full", config={"shared_buffers": "512MB"}) as server:
        return _run(options, server.dsn, workloads, rounds)


def _selected(only: str | None) -> list[Workload]:
    if only is None:
        return WORKLOADS
    names = only.split(",")
    if unknown := set(names) - {workload.name for workload in WORKLOADS}:
        known = ", ".join(workload.name for workload in WORKLOADS)
        sys.exit(f"no such workload: {', '.join(sorted(unknown))} (there are: {known})")
    return [workload for workload in WORKLOADS if workload.name in names]


def _run(options: argparse.Namespace, dsn: str, workloads: list[Workload], rounds: int) -> int:
    with psycopg.connect(dsn, autocommit=True) as conn:
        if conn.execute("SELECT to_regclass('bench_mixed')").fetchone() == (None,):
            for statement in TABLES.split(";\n"):
                conn.execute(statement)  # type: ignore[call-overload]
        row = conn.execute("SHOW server_version").fetchone()
    results: Results = {workload.name: {} for workload in workloads}
    for number in range(rounds):
        for workload in workloads:
            prefixes = tuple(options.drivers.split(",")) if options.drivers else ("",)
            variants = [name for name in workload.variants if name.startswith(prefixes)]
            if variants:
                turn = number * 3 % len(variants)
                variants = variants[turn:] + variants[:turn]
            for variant in variants:
                result = _measure(workload, variant, dsn, options.quick)
                results[workload.name].setdefault(variant, []).append(result)
                value = cpu([result])
                text = f"{value:10,.4g} µs" if value is not None else result["error"]
                print(f"{number + 1}/{rounds} {workload.name:20} {variant:20} {text}", flush=True)
    environment = _environment(row[0] if row else "?", rounds, options.quick)
    _write(options.output, results, environment)
    return 0


def _measure(workload: Workload, variant: str, dsn: str, quick: bool) -> dict[str, Any]:
    operations = max(1, workload.operations // (QUICK_DIVISOR if quick else 1))
    command = [sys.executable, "-m", "benchmarks.worker"]
    environment = dict(os.environ)
    if variant.startswith("psycopg_c"):
        if not PSYCOPG_C.is_dir():
            return {"error": "not installed"}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(PSYCOPG_C), *filter(None, [environment.get("PYTHONPATH")])]
        )
    try:
        process = subprocess.run(
            [*command, variant, workload.name, str(operations), dsn],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PROCESS_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no result after {PROCESS_TIMEOUT} s"}
    if process.returncode != 0:
        return {"error": (process.stderr.strip().splitlines() or ["no message"])[-1]}
    result: dict[str, Any] = json.loads(process.stdout)
    return result


def _environment(server: str, rounds: int, quick: bool) -> dict[str, Any]:
    versions = []
    for name in DISTRIBUTIONS:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{name} not installed")
    for metadata in PSYCOPG_C.glob("psycopg_c-*.dist-info"):
        versions.append(metadata.name.removesuffix(".dist-info").replace("-", " "))
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "Python": platform.python_version(),
        "server": f"PostgreSQL {server}",
        "drivers": ", ".join(versions),
        "rounds": f"{rounds}{', a tenth of the work' if quick else ''}",
    }


def _write(folder: Path, results: Results, environment: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    document = {"environment": environment, "results": results}
    (folder / "results.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    text = markdown(results, environment)
    (folder / "results.md").write_text(text, "utf-8")
    print(f"\n{text}\nwritten to {folder}/results.json and results.md")


if __name__ == "__main__":
    sys.exit(main())
