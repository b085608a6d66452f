"""
Tests for :mod:`proxypypi.store.inspection`; :mod:`tests.test_web_uploads_corpus` has
more of what is refused.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadRequest
from proxypypi.store import inspection
from proxypypi.store.archives import DAMAGED
from proxypypi.store.inspection import (
    can_be_looked_through,
    inspect,
    look_through,
)
from tests.distributions import make_wheel

METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
FILES = {
    "demo-1.0/PKG-INFO": METADATA,
    "demo-1.0/demo.egg-info/PKG-INFO": b"another",
    "demo-1.0/setup.py": b"x" * 5000,
}


def tar_of(files: Mapping[str, bytes] = FILES) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zip_of(files: Mapping[str, bytes] = FILES) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


class InspectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def inspect(self, content: bytes, filename: str) -> bytes | None:
        self.path.write_bytes(content)
        return inspect(str(self.path), filename)

    def assert_refused(self, content: bytes, filename: str) -> str:
        return str(self.assertRaises(BadRequest, self.inspect, content, filename))

    def test_sdists(self) -> None:
        """
        Each way to pack one, and what is cut off of it.
        """
        packings: dict[str, Callable[[bytes], bytes]] = {
            "tar.gz": gzip.compress,
            "tar.bz2": bz2.compress,
            "tar.xz": lzma.compress,
            "tar.lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
        }
        for suffix, pack in packings.items():
            content = pack(tar_of())
            self.assertEqual(METADATA, self.inspect(content, f"demo-1.0.{suffix}"))
            self.assert_refused(content[:-10], f"demo-1.0.{suffix}")
        self.assertEqual(METADATA, self.inspect(tar_of(), "demo-1.0.tar"))
        self.assertEqual(METADATA, self.inspect(zip_of(), "demo-1.0.zip"))
        self.assert_refused(zip_of()[:-10], "demo-1.0.zip")

    def test_wheel(self) -> None:
        wheel = make_wheel("demo")
        self.assertEqual(wheel.metadata, self.inspect(wheel.content, wheel.filename))

    def test_egg(self) -> None:
        """
        Of an egg only that it is one can be told.
        """
        self.assertIsNone(self.inspect(zip_of(), "demo-1.0-py3.11.egg"))
        self.assert_refused(tar_of(), "demo-1.0-py3.11.egg")

    def test_limits(self) -> None:
        """
        Neither many small files, nor a large directory, nor what unpacks to much.
        """
        self.patch(inspection, "_MOST_MEMBERS", 2)
        self.assertIn("too much", self.assert_refused(zip_of(), "demo-1.0.zip"))
        self.assertIn("too much", self.assert_refused(tar_of(), "demo-1.0.tar"))
        self.patch(inspection, "_MOST_MEMBERS", 100)
        self.patch(inspection, "_UNSUSPICIOUS", 1000)
        self.patch(inspection, "_MOST_TIMES", 2)
        packed = gzip.compress(tar_of())
        self.assertIn("too much", self.assert_refused(zip_of(), "demo-1.0.zip"))
        self.assertIn("too much", self.assert_refused(packed, "demo-1.0.tar.gz"))
        self.patch(inspection, "_LARGEST_READ", 100)
        self.assert_refused(zip_of(), "demo-1.0.zip")

    def test_names(self) -> None:
        """
        What leads out is refused, on whatever system; a backslash alone does no harm.
        """
        for name, good in (
            *(("demo-1.0/a\\b", True), ("demo-1.0/..a", True), ("demo-1.0/./b", True)),
            *(("../b", False), ("demo-1.0/../../b", False), ("/b", False)),
            *(("demo-1.0\\..\\..\\b", False), ("\\b", False)),
            *(("demo-1.0/" + "a/" * 2000, True), ("demo-1.0/" + "a/" * 3000, False)),
        ):
            content = tar_of({**FILES, name: b"x"})
            if good:
                self.assertEqual(METADATA, self.inspect(content, "demo-1.0.tar"))
            else:
                self.assert_refused(content, "demo-1.0.tar")

    def test_headers(self) -> None:
        """
        However much there is in the headers of a tar, none of it is held.
        """
        out, large = io.BytesIO(), "x" * 90_000
        for number in range(300):
            out.write(tarfile.TarInfo.create_pax_global_header({f"a{number}": large}))
            out.write(tarfile.TarInfo(f"demo-1.0/{number}").tobuf())
        content = gzip.compress(out.getvalue() + tar_of())
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.assertEqual(METADATA, self.inspect(content, "demo-1.0.tar.gz"))
        self.assertLess(tracemalloc.get_traced_memory()[1], 15_000_000)

    def test_damage(self) -> None:
        """
        Who wants to tell what is damaged from what is odd can.
        """
        self.path.write_bytes(zip_of()[:-30])
        self.assertRaises(DAMAGED, look_through, str(self.path), "demo-1.0.zip")
        self.path.write_bytes(zip_of({"a": b""}))
        self.assertRaises(BadRequest, look_through, str(self.path), "demo-1.0.zip")

    def test_kinds(self) -> None:
        """
        There are files that nobody here can look into.
        """
        for filename, expected in (
            ("demo-1.0-py3-none-any.whl", True),
            ("demo-1.0.tar.xz", True),
            ("demo-1.0.egg", True),
            ("demo-1.0.tar.Z", False),
            ("demo-1.0.tar.lz", False),
            ("demo-1.0.exe", False),
        ):
            self.assertIs(expected, can_be_looked_through(filename), filename)

    def test_gone(self) -> None:
        self.assertRaises(BadRequest, inspect, "/none", "demo-1.0.zip")
