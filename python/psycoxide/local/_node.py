"""One node of the stand-in cluster: a PostgreSQL server which can be made to fail in many ways."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ._errors import LocalServerError
from ._impostors import Blackhole, Refuser
from ._installation import quoted, require_free
from ._postmaster import Postmaster, StartProblem

if TYPE_CHECKING:
    from ._cluster import Cluster

NodeType = Literal["primary", "read_replica"]
State = Literal["running", "stopped", "hung", "blackhole", "refusing"]
StopMode = Literal["smart", "fast", "immediate"]

STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

CONTROL_APPLICATION = "psycoxide-control"
"""The `application_name` of the driver's own connections, which are not counted."""

OBSERVER_APPLICATION = "psycoxide-local"
"""That of the connections of this module."""

COUNT = """
SELECT count(*) FILTER (WHERE application_name IS DISTINCT FROM %s),
       count(*) FILTER (WHERE application_name = %s)
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name IS DISTINCT FROM %s
"""


@dataclass(frozen=True, kw_only=True)
class NodeSpec:
    """Where a node of the stand-in cluster stands and what it is.

    `NodeSpec.parse("aws.us-west.a")` or `"aws.us-west.a/read_replica"` is a shorter way to say it.
    """

    cloud: str = "cloud"
    region: str = "region"
    zone: str = "a"
    node_type: NodeType = "primary"
    public_ip: str = ""
    """What `yb_servers()` says; nothing listens there."""
    universe: int = 1
    """Nodes with the same number know of each other: they are one cluster."""
    host: str | None = None
    """An address of the loopback network; None takes the next of 127.0.0.1, 127.0.0.2, …"""
    port: int | None = None
    """None takes the port of the cluster."""

    @classmethod
    def parse(cls, text: str) -> NodeSpec:
        """Return the spec for `cloud.region.zone` or `zone`, with `/read_replica` or without.

        Raises:
            ValueError: the text is neither.
        """
        placement, _, kind = text.partition("/")
        parts = placement.split(".")
        if kind not in ("", "primary", "read_replica") or len(parts) not in (1, 3) or "" in parts:
            raise ValueError(
                f"{text!r} is not of the form cloud.region.zone or cloud.region.zone/read_replica"
            )
        names = dict(zip(("cloud", "region", "zone")[-len(parts) :], parts))
        if kind:
            names["node_type"] = kind
        return cls(**names)  # type: ignore[arg-type]


class Node:
    """A node of the stand-in cluster, made by `psycoxide.local.cluster()`.

    It is a PostgreSQL server, with nothing of YugabyteDB's but the function `yb_servers()` and its
    relatives `yb_server_cloud()`, `yb_server_region()` and `yb_server_zone()`.
    """

    number: int
    """1 for the first."""
    host: str
    """The address it listens on."""
    port: int
    """The TCP port it listens on."""
    spec: NodeSpec
    """Its placement and type."""
    uuid: str
    """The id that `yb_servers()` tells, 32 hexadecimal digits."""
    universe_uuid: str
    """The id of the cluster that it belongs to."""
    listed: bool
    """Whether the cluster's `yb_servers()` tells of it."""

    def __init__(
        self, cluster: Cluster, number: int, host: str, port: int, directory: Path
    ) -> None:
        """Describe it; `Cluster` makes its files and starts it."""
        self._cluster = cluster
        self.number, self.host, self.port, self.directory = number, host, port, directory
        self.spec = NodeSpec()
        self.uuid = self.universe_uuid = ""
        self.listed = False
        self._postmaster: Postmaster | None = None
        self._impostor: Blackhole | Refuser | None = None
        self._hung = False

    cloud = property(lambda self: self.spec.cloud, doc="The cloud of its placement.")
    region = property(lambda self: self.spec.region, doc="The region of its placement.")
    zone = property(lambda self: self.spec.zone, doc="The zone of its placement.")
    node_type = property(lambda self: self.spec.node_type, doc="`primary` or `read_replica`.")
    public_ip = property(lambda self: self.spec.public_ip, doc="What `yb_servers()` says.")

    @property
    def state(self) -> State:
        """What a client meets there now."""
        if self._impostor is not None:
            return "blackhole" if isinstance(self._impostor, Blackhole) else "refusing"
        if self._postmaster is None or not self._postmaster.running:
            return "stopped"
        return "hung" if self._hung else "running"

    @property
    def conninfo(self) -> dict[str, str]:
        """The connection parameters of this node."""
        return self._cluster._conninfo([self])

    @property
    def dsn(self) -> str:
        """The connection parameters of this node as a connection string."""
        return quoted(self.conninfo)

    @property
    def log(self) -> str:
        """What the server has written to its log so far."""
        try:
            return (self.directory / "log").read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    @property
    def attempts(self) -> int:
        """How many TCP connections this node has been asked for so far, by its log."""
        refused = self._impostor.attempts if isinstance(self._impostor, Refuser) else 0
        return refused + len(re.findall(r"connection received: host=(?!\[local\])", self.log))

    def __repr__(self) -> str:
        spec = self.spec
        placement = f"{spec.cloud}.{spec.region}.{spec.zone}"
        return (
            f"<Node {self.number} {self.host}:{self.port} {placement} {spec.node_type}"
            f" {self.state}{'' if self.listed else ', not listed'}>"
        )

    def stop(self, mode: StopMode = "immediate") -> None:
        """End the server; the cluster goes on listing the node, as a real one does for a while.

        Args:
            mode: as pg_ctl's. "immediate" cuts every connection without waiting for anything.
        """
        self._remove_impostor()
        if self._postmaster is not None:
            if self._hung:
                self._postmaster.resume()
            self._postmaster.terminate(STOP_SIGNALS[mode])
        self._hung = False

    def kill(self) -> None:
        """End the server by SIGKILL: connections end without a word from the server."""
        self._remove_impostor()
        if self._postmaster is not None:
            self._postmaster.kill()
        self._hung = False

    def hang(self) -> None:
        """Suspend the server: TCP connections are still accepted, nothing is ever answered."""
        self._require("running")
        assert self._postmaster is not None
        self._postmaster.suspend()
        self._hung = True

    def resume(self) -> None:
        """End what `hang()` began."""
        self._require("hung")
        assert self._postmaster is not None
        self._postmaster.resume()
        self._hung = False

    def blackhole(self) -> None:
        """Stop the server and leave attempts to connect unanswered, as a cut network does."""
        self.stop()
        self._impostor = Blackhole(self.host, self.port)

    def refuse(self, sqlstate: str, message: str = "refused by the stand-in") -> None:
        """Stop the server and answer every attempt to connect with an error.

        Args:
            sqlstate: such as 57P03 (starting up) or 53300 (too many connections).
            message: the text of the error.
        """
        self.stop()
        self._impostor = Refuser(self.host, self.port, sqlstate, message)

    def restart(self, mode: StopMode = "fast") -> None:
        """Start the server, having ended it if it runs, and wait until it takes connections."""
        self.stop(mode)
        self._spawn()
        self._wait_ready()

    def unlist(self) -> None:
        """Have `yb_servers()` of all nodes tell no longer of this one."""
        self.listed = False
        self._cluster.publish()

    def relist(self) -> None:
        """Have `yb_servers()` of all nodes tell of this one again."""
        self.listed = True
        self._cluster.publish()

    def connections(self) -> int:
        """Count the connections of users; the driver's control connections are left out.

        A node that does not run has none.

        Raises:
            LocalServerError: it hangs.
        """
        return self._count()[0]

    def control_connections(self) -> int:
        """Count the driver's control connections, known by their application_name."""
        return self._count()[1]

    def terminate_connections(self) -> None:
        """Have the server end every user's connection (SQLSTATE 57P01)."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND backend_type = 'client backend' AND application_name IS DISTINCT FROM %s",
            [CONTROL_APPLICATION],
        )

    def execute(self, query: str, params: Any = None) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser over the unix socket; return its rows, if any.

        Raises:
            LocalServerError: the server does not run.
        """
        from .. import connect

        self._require("running")
        with closing(
            connect(
                host=str(self.directory),
                port=str(self.port),
                user=self._cluster.user,
                dbname=self._cluster.dbname,
                load_balance="false",
                application_name=OBSERVER_APPLICATION,
                autocommit=True,
            )
        ) as conn:
            cursor = conn.execute(query, params)
            return cursor.fetchall() if cursor.description else []

    def _count(self) -> tuple[int, int]:
        if self.state == "hung":
            raise LocalServerError(f"{self!r} hangs, and cannot tell its connections")
        if self.state != "running":
            return 0, 0
        names = [CONTROL_APPLICATION, CONTROL_APPLICATION, OBSERVER_APPLICATION]
        ((users, control),) = self.execute(COUNT, names)
        return users, control

    def _require(self, state: State) -> None:
        if self.state != state:
            raise LocalServerError(f"{self!r} is not {state}")

    def _spawn(self) -> None:
        require_free(self.host, self.port)
        assert self._postmaster is not None
        self._postmaster.spawn()

    def _wait_ready(self) -> None:
        assert self._postmaster is not None
        try:
            self._postmaster.wait_ready()
        except StartProblem as problem:
            raise self._cluster._failure(str(problem), self) from None

    def _remove_impostor(self) -> None:
        if self._impostor is not None:
            self._impostor.close()
            self._impostor = None

    def _row(self) -> dict[str, object]:
        """What `yb_servers()` tells of this node."""
        spec = self.spec
        return {
            "host": self.host,
            "port": self.port,
            "num_connections": 0,
            "node_type": spec.node_type,
            "cloud": spec.cloud,
            "region": spec.region,
            "zone": spec.zone,
            "public_ip": spec.public_ip,
            "uuid": self.uuid,
            "universe_uuid": self.universe_uuid,
        }

    def _write(self, name: str, value: object, own: Callable[[Path], None]) -> None:
        """Exchange a file which the stand-in's functions read, all at once."""
        path = self.directory / "data" / name
        new = path.with_suffix(".new")
        new.write_text(json.dumps(value), "utf-8")
        own(new)
        new.replace(path)
