"""Values that no server should send: DataError or a value, never anything else."""

from __future__ import annotations

import random
import struct

import pytest

import psycoxide
from psycoxide.adapt import Transformer
from psycoxide.pq import Format

OIDS = sorted(
    {
        0,
        *(info.oid for info in psycoxide.adapters.types),
        *(info.array_oid for info in psycoxide.adapters.types),
    }
)


def load(tx, oid, format, data):
    tx.set_loader_types([oid], format)
    try:
        tx.load_sequence([data])
    except psycoxide.DataError as error:
        place = f'column "1", type oid {oid}, {format.name.lower()} format'
        assert place in str(error)
    except NotImplementedError:
        assert oid in (1184, 1185)


SAMPLES = [
    b"",
    b"\0",
    b"x",
    b"-",
    b"\xff" * 3,
    b"\xff" * 16,
    b"\x7f" * 40,
    b"{",
    b"{{{{{{{{{{",
    b"{,}",
    b'{"',
    b"[1:99999999999]={1}",
    b"(",
    b"(,,,",
    b"[,",
    b"infinity",
    b"0001-01-01 BC",
    b"99999-99-99",
    b"25:61:61",
    b"2024-01-01 00:00:00+99",
    b"9" * 100,
    b"1e999999",
    b"\\x0",
    b"[" * 2000,
    struct.pack("!iiI", 1, 0, 23) + struct.pack("!ii", 2**31 - 1, 1),
    struct.pack("!iiI", 6, 0, 23) + struct.pack("!ii", 2**16, 1) * 6,
    struct.pack("!iiI", 2**31 - 1, 0, 23),
    struct.pack("!i", 2**31 - 1),
    struct.pack("!i", -1),
    struct.pack("!iIi", 1, 2287, 2**31 - 1),
    struct.pack("!hhhh", 2**15 - 1, 0, 0, 0),
    struct.pack("!hhhh", 0, 0, 0, 2**15 - 1),
    struct.pack("!q", 2**63 - 1),
    struct.pack("!q", -(2**63)),
]


@pytest.mark.parametrize("format", Format)
def test_samples(format):
    tx = Transformer()
    for oid in OIDS:
        for data in SAMPLES:
            load(tx, oid, format, data)


@pytest.mark.parametrize("format", Format)
def test_random_bytes(format):
    generator = random.Random(8)
    tx = Transformer()
    for oid in OIDS:
        for _ in range(60):
            load(tx, oid, format, generator.randbytes(generator.randrange(40)))


def nested_record(depth):
    value = b"\0\0\0\0"
    for _ in range(depth):
        value = struct.pack("!iIi", 1, 2249, len(value)) + value
    return value


def test_nested_records_end():
    tx = Transformer()
    tx.set_loader_types([2249], Format.BINARY)
    assert tx.load_sequence([nested_record(3)]) == (((((),),),),)
    for depth in (50, 1000, 20_000):
        load(tx, 2249, Format.BINARY, nested_record(depth))


def test_damaged_values():
    """Good values with one byte changed, cut off or added."""
    generator = random.Random(9)
    tx = Transformer()
    good = [
        (1007, struct.pack("!iiIiiiiii", 1, 1, 23, 2, 1, 4, 7, 4, 8)),
        (2249, struct.pack("!iIiiIi", 2, 23, 4, 7, 25, -1)),
        (3904, b"\x02\0\0\0\4\0\0\0\1\0\0\0\4\0\0\0\2"),
        (4451, b"\0\0\0\1\0\0\0\x11\x02\0\0\0\4\0\0\0\1\0\0\0\4\0\0\0\2"),
        (1700, struct.pack("!hhhhhh", 2, 1, 0x4000, 2, 1234, 5600)),
        (869, b"\x02\x18\0\4\x0a\0\0\1"),
        (1186, struct.pack("!qii", 1, 2, 3)),
        (1266, struct.pack("!qi", 5, 3600)),
        (3802, b'\x01{"a": [1, 2.5, null, "x"]}'),
    ]
    for oid, data in good:
        tx.set_loader_types([oid], Format.BINARY)
        tx.load_sequence([data])
        for at in range(len(data)):
            load(tx, oid, Format.BINARY, data[:at])
            for _ in range(10):
                damaged = bytearray(data)
                damaged[at] = generator.randrange(256)
                load(tx, oid, Format.BINARY, bytes(damaged))
        load(tx, oid, Format.BINARY, data + b"\0")
