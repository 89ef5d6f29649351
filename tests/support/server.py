"""The server of the tests.

A full PostgreSQL is preferred: the PyPI package's has neither TLS nor contrib. PSYCOXIDE_TEST_PG
chooses another: "embedded", the bin folder of an installation, or the connection string of a
server that runs already (the tests make tables in it). Tests marked `full_server` are left out,
and said to be, where the server is not a full one. What depends on the server's version (in
tests/types and tests/adapt) runs on a second server, too: the PyPI package's, the newer one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from psycoxide import local

VARIABLE = "PSYCOXIDE_TEST_PG"
SECOND = "second"
SETTINGS = {"max_prepared_transactions": 10, "wal_level": "logical"}

left_out = pytest.StashKey[list[str]]()
binaries_key = pytest.StashKey["local.Binaries | None"]()


def external_dsn() -> str | None:
    """Return the connection string of the server which the tests are told to use, if any."""
    choice = os.environ.get(VARIABLE, "")
    return choice if "=" in choice or "://" in choice else None


def choose_binaries() -> local.Binaries:
    """Return the installation to run the tests' servers from."""
    choice = os.environ.get(VARIABLE, "full")
    if choice in ("full", "embedded"):
        return local.find_binaries("full" if choice == "full" else "embedded")
    return local.Binaries(Path(choice), f"the environment variable {VARIABLE}")


def second_binaries() -> local.Binaries | None:
    """Return the installation of the second server; `None` if there is only one."""
    if os.environ.get(VARIABLE, "full") != "full":
        return None
    first, second = choose_binaries(), local.find_binaries("embedded")
    return second if second.embedded and second.bin != first.bin else None


def is_full(binaries: local.Binaries) -> bool:
    """Tell whether the installation has TLS and contrib, and the machine openssl."""
    return not binaries.embedded and shutil.which("openssl") is not None


def pytest_configure(config: pytest.Config) -> None:
    config.stash[left_out] = []
    config.stash[binaries_key] = None if external_dsn() else choose_binaries()
    # Whoever runs the tests may have a PostgreSQL of their own in the environment.
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    second = second_binaries()
    items[:] = [item for item in items if runs_on_its_server(item, second)]
    binaries = config.stash[binaries_key]
    if binaries is not None and is_full(binaries):
        return
    out = [item for item in items if item.get_closest_marker("full_server")]
    items[:] = [item for item in items if item not in set(out)]
    config.stash[left_out] = [item.nodeid for item in out]
    config.hook.pytest_deselected(items=out)


def runs_on_its_server(item: pytest.Item, second: local.Binaries | None) -> bool:
    """Tell whether a test is to be run: on the second server, only if that is there and enough."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or callspec.params.get("dsn") != SECOND:
        return True
    return second is not None and item.get_closest_marker("full_server") is None


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = [f"server: {config.stash[binaries_key] or 'the one of ' + VARIABLE}"]
    if second := second_binaries():
        lines.append(f"second server: {second}")
    return lines


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    names = config.stash[left_out]
    if not names:
        return
    terminalreporter.section("left out")
    terminalreporter.line(
        f"{len(names)} tests need a full PostgreSQL (TLS, contrib) and openssl, which are not here:"
    )
    for name in names:
        terminalreporter.line(f"  {name}")


@pytest.fixture(scope="session")
def start_server(pytestconfig: pytest.Config) -> Callable[..., local.Server]:
    """A function which starts a server of the tests' installation; takes `local.server()`'s
    arguments. The caller stops it.
    """
    binaries = pytestconfig.stash[binaries_key] or choose_binaries()

    def start(*, binaries: local.Binaries = binaries, **arguments: Any) -> local.Server:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PSYCOXIDE_PG_BIN", str(binaries.bin))
            return local.server(**arguments)

    return start


@pytest.fixture(scope="session")
def start_cluster(pytestconfig: pytest.Config) -> Callable[..., local.Cluster]:
    """A function which starts a stand-in cluster of the tests' installation; takes
    `local.cluster()`'s arguments. The caller stops it.
    """
    binaries = pytestconfig.stash[binaries_key] or choose_binaries()

    def start(*nodes: Any, **arguments: Any) -> local.Cluster:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PSYCOXIDE_PG_BIN", str(binaries.bin))
            return local.cluster(*nodes, **arguments)

    return start


@pytest.fixture(scope="session")
def server(start_server: Callable[..., local.Server]) -> Iterator[local.Server]:
    """The server which the tests share. Not for tests that stop or restart it."""
    with start_server(config=SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
def second_server(start_server: Callable[..., local.Server]) -> Iterator[local.Server]:
    """A server of another version."""
    binaries = second_binaries()
    assert binaries is not None, "tests that need it are left out without it"
    with start_server(config=SETTINGS, binaries=binaries) as running:
        yield running


@pytest.fixture(scope="session")
def tls_server(start_server: Callable[..., local.Server]) -> Iterator[local.Server]:
    """A server that speaks TLS; for tests marked `full_server`."""
    with start_server(tls=True, config=SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
def dsn(request: pytest.FixtureRequest) -> str:
    """The connection string of the server which the tests share."""
    return external_dsn() or request.getfixturevalue("server").dsn
