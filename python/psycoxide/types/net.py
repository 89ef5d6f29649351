"""Network addresses.

See `Network Address Types <https://www.postgresql.org/docs/current/datatype-net-types.html>`__.
"""

from __future__ import annotations

from .._core import _dump, _load
from ..adapt import Dumper, Loader
from ..pq._enums import Format

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ipaddress
    from typing import TypeAlias

    from ..abc import AdaptContext, Buffer

    Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
    Interface: TypeAlias = ipaddress.IPv4Interface | ipaddress.IPv6Interface
    Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class InterfaceDumper(Dumper):
    """Addresses and interfaces to `inet`, as text."""

    oid = 869
    _native = "inet"

    def dump(self, obj: Address | Interface) -> Buffer | None:
        return _dump("inet", 0, self, obj)


class NetworkDumper(Dumper):
    """Networks to `cidr`, as text."""

    oid = 650
    _native = "cidr"

    def dump(self, obj: Network) -> Buffer | None:
        return _dump("cidr", 0, self, obj)


class AddressBinaryDumper(Dumper):
    """Addresses to `inet`, binary."""

    oid = 869
    format = Format.BINARY
    _native = "inet"

    def dump(self, obj: Address) -> Buffer | None:
        return _dump("inet", 1, self, obj)


class InterfaceBinaryDumper(Dumper):
    """Interfaces to `inet`, binary."""

    oid = 869
    format = Format.BINARY
    _native = "inet"

    def dump(self, obj: Interface) -> Buffer | None:
        return _dump("inet", 1, self, obj)


class InetBinaryDumper(Dumper):
    """Addresses and interfaces to `inet`, binary."""

    oid = 869
    format = Format.BINARY
    _native = "inet"

    def dump(self, obj: Address | Interface) -> Buffer | None:
        return _dump("inet", 1, self, obj)


class NetworkBinaryDumper(Dumper):
    """Networks to `cidr`, binary."""

    oid = 650
    format = Format.BINARY
    _native = "cidr"

    def dump(self, obj: Network) -> Buffer | None:
        return _dump("cidr", 1, self, obj)


class InetLoader(Loader):
    """`inet` to an address, or to an interface if it is in a network; from text."""

    _native = "inet"

    def load(self, data: Buffer) -> Address | Interface:
        value: Address | Interface = _load("inet", 0, self, data)
        return value


class InetBinaryLoader(Loader):
    """`inet` to an address, or to an interface if it is in a network; binary."""

    format = Format.BINARY
    _native = "inet"

    def load(self, data: Buffer) -> Address | Interface:
        value: Address | Interface = _load("inet", 1, self, data)
        return value


class CidrLoader(Loader):
    """`cidr` to a network, from text."""

    _native = "cidr"

    def load(self, data: Buffer) -> Network:
        value: Network = _load("cidr", 0, self, data)
        return value


class CidrBinaryLoader(Loader):
    """`cidr` to a network, binary."""

    format = Format.BINARY
    _native = "cidr"

    def load(self, data: Buffer) -> Network:
        value: Network = _load("cidr", 1, self, data)
        return value


def register_default_adapters(context: AdaptContext) -> None:
    """Register the adapters of this module."""
    adapters = context.adapters

    for version in ("IPv4", "IPv6"):
        for kind, text, binary in (
            ("Address", InterfaceDumper, AddressBinaryDumper),
            ("Interface", InterfaceDumper, InterfaceBinaryDumper),
            ("Network", NetworkDumper, NetworkBinaryDumper),
        ):
            adapters.register_dumper(f"ipaddress.{version}{kind}", text)
            adapters.register_dumper(f"ipaddress.{version}{kind}", binary)
    adapters.register_dumper(None, InetBinaryDumper)

    adapters.register_loader("inet", InetLoader)
    adapters.register_loader("inet", InetBinaryLoader)
    adapters.register_loader("cidr", CidrLoader)
    adapters.register_loader("cidr", CidrBinaryLoader)
