"""
Tests for :mod:`proxypypi.rules.publication`.
"""

from typing import Any

from packaging.version import Version
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadRequest, NotDoneAnyMore
from proxypypi.names import normalize
from proxypypi.rules.publication import (
    Claimed,
    Publication,
    check_hashes,
    judge,
    read_filename,
    read_form,
    read_metadata,
)

METADATA = b"Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0\n"
FORM = {":action": "file_upload", "name": "demo_pkg", "version": "1.0"}


class FilenameTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        Names of every kind of file that can be checked, old ways to write them too.
        """
        for filename in (
            *("demo_pkg-1.0-py3-none-any.whl", "Demo.Pkg-1.0-1-py3-none-any.whl"),
            *("demo_pkg-1.0.tar.gz", "demo-pkg-1.0.tar.gz", "Demo.Pkg-1.0.zip"),
            *("demo-pkg-1.0.tar.bz2", "demo-pkg-1.tgz", "demo.pkg-1.0.0.tar.xz"),
            "demo_pkg-1.0-py3.11.egg",
        ):
            publication = judge(
                read_form(FORM, filename), None if ".egg" in filename else METADATA
            )
            expected = Publication(
                name=normalize("demo-pkg"), version=Version("1.0"), filename=filename
            )
            self.assertEqual(expected, publication)

    def test_bad(self) -> None:
        for filename in (
            *("", ".", "..", "a/b.whl", "demo.exe", "demo-1.0.rpm", "demo-1.0.whl.asc"),
            *("demo_pkg-1.0.tar.gz.metadata", "démo-1.0.zip", "demo%2f-1.0.zip"),
            *("x" * 300 + ".zip", "demo\n-1.0.zip"),
        ):
            self.assertRaises(BadRequest, read_filename, filename)

    def test_another(self) -> None:
        """
        Names that are another file's.
        """
        for filename in (
            *("demo_pkg-1.1-py3-none-any.whl", "demo-1.0-py3-none-any.whl"),
            *("demo_pkg-1.0.whl", "demo_pkg-1.0-py3-none.whl", "demo_pkg-1.1.tar.gz"),
            *("demo_pkg_x-1.0.tar.gz", "demo_pkg.tar.gz", "demo_pkg-one.tar.gz"),
        ):
            claimed = read_form(FORM, filename)
            self.assertRaises(BadRequest, judge, claimed, METADATA)


class FormTests(SynchronousTestCase):
    def test_gone(self) -> None:
        for action in ("submit", "doc_upload"):
            fields = {**FORM, ":action": action}
            self.assertRaises(NotDoneAnyMore, read_form, fields, "demo_pkg-1.0.zip")

    def test_reasons(self) -> None:
        """
        Each says what is wrong with the form.
        """
        for change, said in (
            ({":action": "x"}, ":action"),
            ({"protocol_version": "2"}, "protocol_version"),
            ({"name": ""}, "name"),
            ({"name": "-"}, "name"),
            ({"version": "x"}, "version"),
            ({"filetype": "bdist_wheel"}, "filetype"),
        ):
            error = self.assertRaises(
                BadRequest, read_form, {**FORM, **change}, "demo_pkg-1.0.zip"
            )
            self.assertIn(said, str(error))

    def test_hashes(self) -> None:
        found = {"sha256": "5f" * 32, "md5": "5f" * 16}
        for said, good in (
            ({}, True),
            ({"sha256": "5F" * 32}, True),
            ({"md5": "X19fX19fX19fX19fX19fXw=="}, True),
            ({"md5": "X19fX19fX19fX19fX19fXw"}, True),
            ({"md5": "x19fx19fx19fx19fx19fxw"}, False),
            ({"sha256": "5f" * 32, "md5": "00" * 16}, False),
        ):
            claimed = Claimed(filename="a.zip", hashes=said)
            if good:
                check_hashes(claimed, found)
            else:
                self.assertRaises(BadRequest, check_hashes, claimed, found)


class MetadataTests(SynchronousTestCase):
    def read(self, *lines: str, version: str = "2.1") -> Any:
        head = METADATA.replace(b"2.1", version.encode())
        return read_metadata(head + "".join(f"{line}\n" for line in lines).encode())

    def test_any_version(self) -> None:
        """
        What is older, or newer than anybody knows; fields that are ahead of it.
        """
        for version in ("1.0", "1.1", "1.2", "2.0", "2.4", "2.9", "3.7", "11.0"):
            raw = self.read("License-File: LICENSE", "New: x", version=version)
            self.assertEqual("Demo.Pkg", raw["name"], version)
        self.read("Description-Content-Type: UNKNOWN", "License: UNKNOWN")

    def test_bad(self) -> None:
        for lines in (
            ("Requires-Dist: !",),
            ("Requires-Python: soon",),
            ("Name: other",),
            ("Version: 2.0",),
            ("Provides-Extra: -",),
            ("Description-Content-Type: text/evil",),
            tuple(f"A{i}: b" for i in range(300_000)),  # which would take hours
        ):
            self.assertRaises(BadRequest, self.read, *lines)
        for version in ("", "x", "2", "2.1.1.1"):
            self.assertRaises(BadRequest, self.read, version=version)
        for content in (b"", b"\xff\xfe", b"Name: demo\n", b"Metadata-Version: 2.1\n"):
            self.assertRaises(BadRequest, read_metadata, content)

    def test_without_form(self) -> None:
        """
        A file alone says itself whose it is.
        """
        publication = judge(read_filename("demo_pkg-1.0.zip"), METADATA)
        self.assertEqual("demo-pkg", publication.name)
        claimed = read_filename("demo_pkg-1.0-py3.11.egg")
        self.assertRaises(BadRequest, judge, claimed, None)
