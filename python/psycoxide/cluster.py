"""The clusters this process connects to: their nodes, what happens to them, and numbers.

Connections spread over the nodes of a YugabyteDB cluster when `load_balance` is on; see
"Connections to all nodes of a cluster" in the guide. What is known of a cluster is shared by all
connections, threads and event loops of the process::

    import psycoxide
    from psycoxide import cluster

    nodes = cluster.get("host=127.0.0.1 load_balance=true").nodes()
    for node in nodes:
        print(node, node.live, node.breaker)

The logger of this name, `psycoxide.cluster`, tells what happens: its children are `connect`, about
attempts to connect, `nodes`, what happens to nodes, and `refresh`, about the list of nodes. Their
records are made when the program next connects, closes a connection or calls this module.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from . import _core
from . import _errors_base as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    from opentelemetry.metrics import Meter  # type: ignore[import-not-found, unused-ignore]

    from ._core import _NodeTuple
    from .abc import AddressMap, ConnParam

    AnyNode: TypeAlias = "Node | str | tuple[str, int]"

__all__ = [
    "Cluster",
    "Event",
    "Events",
    "Node",
    "NodeStatus",
    "aget",
    "clusters",
    "forget",
    "get",
    "metrics",
    "prometheus",
    "register_otel",
]

REFRESH_TIMEOUT: Final = 10.0
"""How long :meth:`Cluster.refresh` waits, in seconds, if it is not told otherwise."""


@dataclass(frozen=True)
class Node:
    """A member of a cluster, as the cluster describes it.

    On plain PostgreSQL servers (see :attr:`Cluster.is_static`) only host and port are known.
    """

    host: str
    """The address it has inside the cluster: a name or an IP address."""
    port: int
    """The port."""
    cloud: str = ""
    """The cloud provider of its placement."""
    region: str = ""
    """The region of its placement."""
    zone: str = ""
    """The zone of its placement."""
    node_type: str = ""
    """`"primary"`, `"read_replica"`, or empty if nobody says."""
    uuid: str | None = None
    """The identity of its tserver, if the servers tell it."""
    public_ip: str | None = None
    """The address for those outside of the cluster's network, if there is one."""

    @property
    def placement(self) -> str:
        """`cloud.region.zone`, as in `topology_keys`; empty if it is not known."""
        if not (self.cloud or self.region or self.zone):
            return ""
        return f"{self.cloud}.{self.region}.{self.zone}"

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.address} ({self.placement})" if self.placement else self.address


@dataclass(frozen=True)
class NodeStatus(Node):
    """A node, and what this process has with it."""

    live: int = 0
    """Open connections of this process."""
    connecting: int = 0
    """Connections being opened."""
    latency: float | None = None
    """How long connecting takes, in seconds, on average; `None` before the first connection."""
    breaker: str = "closed"
    """`"closed"`: it is used; `"open"`: it failed and is left alone; `"half-open"`: it is tried."""
    retry_in: float | None = None
    """In how many seconds it is tried again, if it is left alone."""
    is_listed: bool = True
    """Whether the cluster still lists it; if not, it gets no new connections."""
    is_drained: bool = False
    """Whether it was set aside by :meth:`Cluster.drain`."""
    connects: int = 0
    """Connections made so far."""
    failures: int = 0
    """Attempts to connect that failed so far, because of the node."""
    generation: int = 0
    """Grows whenever the open connections of the node have become doubtful."""

    @property
    def node(self) -> Node:
        """The node alone, as in `Connection.info.node`."""
        return Node(
            self.host,
            self.port,
            self.cloud,
            self.region,
            self.zone,
            self.node_type,
            self.uuid,
            self.public_ip,
        )


@dataclass(frozen=True)
class Event:
    """Something that happened to a node."""

    number: int
    """Its place in the sequence, from 0."""
    kind: str
    """`"joined"`, `"left"`, `"down"`, `"up"`, `"drained"` or `"undrained"`."""
    node: Node
    """To whom."""
    time: float
    """When, in seconds as of :func:`time.time`."""


@dataclass(frozen=True)
class Events:
    """Events from some number on."""

    events: list[Event] = field(default_factory=list)
    """Those that are still kept: the last 1024 of a cluster are."""
    missed: int = 0
    """How many had been dropped before they were asked for."""
    next: int = 0
    """The number to ask from the next time."""


class Cluster:
    """A cluster that this process connects to; made by :func:`get` and :func:`clusters`.

    Two objects are equal if they stand for the same cluster.
    """

    __slots__ = ("_handle",)

    def __init__(self, handle: _core.ClusterHandle) -> None:
        self._handle = handle

    @property
    def key(self) -> str:
        """What identifies the cluster: its universe's uuid, or a list of its nodes."""
        return self._handle.key

    @property
    def is_static(self) -> bool:
        """Whether it is a list of plain PostgreSQL servers: they do not know `yb_servers()`."""
        return self._handle.is_static

    @property
    def contacts(self) -> list[tuple[str, int]]:
        """The configured hosts and ports of all who connect to it."""
        return self._handle.contacts

    def nodes(self) -> list[NodeStatus]:
        """The nodes, in the order in which they became known."""
        return [status for _, status in self._numbered()]

    def _numbered(self) -> list[tuple[int, NodeStatus]]:
        return [
            (number, NodeStatus(*(node + numbers)))
            for number, node, numbers in self._handle.nodes()
        ]

    def refresh(self, timeout: float = REFRESH_TIMEOUT) -> None:
        """Fetch the list of nodes anew, and wait for it.

        Nothing is fetched for a static cluster.

        :param timeout: how long to wait, in seconds.
        :raises OperationalError: if the list could not be had in time.
        """
        if not self._handle.request_refresh().wait(timeout):
            raise self._not_refreshed(timeout)

    async def arefresh(self, timeout: float = REFRESH_TIMEOUT) -> None:
        """The same as :meth:`refresh`, for asyncio."""
        import asyncio

        refresh = self._handle.request_refresh()
        end = time.monotonic() + timeout
        pause = 0.001
        while (fetched := refresh.outcome()) is None:
            if time.monotonic() >= end:
                raise self._not_refreshed(timeout)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.05)
        if not fetched:
            raise self._not_refreshed(timeout)

    def drain(self, node: AnyNode) -> None:
        """Set a node aside: it gets no new connections until :meth:`undrain`.

        Open connections stay as they are.

        :param node: a :class:`Node`, its uuid, `"host:port"`, or `(host, port)`.
        :raises ValueError: if there is no such node.
        """
        self._handle.drain(self._find(node), True)

    def undrain(self, node: AnyNode) -> None:
        """Take a drained node back; see :meth:`drain`."""
        self._handle.drain(self._find(node), False)

    def events(self, since: int = 0) -> Events:
        """What happened to the nodes.

        :param since: the number of the first event wanted: 0, or :attr:`Events.next` of the last
            call.
        """
        events, missed, following = self._handle.events(since)
        now = time.time()
        return Events(
            [Event(number, kind, Node(*node), now - ago) for number, kind, node, ago in events],
            missed,
            following,
        )

    def metrics(self) -> dict[str, Any]:
        """Numbers of this cluster; see :func:`metrics`."""
        return {
            "cluster": self.key,
            "static": self.is_static,
            **self._handle.metrics(),
            "nodes": [
                {
                    "node": status.address,
                    "placement": status.placement,
                    "node_type": status.node_type,
                    "uuid": status.uuid,
                    "live": status.live,
                    "connecting": status.connecting,
                    "latency": status.latency,
                    "breaker": status.breaker,
                    "listed": status.is_listed,
                    "drained": status.is_drained,
                    "connects": status.connects,
                    "failures": status.failures,
                }
                for status in self.nodes()
            ],
        }

    def _find(self, wanted: AnyNode) -> int:
        if isinstance(wanted, Node):
            names: set[object] = {wanted.uuid} if wanted.uuid else {wanted.address}
        elif isinstance(wanted, tuple):
            names = {Node(*wanted).address}
        else:
            names = {wanted}
        known = self._numbered()
        for number, status in known:
            if names & {status.uuid, status.address}:
                return number
        places = ", ".join(status.address for _, status in known)
        raise ValueError(f"the cluster has no node {wanted!s}: there are {places}")

    def _not_refreshed(self, timeout: float) -> Exception:
        return e.OperationalError(
            f"the list of nodes of cluster {self.key} could not be fetched within {timeout}"
            " seconds; the logger psycoxide.cluster tells why"
        )

    def __eq__(self, other: object) -> bool:
        return self._handle == other._handle if isinstance(other, Cluster) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._handle)

    def __repr__(self) -> str:
        return f"<psycoxide.cluster.Cluster {self.key}>"


def get(conninfo: str = "", **kwargs: ConnParam | AddressMap) -> Cluster:
    """The cluster that these parameters lead to.

    If this process does not know it yet, one of the hosts is connected to and asked for the list of
    nodes. `load_balance` need not be among the parameters.

    :param conninfo: a connection string, `key=value …` or `postgresql://…`.
    :param kwargs: connection parameters; they go before those of `conninfo`.
    :raises ProgrammingError: for a bad parameter, before anything is connected.
    :raises OperationalError: if none of the hosts gives the list.
    """
    return Cluster(_finder(conninfo, kwargs).run())


async def aget(conninfo: str = "", **kwargs: ConnParam | AddressMap) -> Cluster:
    """The same as :func:`get`, for asyncio."""
    from ._async import waiting

    return Cluster(await waiting.run_steps(_finder(conninfo, kwargs)))


def clusters() -> list[Cluster]:
    """All clusters that this process knows, in the order in which they became known."""
    return [Cluster(handle) for handle in _core.known_clusters()]


def forget() -> None:
    """Forget all clusters, as if the process had not connected yet.

    For tests that put another cluster on the same addresses. Open connections keep working, and
    are counted nowhere any more.
    """
    _core.forget_clusters()


def metrics() -> list[dict[str, Any]]:
    """Numbers of all clusters, as dictionaries.

    Counters, which only grow: `connects`, `node_faults`, `soft_faults`, `client_faults`,
    `cancelled`, `trials`, `waits`, `contact_fallbacks`, `lost`, `retries`, `refreshes`,
    `refresh_failures`.
    What is now: `refresh_age` and `refresh_time` in seconds, and of each of the `nodes` what
    :class:`NodeStatus` tells.
    """
    return [cluster.metrics() for cluster in clusters()]


def prometheus() -> str:
    """The numbers of :func:`metrics` in Prometheus' text format."""
    lines: list[str] = []
    snapshots = metrics()
    for name, help_text in _COUNTERS.items():
        _metric(
            lines,
            f"psycoxide_cluster_{name}_total",
            "counter",
            help_text,
            [({"cluster": it["cluster"]}, it[name]) for it in snapshots],
        )
    for name, help_text in _GAUGES.items():
        _metric(
            lines,
            f"psycoxide_cluster_{name}_seconds",
            "gauge",
            help_text,
            [({"cluster": it["cluster"]}, it[name]) for it in snapshots],
        )
    for name, kind, key, help_text in _OF_NODES:
        _metric(
            lines,
            f"psycoxide_node_{name}",
            kind,
            help_text,
            [
                (_node_labels(it, node), _BREAKERS.get(node[key], node[key]))
                for it in snapshots
                for node in it["nodes"]
            ],
        )
    return "\n".join(lines) + "\n" if lines else ""


def register_otel(meter: Meter | None = None) -> None:
    """Have OpenTelemetry read the numbers of :func:`metrics` whenever it exports some.

    The instruments are called `psycoxide.cluster.…` and `psycoxide.node.…`; clusters that become
    known later are in them, too. To be called once for each meter provider.

    :param meter: whose instruments; by default one of the global meter provider, of the name
        `psycoxide`.
    :raises ImportError: if the package `opentelemetry-api` is not installed.
    """
    from . import _cluster_otel

    _cluster_otel.register(meter)


_COUNTERS: Final = {
    "connects": "Attempts that became connections.",
    "node_faults": "Attempts that failed because of the node.",
    "soft_faults": "Attempts a node could not take at that moment.",
    "client_faults": "Attempts that failed because of what was asked for.",
    "cancelled": "Attempts given up without an answer.",
    "trials": "Attempts to nodes that were thought to be down.",
    "waits": "Times a caller waited because too many were connecting to the right node.",
    "contact_fallbacks": "Times a caller was sent to the configured hosts.",
    "lost": "Connections found broken while they were open.",
    "retries": "Transactions that run_transaction() ran again.",
    "refreshes": "Refreshes that gave a list of nodes.",
    "refresh_failures": "Refreshes that did not.",
}
_GAUGES: Final = {
    "refresh_age": "How old the list of nodes is.",
    "refresh_time": "How long the last refresh took.",
}
_OF_NODES: Final = [
    ("connections", "gauge", "live", "Open connections of this process."),
    ("connecting", "gauge", "connecting", "Connections being opened."),
    ("connects_total", "counter", "connects", "Connections made."),
    ("failures_total", "counter", "failures", "Attempts that failed because of the node."),
    ("connect_seconds", "gauge", "latency", "How long connecting takes on average."),
    ("breaker", "gauge", "breaker", "0: used, 1: being tried, 2: left alone."),
    ("drained", "gauge", "drained", "Whether the application set the node aside."),
    ("listed", "gauge", "listed", "Whether the cluster lists the node."),
]
_BREAKERS: Final[dict[object, int]] = {"closed": 0, "half-open": 1, "open": 2}


def _metric(
    lines: list[str],
    name: str,
    kind: str,
    help_text: str,
    samples: Iterable[tuple[Mapping[str, str], float | bool | None]],
) -> None:
    found = [(labels, value) for labels, value in samples if value is not None]
    if not found:
        return
    lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}"]
    for labels, value in found:
        text = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
        number = f"{value:g}" if isinstance(value, float) else str(int(value))
        lines.append(f"{name}{{{text}}} {number}")


def _node_labels(snapshot: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, str]:
    return {
        "cluster": snapshot["cluster"],
        "node": node["node"],
        "placement": node["placement"],
        "node_type": node["node_type"],
        # A node may have come in the place of another that still has connections.
        "uuid": node["uuid"] or "",
    }


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _finder(conninfo: str, kwargs: dict[str, Any]) -> _core.ClusterFinder:
    from ._base.connection import take_address_map
    from .conninfo import conninfo_to_dict

    address_map = take_address_map(kwargs)
    return _core.ClusterFinder(conninfo_to_dict(conninfo, **kwargs), address_map)


def _node_of(described: _NodeTuple | None) -> Node | None:
    """What `Connection.info.node` is."""
    return None if described is None else Node(*described)
