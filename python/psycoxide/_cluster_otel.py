"""The numbers of `psycoxide.cluster.metrics()` as instruments of OpenTelemetry.

The rule this file guards: all instruments are asynchronous. They read what is counted anyway when
an exporter asks, so that nothing is done for OpenTelemetry when a connection is made, and nothing
is imported for it unless a program wants it.

See `Asynchronous Counter
<https://opentelemetry.io/docs/specs/otel/metrics/api/#asynchronous-counter>`__ and the like in its
specification.
"""

from __future__ import annotations

from . import cluster

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, TypeAlias

    from opentelemetry.metrics import CallbackOptions, Meter, Observation  # type: ignore[import-not-found, unused-ignore]

    #: Attributes and number.
    Sample: TypeAlias = tuple[dict[str, str], float]
    #: What OpenTelemetry calls when it wants to know.
    Callback: TypeAlias = Callable[[CallbackOptions], Iterable[Observation]]

_UNITS = {
    "waits": "{wait}",
    "refreshes": "{refresh}",
    "refresh_failures": "{refresh}",
    "lost": "{connection}",
    "retries": "{transaction}",
    "connections": "{connection}",
    "connecting": "{connection}",
    "connects": "{connection}",
    "connect_time": "s",
    "breaker": "1",
    "drained": "1",
    "listed": "1",
}
"""Units by the last word of a name; all others count attempts."""


def register(meter: Meter | None) -> None:
    """Make the instruments; see :func:`psycoxide.cluster.register_otel`."""
    try:
        from opentelemetry import metrics  # type: ignore[import-not-found, unused-ignore]
    except ImportError as ex:
        raise ImportError(
            "register_otel() needs the package opentelemetry-api, which is not installed"
            " (pip install opentelemetry-api)"
        ) from ex
    if meter is None:
        from . import __version__

        meter = metrics.get_meter("psycoxide", __version__)
    observation = metrics.Observation

    def callback(samples: Callable[[], Iterator[Sample]]) -> list[Callback]:
        return [lambda _: [observation(value, attributes) for attributes, value in samples()]]

    for name, text in cluster._COUNTERS.items():
        meter.create_observable_counter(
            f"psycoxide.cluster.{name}", callback(_of_clusters(name)), _unit(name), text
        )
    for name, text in cluster._GAUGES.items():
        meter.create_observable_gauge(
            f"psycoxide.cluster.{name}", callback(_of_clusters(name)), "s", text
        )
    for prometheus_name, kind, key, text in cluster._OF_NODES:
        name = prometheus_name.removesuffix("_total").replace("_seconds", "_time")
        # What can be added up over nodes and processes is no gauge here.
        if kind == "counter":
            create: Callable[..., object] = meter.create_observable_counter
        elif key in ("live", "connecting"):
            create = meter.create_observable_up_down_counter
        else:
            create = meter.create_observable_gauge
        create(f"psycoxide.node.{name}", callback(_of_nodes(key)), _unit(name), text)


def _unit(name: str) -> str:
    return _UNITS.get(name, "{attempt}")


def _of_clusters(key: str) -> Callable[[], Iterator[Sample]]:
    def samples() -> Iterator[Sample]:
        for snapshot in cluster.metrics():
            if (value := snapshot[key]) is not None:
                yield {"cluster": snapshot["cluster"]}, value

    return samples


def _of_nodes(key: str) -> Callable[[], Iterator[Sample]]:
    def samples() -> Iterator[Sample]:
        for snapshot in cluster.metrics():
            for node in snapshot["nodes"]:
                if (value := _number(node, key)) is not None:
                    yield cluster._node_labels(snapshot, node), value

    return samples


def _number(node: Mapping[str, Any], key: str) -> float | None:
    value = cluster._BREAKERS.get(node[key], node[key])
    return int(value) if isinstance(value, bool) else value
