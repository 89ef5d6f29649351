"""The process in which one driver variant does one workload.

    python -m benchmarks.worker VARIANT WORKLOAD OPERATIONS DSN

It prints what was measured as one line of JSON.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import subprocess
import sys

from .drivers import load
from .measure import Run

# In a new interpreter: nothing that a driver needs is imported yet.
IMPORT_TIME = """
import resource, time
before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
import {module}
wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
from benchmarks.measure import peak_memory
import json
cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
print(json.dumps({{"operations": 1, "cpu": cpu, "wall": wall, "memory": peak_memory()}}))
"""


def main(variant: str, workload: str, operations: str, dsn: str) -> None:
    """Run the workload and print its result."""
    driver, options = load(variant, dsn)
    if workload == "import_time":
        command = [sys.executable, "-c", IMPORT_TIME.format(module=driver.module)]
        print(subprocess.check_output(command, text=True).strip())
        return
    run = Run(workload, int(operations))
    function = getattr(driver, "fetch" if workload.startswith(("fetch_", "rows_")) else workload)
    if not inspect.iscoroutinefunction(function):
        function(run)
    elif options.uvloop:
        import uvloop

        uvloop.run(function(run))
    else:
        asyncio.run(function(run))
    print(json.dumps(run.result))


if __name__ == "__main__":
    main(*sys.argv[1:])
