"""Looking up hosts before connecting: experimental, as psycopg's module of that name.

Needs the package `dnspython` (2.1 or later), except for :func:`resolve_hostaddr_async`; `resolver`
and `async_resolver` are the objects of it that are asked, to be configured or replaced. A subclass
of :class:`~psycoxide.Connection` may call these functions from its `_get_connection_params()`. See
"_dns -- DNS resolution utilities" in psycopg's manual.
"""

from __future__ import annotations

import random
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _core
from . import _errors_base as e

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dns.asyncresolver import Resolver as AsyncResolver
    from dns.rdtypes.IN.SRV import SRV
    from dns.resolver import Resolver

_NEEDED = "the package 'dnspython' is needed to look up SRV records: pip install 'dnspython>=2.1'"

_this = sys.modules[__name__]


class HostPort(NamedTuple):
    """A host of a connection string, with its port."""

    host: str
    """The host."""
    port: str
    """Its port, maybe empty."""
    totry: bool = False
    """Whether to look up its SRV records."""
    target: str | None = None
    """What to use instead if it has none; leave it out if `None`."""


def resolve_srv(params: dict[str, Any]) -> dict[str, Any]:
    """Replace hosts by what their SRV records say, as :rfc:`2782` describes.

    It looks up the hosts that are called `_service._proto.domain`, and those whose port is `SRV`.

    :param params: connection parameters, such as
        :func:`psycoxide.conninfo.conninfo_to_dict` returns. It is not changed. Where it has no
        host, those of the environment count.
    :return: the parameters, with `host` and `port` replaced if anything was looked up.
    :raises OperationalError: if no host is left, or hosts and ports do not match.
    :raises ImportError: if dnspython is not installed.
    """
    return Rfc2782Resolver().resolve(params)


async def resolve_srv_async(params: dict[str, Any]) -> dict[str, Any]:
    """As :func:`resolve_srv`, waiting on the event loop."""
    return await Rfc2782Resolver().resolve_async(params)


async def resolve_hostaddr_async(params: dict[str, Any]) -> dict[str, Any]:
    """Look up the addresses of the hosts.

    Not needed: connecting does not block the event loop while it looks up hosts.

    :param params: connection parameters. It is not changed.
    :return: the parameters with a `hostaddr`, without the hosts that have no address.
    :raises OperationalError: if none has, or hosts, addresses and ports do not match.
    """
    import asyncio

    warnings.warn(
        "resolve_hostaddr_async() is not needed: connect() looks hosts up without blocking",
        DeprecationWarning,
        stacklevel=2,
    )
    hosts = _split(params.get("host"))
    if not any(hosts):
        return params
    addresses = _matching(params, "hostaddr", hosts, "addresses")
    ports = _matching(params, "port", hosts, "ports")

    loop = asyncio.get_running_loop()
    found: list[tuple[str, str, str]] = []
    failure: OSError | None = None
    for host, address, port in zip(hosts, addresses, ports):
        if address or not host or host.startswith(("/", "@")):
            found.append((host, address, port))
            continue
        try:
            infos = await loop.getaddrinfo(host, port or None, type=_sock_stream())
        except OSError as ex:
            failure = ex
            last = host
            continue
        found.append((host, str(infos[0][4][0]), port))
    if not found:
        raise e.OperationalError(f"failed to resolve host {last!r}: {failure}")

    resolved = dict(params)
    resolved["host"] = ",".join(host for host, _, _ in found)
    if any(address for _, address, _ in found):
        resolved["hostaddr"] = ",".join(address for _, address, _ in found)
    if any(ports):
        resolved["port"] = ",".join(port for _, _, port in found)
    return resolved


class Rfc2782Resolver:
    """Looks up the SRV records of hosts."""

    re_srv_rr = re.compile(r"(?P<service>_[^.]+)\.(?P<proto>_[^.]+)\.(?P<target>.+)")
    """The names of hosts to look up."""

    def resolve(self, params: dict[str, Any]) -> dict[str, Any]:
        """See :func:`resolve_srv`."""
        attempts = self._attempts(params)
        if attempts is None:
            return params
        resolver: Resolver = _this.resolver
        found: list[HostPort] = []
        for attempt in attempts:
            if not attempt.totry:
                found.append(attempt)
                continue
            try:
                answer: Any = resolver.resolve(attempt.host, "SRV")
            except _dns_exception():
                found.extend(self._instead(attempt))
            else:
                found.extend(self._records(answer))
        return self._replaced(params, found)

    async def resolve_async(self, params: dict[str, Any]) -> dict[str, Any]:
        """See :func:`resolve_srv_async`."""
        attempts = self._attempts(params)
        if attempts is None:
            return params
        resolver: AsyncResolver = _this.async_resolver
        found: list[HostPort] = []
        for attempt in attempts:
            if not attempt.totry:
                found.append(attempt)
                continue
            try:
                answer: Any = await resolver.resolve(attempt.host, "SRV")
            except _dns_exception():
                found.extend(self._instead(attempt))
            else:
                found.extend(self._records(answer))
        return self._replaced(params, found)

    def sort_rfc2782(self, ans: Sequence[SRV]) -> list[SRV]:
        """The records in the order to try them: by priority, and within one by chance, weighted."""
        ordered: list[SRV] = []
        for priority in sorted({record.priority for record in ans}):
            # Those without a weight come first, which gives them a small chance.
            left = [record for record in ans if record.priority == priority]
            left.sort(key=lambda record: record.weight)
            while left:
                chosen = random.randint(0, sum(record.weight for record in left))
                for record in left:
                    chosen -= record.weight
                    if chosen <= 0:
                        break
                left.remove(record)
                ordered.append(record)
        return ordered

    def _attempts(self, params: dict[str, Any]) -> list[HostPort] | None:
        """The hosts, each with what to do about it; `None` if there is nothing to do."""
        if params.get("hostaddr"):
            return None  # No name is looked up at all.
        if not params.get("host"):
            params = {**_from_environment(), **params}
        hosts = _split(params.get("host"))
        ports = _matching(params, "port", hosts, "ports")
        attempts: list[HostPort] = []
        for host, port in zip(hosts, ports):
            match = self.re_srv_rr.fullmatch(host)
            if match:
                target = match["target"]
                usual_port = "" if port.upper() == "SRV" else port
                attempts.append(HostPort(host, usual_port, totry=True, target=target))
            else:
                attempts.append(HostPort(host, port, totry=bool(host) and port.upper() == "SRV"))
        return attempts if any(attempt.totry for attempt in attempts) else None

    def _instead(self, attempt: HostPort) -> list[HostPort]:
        """What to use of a host without SRV records."""
        return [] if attempt.target is None else [HostPort(attempt.target, attempt.port)]

    def _records(self, answer: Sequence[SRV]) -> list[HostPort]:
        # The root, ".", says that the service is decidedly not available.
        records = [record for record in answer if str(record.target) != "."]
        return [
            HostPort(str(record.target).rstrip("."), str(record.port))
            for record in self.sort_rfc2782(records)
        ]

    def _replaced(self, params: dict[str, Any], found: list[HostPort]) -> dict[str, Any]:
        if not found:
            raise e.OperationalError("no host found after SRV RR lookup")
        resolved = dict(params)
        resolved["host"] = ",".join(entry.host for entry in found)
        resolved["port"] = ",".join(entry.port for entry in found)
        return resolved


def _from_environment() -> dict[str, str]:
    """The hosts and ports that apply because of `PGHOST` and `PGPORT`, or a service file."""
    return {
        option["keyword"]: option["val"]
        for option in _core.conninfo_defaults()
        if option["keyword"] in ("host", "port") and option["val"] != option["compiled"]
    }


def _split(value: object) -> list[str]:
    return [""] if value is None else str(value).split(",")


def _matching(params: dict[str, Any], keyword: str, hosts: list[str], what: str) -> list[str]:
    """The values of a keyword for each host; one alone is for all."""
    values = _split(params.get(keyword))
    if len(values) == 1 and (len(hosts) == 1 or keyword == "port" or not values[0]):
        return values * len(hosts)
    if len(values) != len(hosts):
        raise e.OperationalError(f"cannot match {len(hosts)} hosts with {len(values)} {what}")
    return values


def _sock_stream() -> int:
    import socket

    return socket.SOCK_STREAM


def __getattr__(name: str) -> Any:
    # The resolvers are made when they are first used: without dnspython the rest works.
    if name == "resolver":
        globals()[name] = _resolver()
    elif name == "async_resolver":
        globals()[name] = _async_resolver()
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals()[name]


def _resolver() -> Resolver:
    try:
        from dns.resolver import Cache, Resolver
    except ImportError as ex:
        raise ImportError(_NEEDED, name="dns") from ex
    resolver = Resolver()
    resolver.cache = Cache()
    return resolver


def _async_resolver() -> AsyncResolver:
    try:
        from dns.asyncresolver import Resolver
        from dns.resolver import Cache
    except ImportError as ex:
        raise ImportError(_NEEDED, name="dns") from ex
    resolver = Resolver()
    resolver.cache = Cache()
    return resolver


def _dns_exception() -> type[Exception]:
    from dns.exception import DNSException

    exception: type[Exception] = DNSException
    return exception
