"""How each driver does each workload: a class per driver, a method per workload.

A variant is a driver's name with options: `psycoxide+bin` (binary results), `asyncpg+uv` (uvloop),
`psycoxide_async` (the asynchronous classes).
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Options:
    """What a variant's name says besides the driver."""

    binary: bool
    """Ask for results in binary format."""
    reset: bool
    """Let the pool reset a connection which comes back, where that is its default."""
    uvloop: bool


# The driver's part of a variant's name -> the module here, and the driver's own.
DRIVERS = {
    "psycoxide": ("psycopg_sync", "psycoxide"),
    "psycoxide_async": ("psycopg_async", "psycoxide"),
    "psycopg": ("psycopg_sync", "psycopg"),
    "psycopg_c": ("psycopg_sync", "psycopg"),
    "psycopg_async": ("psycopg_async", "psycopg"),
    "psycopg2": ("psycopg2_driver", "psycopg2"),
    "asyncpg": ("asyncpg_driver", "asyncpg"),
    "psqlpy": ("psqlpy_driver", "psqlpy"),
}


def load(variant: str, dsn: str) -> tuple[Any, Options]:
    """Return the driver of `variant`, ready to run workloads on the server at `dsn`."""
    name, *flags = variant.split("+")
    options = Options(binary="bin" in flags, reset="noreset" not in flags, uvloop="uv" in flags)
    # psycopg looks at this when it is imported: which of its implementations to be.
    os.environ["PSYCOPG_IMPL"] = "c" if name == "psycopg_c" else "binary"
    adapter, module = DRIVERS[name]
    driver = importlib.import_module(f".{adapter}", __package__).Driver(module, dsn, options)
    return driver, options
