"""The process of one driver in `compare_cluster.py`: reads steps, does them, tells what came of it.

It imports nothing of psycoxide's unless that is the driver, and runs on any Python from 3.8 on.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import threading
import time
import warnings
from typing import Any

warnings.simplefilter("ignore")

# How each driver names the settings of the scenarios.
NAMES: dict[str, dict[str, str]] = {
    "psycoxide": {
        "value": "load_balance",
        "keys": "topology_keys",
        "refresh": "yb_servers_refresh_interval",
        "delay": "failed_host_reconnect_delay_secs",
    },
    "psycopg3": {
        "value": "load_balance_hosts",
        "keys": "topology_keys",
        "refresh": "yb_servers_refresh_interval",
        "delay": "failed_host_reconnect_delay_secs",
    },
    "psycopg2": {
        "value": "load_balance",
        "keys": "topology_keys",
        "refresh": "yb_servers_refresh_interval",
        "delay": "failed_host_ttl_seconds",
    },
}

open_connections: list[Any] = []
lock = threading.Lock()


def load(driver: str) -> Any:
    """Import the driver."""
    if driver == "psycoxide":
        import psycoxide

        return psycoxide
    if driver == "psycopg3":
        import psycopg

        return psycopg
    import psycopg2

    return psycopg2


def parameters(driver: str, base: dict[str, str], settings: dict[str, Any]) -> dict[str, str]:
    """The connection parameters, by the names of this driver."""
    names = NAMES[driver]
    found = {**base, names["value"]: settings.get("value", "true")}
    for name in ("keys", "refresh", "delay"):
        if name in settings:
            found[names[name]] = str(settings[name])
    if "timeout" in settings:
        found["connect_timeout"] = str(settings["timeout"])
    for name in ("options", "dbname"):
        if name in settings:
            found[name] = settings[name]
    if driver == "psycoxide" and settings.get("gentle") is False:
        found["yb_slow_start_secs"] = "0"
    return found


def to_uri(driver: str, base: dict[str, str], found: dict[str, str]) -> str:
    """The same as a URI."""
    query = "&".join(f"{name}={value}" for name, value in found.items() if name not in base)
    address = "{user}:{password}@{host}:{port}/{dbname}".format(**base)
    return f"postgresql://{address}?{query}"


class NotApplicable(Exception):
    """The driver cannot take part: the reason is the result."""


class Session:
    """The driver, and the connections that are open."""

    def __init__(self, driver: str) -> None:
        self.driver = driver
        self.module = load(driver)
        self.loop: Any = None

    def version(self) -> str:
        if self.driver == "psycoxide":
            return str(self.module.__version__)
        from importlib.metadata import distributions

        names = {
            "psycopg3": ("psycopg-yugabytedb",),
            "psycopg2": ("psycopg2-yugabytedb", "psycopg2-yugabytedb-binary"),
        }[self.driver]
        for distribution in distributions():
            if distribution.metadata["Name"].lower() in names:
                return str(distribution.version)
        return "?"

    def connect(
        self, count: int, how: str, base: dict[str, str], settings: dict[str, Any]
    ) -> dict[str, float]:
        found = parameters(self.driver, base, settings)
        times: list[float] = []
        errors: list[BaseException] = []

        def one() -> None:
            start = time.monotonic()
            try:
                if settings.get("uri"):
                    conn = self.module.connect(to_uri(self.driver, base, found))
                else:
                    conn = self.module.connect(**found)
            except BaseException as error:
                errors.append(error)
                return
            with lock:
                open_connections.append(conn)
                times.append(time.monotonic() - start)

        if how == "each":
            for _ in range(count):
                one()
                if errors:
                    break
        elif how == "threads":
            threads = [threading.Thread(target=one) for _ in range(count)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        elif how == "both":
            for _ in range(count // 2):
                one()
                if errors:
                    break
                self.gather(1, found)
        else:
            self.gather(count, found)
        if errors:
            raise errors[0]
        return {"longest": max(times, default=0.0)}

    def gather(self, count: int, found: dict[str, str]) -> None:
        if not hasattr(self.module, "AsyncConnection"):
            raise NotApplicable("has no asyncio interface")
        import asyncio

        self.loop = self.loop or asyncio.new_event_loop()
        connect = self.module.AsyncConnection.connect

        async def main() -> list[Any]:
            return await asyncio.gather(*(connect(**found) for _ in range(count)))

        open_connections.extend(self.loop.run_until_complete(main()))

    def close(self) -> None:
        for conn in open_connections:
            conn.close()
        open_connections.clear()

    def query(self) -> int:
        """Use every connection once; how many are lost."""
        lost = 0
        for conn in open_connections:
            try:
                cursor = conn.cursor()
                cursor.execute("SELECT 1")
                conn.commit()
            except Exception:
                lost += 1
        return lost

    def backends(self) -> list[tuple[str, int]]:
        """Where the open connections are: hosts, and the processes of the servers."""
        return [
            (conn.info.host, conn.info.backend_pid) for conn in open_connections if not conn.closed
        ]

    def drop(self, hosts: list[str]) -> None:
        """Forget the connections to these hosts without closing them."""
        open_connections[:] = [conn for conn in open_connections if conn.info.host not in hosts]
        gc.collect()

    def cost(
        self, base: dict[str, str], hosts: list[dict[str, str]], rounds: int
    ) -> dict[str, float]:
        """The median of a connect in milliseconds, with load balancing and without.

        They are taken in pairs, first the one and then the other. Without load balancing the hosts
        are connected to in turn.
        """
        balanced = parameters(self.driver, base, {})
        spent: dict[str, list[float]] = {"balanced": [], "plain": []}
        self.module.connect(**balanced).close()
        for number in range(rounds):
            pair = [("balanced", balanced), ("plain", hosts[number % len(hosts)])]
            for name, found in pair if number % 2 else reversed(pair):
                start = time.perf_counter()
                conn = self.module.connect(**found)
                spent[name].append((time.perf_counter() - start) * 1000)
                conn.close()
        return {name: statistics.median(times) for name, times in spent.items()}


def main() -> None:
    session = Session(sys.argv[1])
    for line in sys.stdin:
        arguments = json.loads(line)
        step = arguments.pop("step")
        try:
            answer = {"result": getattr(session, step)(**arguments)}
        except BaseException as error:
            text = " ".join(str(error).split())
            kind = "" if isinstance(error, NotApplicable) else f"{type(error).__name__}: "
            answer = {"error": kind + text}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
