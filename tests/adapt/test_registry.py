"""AdaptersMap: what is registered, inherited, found."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import psycoxide
from psycoxide.adapt import AdaptersMap, Dumper, Loader, PyFormat
from psycoxide.pq import Format
from psycoxide.types import TypesRegistry

# In the order in which dumpers of one type take each other's place.
MODULES = (
    "array bool composite datetime enum json multirange net none numpy numeric range string uuid"
)


class Custom(Dumper):
    oid = 25

    def dump(self, obj):
        return b"custom"


class CustomLoader(Loader):
    def load(self, data):
        return b"custom"


def described(registered):
    dumpers, loaders = registered
    named = [
        {
            key if isinstance(key, str) else f"{key.__module__}.{key.__qualname__}": cls
            for key, cls in found.items()
        }
        for found in dumpers
    ]
    return named, loaders


def test_table_of_the_core_is_what_the_modules_register():
    ours = AdaptersMap(types=psycoxide.postgres.types)
    for name in MODULES.split():
        importlib.import_module(f"psycoxide.types.{name}").register_default_adapters(ours)
    psycoxide.types.array.register_all_arrays(ours)
    psycoxide.dbapi20.register_dbapi20_adapters(ours)
    theirs = psycoxide.adapters
    (dumpers, loaders), (known_dumpers, known_loaders) = (
        described(ours._registered()),
        described(theirs._registered()),
    )
    assert dumpers == known_dumpers
    for found, known in zip(loaders, known_loaders, strict=True):
        assert found.keys() == known.keys()
        arrays = {info.array_oid for info in theirs.types}
        for oid in found.keys() - arrays:
            assert found[oid] is known[oid]
        for oid in found.keys() & arrays:
            assert vars(found[oid]).get("base_oid") == vars(known[oid]).get("base_oid")
    for format in Format:
        for oid in [
            0,
            *(info.oid for info in theirs.types),
            *(info.array_oid for info in theirs.types),
        ]:
            try:
                known = theirs.get_dumper_by_oid(oid, format)
            except psycoxide.ProgrammingError:
                continue
            if oid != 17:  # Binary and bytes share it.
                assert ours.get_dumper_by_oid(oid, format).__name__ == known.__name__


def test_the_codecs_are_those_of_the_classes():
    """The core runs a codec in place of the class: both must say the same type and format."""
    for format in PyFormat:
        for found in psycoxide.adapters._dumpers[format].values():
            assert "_native" in vars(found), found
            if format is not PyFormat.AUTO:
                assert found.format == PyFormat.as_pq(format)


def test_importing_the_package_does_not_import_the_adapters():
    code = (
        "import sys, psycoxide; print([m for m in sys.modules if m.startswith('psycoxide.types.')])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("cls", [3, b"int", 1.5])
def test_dumpers_want_a_class(cls):
    with pytest.raises(TypeError, match="should be registered on classes, got"):
        AdaptersMap().register_dumper(cls, Custom)


@pytest.mark.parametrize("oid", [1.5, b"int4", None, -1])
def test_loaders_want_an_oid(oid):
    with pytest.raises(TypeError, match="should be registered on oid, got"):
        AdaptersMap().register_loader(oid, CustomLoader)


def test_unknown_names():
    with pytest.raises(KeyError, match="couldn't find the type 'nope'"):
        AdaptersMap(psycoxide.adapters).register_loader("nope", CustomLoader)


def test_errors_name_what_is_missing():
    adapters = AdaptersMap(psycoxide.adapters)
    with pytest.raises(psycoxide.ProgrammingError, match=r"type 'complex' using placeholder '%b'"):
        adapters.get_dumper(complex, PyFormat.BINARY)
    with pytest.raises(
        psycoxide.ProgrammingError, match=r"unknown type with oid 99999 format TEXT"
    ):
        adapters.get_dumper_by_oid(99999, Format.TEXT)
    with pytest.raises(psycoxide.ProgrammingError, match=r"type point \(oid 600\) format BINARY"):
        adapters.get_dumper_by_oid(600, Format.BINARY)
    assert adapters.get_loader(99999, Format.TEXT) is None


def test_a_copy_is_independent():
    first = AdaptersMap(psycoxide.adapters)
    second = AdaptersMap(first)
    first.register_dumper(str, Custom)
    first.register_loader("text", CustomLoader)
    assert first.get_dumper(str, PyFormat.AUTO) is Custom
    assert second.get_dumper(str, PyFormat.AUTO) is not Custom
    assert second.get_loader(25, Format.TEXT) is not CustomLoader
    assert AdaptersMap(first).get_loader(25, Format.TEXT) is CustomLoader
    assert psycoxide.adapters.get_loader(25, Format.TEXT) is not CustomLoader
    first.types.add(psycoxide.types.TypeInfo("thing", 99998, 0))
    assert second.types.get("thing") is None


def test_the_last_format_registered_is_the_automatic_choice():
    class Binary(Custom):
        format = Format.BINARY

    adapters = AdaptersMap()
    adapters.register_dumper(complex, Custom)
    adapters.register_dumper(complex, Binary)
    assert adapters.get_dumper(complex, PyFormat.AUTO) is Binary
    adapters.register_dumper(complex, Custom)
    assert adapters.get_dumper(complex, PyFormat.AUTO) is Custom
    assert adapters.get_dumper(complex, PyFormat.BINARY) is Binary


def test_bases_and_names():
    class Base:
        pass

    class Derived(Base):
        pass

    adapters = AdaptersMap(types=TypesRegistry())
    adapters.register_dumper(f"{__name__}.{Base.__qualname__}", Custom)
    for _ in range(2):
        assert adapters.get_dumper(Derived, PyFormat.TEXT) is Custom
    with pytest.raises(psycoxide.ProgrammingError):
        adapters.get_dumper(Derived, PyFormat.BINARY)


def test_without_a_class_it_is_found_by_oid():
    adapters = AdaptersMap()
    adapters.register_dumper(None, Custom)
    assert adapters.get_dumper_by_oid(25, Format.TEXT) is Custom
    with pytest.raises(psycoxide.ProgrammingError):
        adapters.get_dumper(str, PyFormat.AUTO)
