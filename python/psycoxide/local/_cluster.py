"""Several PostgreSQL servers which together stand in for a YugabyteDB cluster.

Each node is a real server with a data directory of its own (they share no data), on an address of
the loopback network. What makes them a cluster to a driver is `yb_servers()`, here a function
which reads a file: the list can be changed while nodes hang or are down, and no statement of the
driver ever waits for one of the rig's.

The rule this file guards: nothing here is YugabyteDB, and every text says so.
"""

from __future__ import annotations

import atexit
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from ._binaries import Binaries, Preference, find_binaries
from ._errors import LocalServerError, PortInUse
from ._installation import SETTINGS, Installation, free_port, quoted, require_free
from ._node import OBSERVER_APPLICATION, Node, NodeSpec

Authentication = Literal["trust", "scram-sha-256"]

ZONES = "abcdefghijklmnopqrstuvwxyz"
SERVERS_FILE = "yb_servers.json"
HERE_FILE = "yb_here.json"

COLUMNS = {
    "host": "text",
    "port": "int8",
    "num_connections": "int8",
    "node_type": "text",
    "cloud": "text",
    "region": "text",
    "zone": "text",
    "public_ip": "text",
    "uuid": "text",
    "universe_uuid": "text",
}
"""Those of YugabyteDB's `yb_servers()`, in its order; old releases lack the last one or two."""

NODE_SETTINGS: dict[str, object] = {
    **SETTINGS,
    # Many servers on one machine: as little memory and as few processes as they can do with.
    "shared_buffers": "4MB",
    "autovacuum": False,
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "max_logical_replication_workers": 0,
    "max_worker_processes": 0,
    "jit": False,
    # `Node.attempts` counts these.
    "log_connections": True,
    "log_line_prefix": "%m [%p] ",
}

NODE_SPACE = 80_000_000
"""What a node's files take, in bytes, with room for some data."""
SPARE_NODES = 4
"""For the template, and for nodes that are added."""

PATIENCE = 20.0
POLL_INTERVAL = 0.02


class Cluster:
    """A stand-in for a YugabyteDB cluster, as returned by `psycoxide.local.cluster()`.

    Stops when the context which it is entered with ends.
    """

    user: str
    """A superuser's name, on every node."""
    password: str
    """The password of `user`; asked for over TCP if the authentication is not `trust`."""
    dbname: str
    """A database, on every node: nodes share no data."""
    directory: Path
    """Where all files are: in memory (/dev/shm) if there is room."""

    def __init__(
        self,
        binaries: Binaries,
        specs: Sequence[NodeSpec],
        *,
        port: int | None,
        user: str,
        password: str,
        dbname: str,
        auth: Authentication,
        config: Mapping[str, object],
        hba: Iterable[str],
        yb_servers: bool,
        columns: int,
    ) -> None:
        """Make and start the nodes; use `psycoxide.local.cluster()`."""
        self.binaries = binaries
        self.user, self.password, self.dbname = user, password, dbname
        self._owner = os.getpid()
        self._specs = list(specs)
        self._all: list[Node] = []
        self._in_use = 0
        hosts = [_host(number, spec) for number, spec in enumerate(specs, 1)]
        for host in hosts:
            require_free(host, 0)
        self.port = free_port(*dict.fromkeys(hosts)) if port is None else port
        space = NODE_SPACE * (len(specs) + SPARE_NODES)
        self._installation = Installation(binaries, "n999/.s.PGSQL.65535", space)
        self.directory = self._installation.folder
        atexit.register(self.stop)
        try:
            self._installation.prepare()
            self._make_template(auth, config, hba, columns if yb_servers else 0)
            for spec in specs:
                self._make_node(spec)
            self._configure(specs)
            for node in self._all:
                node._spawn()
            for node in self._all:
                node._wait_ready()
        except BaseException:
            self.stop()
            raise

    @property
    def nodes(self) -> list[Node]:
        """The nodes, in the order of their numbers; those that are down or not listed too."""
        return self._all[: self._in_use]

    def node(self, number: int) -> Node:
        """Return the node with this number; the first has 1."""
        if not 1 <= number <= self._in_use:
            raise LocalServerError(f"there is no node {number}: there are {self._in_use}")
        return self._all[number - 1]

    def contact(self, *numbers: int) -> dict[str, str]:
        """The connection parameters with these nodes as the hosts; with the first without any."""
        return self._conninfo([self.node(number) for number in numbers or (1,)])

    @property
    def conninfo(self) -> dict[str, str]:
        """The connection parameters with the first node as the host."""
        return self.contact()

    @property
    def dsn(self) -> str:
        """The connection parameters with the first node as the host, as a connection string."""
        return quoted(self.conninfo)

    def connections(self) -> list[int]:
        """Count each node's connections of users, as its server sees them.

        Raises:
            LocalServerError: a node hangs.
        """
        return [node.connections() for node in self.nodes]

    def control_connections(self) -> list[int]:
        """Count each node's control connections of drivers."""
        return [node.control_connections() for node in self.nodes]

    def wait_connections(self, expected: Sequence[int], timeout: float = 5.0) -> list[int]:
        """Wait until `connections()` is `expected`, at most `timeout` seconds; return the last.

        Servers notice the end of a connection a little after the client made it.
        """
        deadline = time.monotonic() + timeout
        while (counts := self.connections()) != list(expected):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_INTERVAL)
        return counts

    def add(self, spec: NodeSpec | str) -> Node:
        """Start a further node and list it; return it.

        Args:
            spec: its placement, as for `cluster()`. Host and port are not obeyed where a node
                that an earlier `reset()` left over is taken.
        """
        spec = _spec(spec)
        if self._in_use == len(self._all):
            node = self._make_node(spec)
            node._spawn()
            node._wait_ready()
        node = self._all[self._in_use]
        self._in_use += 1
        self._assign(node, spec, self._universe(spec.universe))
        self.publish()
        return node

    def remove(self, node: Node) -> None:
        """Take a node out of the list, and end its server: it left the cluster."""
        node.unlist()
        node.stop()

    def publish(self, rows: Iterable[Mapping[str, object]] | None = None) -> None:
        """Have `yb_servers()` tell of the listed nodes, or exactly these rows, on every node.

        Args:
            rows: mappings by the names of the function's columns; what is missing is NULL.
        """
        own = self._installation.own
        rows = None if rows is None else list(rows)  # For each node.
        for node in self._all:
            told = rows
            if told is None:
                mates = [n for n in self.nodes if n.universe_uuid == node.universe_uuid]
                told = [mate._row() for mate in mates if mate.listed]
            node._write(SERVERS_FILE, [dict(row) for row in told], own)
            here = {"cloud": node.cloud, "region": node.region, "zone": node.zone}
            node._write(HERE_FILE, here, own)

    def reset(self, nodes: int | Iterable[NodeSpec | str] | None = None) -> None:
        """Make it a new cluster on the same addresses, which is faster than to start one.

        All nodes run again, without connections, and with new ids. Settings and data that were
        changed stay.

        Args:
            nodes: as for `cluster()`; None for those it was started with. Nodes that are not
                needed stay at hand for `add()`.
        """
        specs = self._specs if nodes is None else _specs(nodes)
        self._in_use = 0  # What fails below is not to leave nodes of two kinds.
        while len(self._all) < len(specs):
            self._make_node(specs[len(self._all)])
        down = [node for node in self._all if node.state not in ("running", "hung")]
        for node in down:
            node.stop()
            node._spawn()
        for node in self._all:
            if node.state == "hung":
                node.resume()
        for node in down:
            node._wait_ready()
        self._configure(specs)
        for node in self._all:
            self._clear(node)

    def stop(self) -> None:
        """Stop all nodes and remove the directory; nothing is done the second time."""
        if os.getpid() != self._owner:
            return  # A fork of the process that owns the nodes.
        atexit.unregister(self.stop)
        for node in self._all:
            node.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        states = ", ".join(f"{node.host}:{node.port} {node.state}" for node in self.nodes)
        return f"<Cluster of PostgreSQL servers, a stand-in for YugabyteDB: {states}>"

    def _conninfo(self, nodes: Sequence[Node]) -> dict[str, str]:
        return {
            "host": ",".join(node.host for node in nodes),
            "port": ",".join(str(node.port) for node in nodes),
            "user": self.user,
            "password": self.password,
            "dbname": self.dbname,
        }

    @property
    def _template(self) -> Path:
        return self.directory / "template"

    def _make_template(
        self, auth: Authentication, config: Mapping[str, object], hba: Iterable[str], columns: int
    ) -> None:
        installation = self._installation
        options = [f"--auth-host={auth}", "--wal-segsize=1"]
        installation.initdb(self._template, self.user, self.password, *options)
        settings = dict(NODE_SETTINGS)
        if int((self._template / "PG_VERSION").read_text("ascii").partition(".")[0]) >= 18:
            settings["io_method"] = "sync"
        installation.configure(self._template, settings | dict(config), hba)
        if columns:
            for dbname in ("template1", "postgres"):
                # -O: YugabyteDB's functions are in pg_catalog, where others may not put any.
                installation.execute(self._template, dbname, _functions(columns), "-O")
        installation.create_database(self._template, self.dbname)

    def _make_node(self, spec: NodeSpec) -> Node:
        number = len(self._all) + 1
        directory = self.directory / f"n{number}"
        node = Node(self, number, _host(number, spec), spec.port or self.port, directory)
        data = directory / "data"
        shutil.copytree(self._template, data)
        self._installation.configure(
            data,
            {
                "listen_addresses": node.host,
                "port": node.port,
                "unix_socket_directories": directory,
            },
            (),
        )
        if self._installation.account is not None:
            self._installation.account.own(directory)
        node._postmaster = self._installation.postmaster(data, directory / "log")
        self._all.append(node)
        return node

    def _configure(self, specs: Sequence[NodeSpec]) -> None:
        """Give the first nodes these specs; the others are no longer in use."""
        self._in_use = len(specs)
        universes = {spec.universe: str(uuid.uuid4()) for spec in specs}
        for node, spec in zip(self._all, specs):
            self._assign(node, spec, universes[spec.universe])
        for node in self._all[self._in_use :]:
            node.listed, node.universe_uuid = False, ""
        self.publish()

    def _assign(self, node: Node, spec: NodeSpec, universe_uuid: str) -> None:
        node.spec, node.universe_uuid, node.listed = spec, universe_uuid, True
        node.uuid = uuid.uuid4().hex

    def _universe(self, number: int) -> str:
        for node in self.nodes:
            if node.spec.universe == number and node.universe_uuid:
                return node.universe_uuid
        return str(uuid.uuid4())

    def _clear(self, node: Node) -> None:
        """End every connection of a node, the control connections too, and wait for it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            left = node.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND application_name IS DISTINCT FROM %s",
                [OBSERVER_APPLICATION],
            )
            if not left:
                return
            if time.monotonic() > deadline:
                raise LocalServerError(f"{node!r} does not end its connections")
            time.sleep(POLL_INTERVAL)

    def _failure(self, what: str, node: Node) -> LocalServerError:
        return self._installation.failure(what, node.log, node.host, node.port)


def cluster(
    nodes: int | Iterable[NodeSpec | str] = 3,
    *,
    port: int | None = None,
    user: str = "yugabyte",
    password: str = "yugabyte",
    dbname: str = "yugabyte",
    auth: Authentication = "trust",
    config: Mapping[str, object] | None = None,
    hba: Iterable[str] = (),
    yb_servers: bool = True,
    columns: int = len(COLUMNS),
    prefer: Preference = "embedded",
) -> Cluster:
    """Start several throw-away PostgreSQL servers, which stand in for a YugabyteDB cluster.

    They listen on 127.0.0.1, 127.0.0.2, … and each has `yb_servers()`. They share no data, and
    have nothing else of YugabyteDB's.

    Args:
        nodes: how many, in the zones cloud.region.a, cloud.region.b, …; or where each one stands,
            as a `NodeSpec` or in the form `cloud.region.zone` or `cloud.region.zone/read_replica`.
        port: the port of all nodes whose spec has none; None takes one that is free.
        user: the name of the superuser to make.
        password: that user's password.
        dbname: the database to make.
        auth: how users prove who they are over TCP; `trust`, as on a fresh YugabyteDB, does not
            ask for the password.
        config: settings for postgresql.conf, by name; they override those made here.
        hba: lines to put before the others of pg_hba.conf, to ask for other authentication.
        yb_servers: False for servers without the function, as ordinary PostgreSQL has it.
        columns: how many of the function's columns there are: 8 and 9 are those of old releases.
        prefer: as for `psycoxide.local.server()`.

    Raises:
        BinariesNotFound: no PostgreSQL is installed.
        PortInUse: something listens on the port.
        StartFailed: PostgreSQL's programs failed; the message holds their output.
        LocalServerError: an address is not the machine's (macOS has 127.0.0.1 only).
        ValueError: a placement is not of the form above.
    """
    specs = _specs(nodes)
    binaries = find_binaries(prefer)
    attempts = 3 if port is None else 1  # A free port may be taken before the server binds it.
    while True:
        attempts -= 1
        try:
            return Cluster(
                binaries,
                specs,
                port=port,
                user=user,
                password=password,
                dbname=dbname,
                auth=auth,
                config=config or {},
                hba=list(hba),
                yb_servers=yb_servers,
                columns=columns,
            )
        except PortInUse:
            if not attempts:
                raise


def _specs(nodes: int | Iterable[NodeSpec | str]) -> list[NodeSpec]:
    if isinstance(nodes, int):
        if nodes < 1:
            raise ValueError(f"a cluster has at least one node, not {nodes}")
        return [NodeSpec(zone=ZONES[number % len(ZONES)]) for number in range(nodes)]
    specs = [_spec(spec) for spec in nodes]
    if not specs:
        raise ValueError("a cluster has at least one node")
    return specs


def _spec(spec: NodeSpec | str) -> NodeSpec:
    return NodeSpec.parse(spec) if isinstance(spec, str) else spec


def _host(number: int, spec: NodeSpec) -> str:
    return spec.host or f"127.0.0.{number}"


def _functions(columns: int) -> str:
    """The statements that make the functions, one a line as the single-user server has it."""
    names = list(COLUMNS.items())[:columns]
    outputs = ", ".join(f"OUT {name} {kind}" for name, kind in names)
    definition = ", ".join(f"{name} {kind}" for name, kind in names)
    # Any user may call them, whoever may read the server's files.
    language = "LANGUAGE sql VOLATILE SECURITY DEFINER"
    lines = [
        f"CREATE FUNCTION pg_catalog.yb_servers({outputs}) RETURNS SETOF record {language}"
        f" AS $$ SELECT * FROM json_to_recordset(pg_read_file('{SERVERS_FILE}')::json)"
        f" AS servers({definition}) $$",
    ]
    for part in ("cloud", "region", "zone"):
        lines.append(
            f"CREATE FUNCTION pg_catalog.yb_server_{part}() RETURNS text {language}"
            f" AS $$ SELECT pg_read_file('{HERE_FILE}')::json ->> '{part}' $$"
        )
    return "".join(f"{line};\n" for line in lines)
