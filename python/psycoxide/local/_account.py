"""Running PostgreSQL's programs from a process of the superuser.

`initdb` and `postgres` refuse to run as root. They run as an unprivileged account then, which has
to own the server's directory and to be able to read the programs.
"""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from ._binaries import EMBEDDED_PACKAGE, Binaries
from ._errors import LocalServerError

# The first of these that exists: Debian's own account for servers, else the one without rights.
ACCOUNTS = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The account of the server's processes."""

    uid: int
    gid: int

    def own(self, folder: Path) -> None:
        """Give `folder` and everything in it to the account."""
        for parent, _, files in os.walk(folder):
            os.chown(parent, self.uid, self.gid)
            for file in files:
                os.chown(Path(parent, file), self.uid, self.gid, follow_symlinks=False)

    def can_reach(self, path: Path) -> bool:
        """Tell whether the account may enter every folder on the way to `path`."""
        return all(self._may_enter(folder) for folder in [path, *path.parents])

    def _may_enter(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self.gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)


def unprivileged() -> Account | None:
    """Return the account to run the server as, or None to run it as the current user.

    Raises:
        LocalServerError: the process is root's and no account of `ACCOUNTS` exists.
    """
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise LocalServerError(
        "PostgreSQL does not run as root, and none of the accounts "
        f"{', '.join(ACCOUNTS)} exists to run it as: create one, or run as another user"
    )


def reachable(binaries: Binaries, account: Account, folder: Path) -> Path:
    """Return a `bin` folder with the programs that `account` can run.

    A virtual environment below /root is closed to other accounts, so that the programs of the
    PyPI package are copied into `folder` where necessary.

    Raises:
        LocalServerError: a server installed elsewhere is out of reach.
    """
    installation = binaries.bin.resolve().parent
    if account.can_reach(installation / "bin"):
        return binaries.bin
    if not binaries.embedded:
        raise LocalServerError(
            f"PostgreSQL does not run as root, and uid {account.uid} cannot reach {binaries.bin}"
        )
    # The programs look for their libraries relative to themselves, beside the package's folder.
    package = installation.parent
    copy = folder / package.name / installation.name
    shutil.copytree(installation, copy, ignore=shutil.ignore_patterns("include", "*.a"))
    libraries = package.parent / f"{EMBEDDED_PACKAGE}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return copy / "bin"
