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


def array(*dimensions, elements=b"", ndim=None, oid=23):
    header = struct.pack("!iiI", len(dimensions) if ndim is None else ndim, 0, oid)
    return header + b"".join(struct.pack("!ii", length, 1) for length in dimensions) + elements


TEXT, BINARY = Format
DAMAGE = [
    ("short", 23, BINARY, b"\0\0\0"),
    ("long", 23, BINARY, b"\0\0\0\1\0"),
    ("short text", 16, TEXT, b""),
    ("long text", 23, TEXT, b"9" * 30),
    ("length below -1", 1007, BINARY, array(1, elements=struct.pack("!i", -5))),
    ("length beyond the value", 1007, BINARY, array(1, elements=struct.pack("!i", 2**31 - 1))),
    ("negative dimension", 1007, BINARY, array(-1)),
    ("seven dimensions", 1007, BINARY, array(*[1] * 7)),
    ("absurdly many dimensions", 1007, BINARY, array(ndim=2**31 - 1)),
    ("more elements than bytes", 1007, BINARY, array(2**31 - 1)),
    ("a product that overflows", 1007, BINARY, array(*[2**16] * 6)),
    ("too few elements", 1007, BINARY, array(2, elements=struct.pack("!ii", 4, 1))),
    ("an array that goes on", 1007, BINARY, array(1, elements=struct.pack("!iiB", 4, 1, 0))),
    ("an array in an endless number", 1007, TEXT, b"{" * 1000),
    ("an array that does not end", 1007, TEXT, b"{1,2"),
    ("two arrays", 1007, TEXT, b"{1}{2}"),
    ("deep records", 2249, BINARY, None),
    ("a negative number of fields", 2249, BINARY, struct.pack("!i", -1)),
    ("more fields than bytes", 2249, BINARY, struct.pack("!i", 2**31 - 1)),
    ("UTF-8", 25, TEXT, b"a\xff"),
    ("UTF-8, binary", 25, BINARY, b"\xe2\x82"),
    ("UTF-8 in an array", 1009, TEXT, b"{\xff}"),
    ("UTF-8 in a document", 3802, BINARY, b'\x01"\xff"'),
    ("a document's version", 3802, BINARY, b"\x02{}"),
    ("a document's syntax", 114, TEXT, b"{"),
    ("a date out of range", 1082, BINARY, struct.pack("!i", 2**31 - 1)),
    ("a timestamp out of range", 1114, BINARY, struct.pack("!q", 2**62)),
    ("a time out of range", 1083, BINARY, struct.pack("!q", 86_400_000_001)),
    ("a time before midnight", 1083, BINARY, struct.pack("!q", -1)),
    ("a month out of range", 1082, TEXT, b"2024-13-01"),
    ("an interval out of range", 1186, BINARY, struct.pack("!qii", 0, 0, 2**31 - 2)),
    ("digits out of range", 1700, BINARY, struct.pack("!hhhhh", 1, 0, 0, 0, 10_000)),
    ("a number without digits", 1700, BINARY, struct.pack("!hhhh", 5, 0, 0, 0)),
    ("a sign that is none", 1700, BINARY, struct.pack("!HhHh", 0, 0, 0x1234, 0)),
    ("half a UUID", 2950, BINARY, b"\0" * 8),
    ("a UUID's letters", 2950, TEXT, b"z" * 36),
    ("a family of addresses", 869, BINARY, b"\7\x20\0\4\0\0\0\0"),
    ("the bits of an address", 869, BINARY, b"\2\x7f\0\4\0\0\0\0"),
    ("the length of an address", 869, BINARY, b"\2\x20\0\x10\0\0\0\0"),
    ("a range's flags", 3904, BINARY, b"\xff"),
    ("a range without a bound", 3904, BINARY, b"\2\0\0\0\4"),
    ("a range's brackets", 3904, TEXT, b"1,2"),
    ("ranges that are not there", 4451, BINARY, struct.pack("!i", 2**31 - 1)),
    ("a negative number of ranges", 4451, BINARY, struct.pack("!i", -1)),
    ("hexadecimal digits", 17, TEXT, b"\\xzz"),
    ("half a byte", 17, TEXT, b"\\x123"),
    ("an octal escape", 17, TEXT, b"\\99"),
]


@pytest.mark.parametrize(
    ("oid", "format", "data"), [case[1:] for case in DAMAGE], ids=[case[0] for case in DAMAGE]
)
def test_kinds_of_damage(oid, format, data):
    tx = Transformer()
    tx.set_loader_types([25, oid], format)
    if data is None:
        data = nested_record(100)
    place = f'column "2", type oid {oid}, {format.name.lower()} format'
    with pytest.raises(psycoxide.DataError, match=place):
        tx.load_sequence([b"x", data])
    # The same loader goes on.
    assert tx.load_sequence([b"x", None]) == ("x", None)
