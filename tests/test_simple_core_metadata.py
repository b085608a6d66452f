"""
Tests for :mod:`proxypypi.simple.core_metadata`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.simple.core_metadata import read_info

FULL = """\
Metadata-Version: 2.4
Name: Demo.Pkg
Version: 1.0
Summary: what it is
Keywords: a,b
Author: Ada
Author-email: ada@example.org
License-Expression: MIT
License-File: LICENSE
Classifier: One
Classifier: Two
Platform: any
Requires-Dist: x>1
Requires-Dist: y; extra == "t"
Requires-Python: >=3.8
Provides-Extra: t
Home-page: UNKNOWN
Project-URL: Home, https://example.org/
Description-Content-Type: text/x-rst

It is \u00e9.
"""


class ReadTests(SynchronousTestCase):
    def test_full(self) -> None:
        """
        All of it is there, under the names that documents have for it.
        """
        expected = {
            "name": "Demo.Pkg",
            "version": "1.0",
            "summary": "what it is",
            "keywords": "a,b",
            "author": "Ada",
            "author_email": "ada@example.org",
            "license_expression": "MIT",
            "license_files": ["LICENSE"],
            "classifiers": ["One", "Two"],
            "platform": "any",
            "requires_dist": ["x>1", 'y; extra == "t"'],
            "requires_python": ">=3.8",
            "provides_extra": ["t"],
            "project_urls": {"Home": "https://example.org/"},
            "description_content_type": "text/x-rst",
            "description": "It is \u00e9.\n",
        }
        self.assertEqual(expected, read_info(FULL.encode()))

    def test_garbage(self) -> None:
        """
        What cannot be understood is left out.
        """
        for content, expected in (
            (b"", {}),
            (b"\x00\xff", {}),
            (b"Name: a\nName: b\nVersion: 1\n", {"version": "1"}),
            (b"Name: a\nSummary: \xff\n", {"name": "a"}),
        ):
            info = dict(read_info(content))
            info.pop("description", None)
            self.assertEqual(expected, info, content)

    def test_too_much(self) -> None:
        """
        No time is spent on what would take hours: of such metadata nothing is said.
        """
        for more in (
            "".join(f"A{i}: b\n" for i in range(300_000)),
            "Classifier: x\n" * 300_000,
            "Description-Content-Type: text/plain" + ";a=b" * 1_000_000 + "\n",
            "Content-Type: multipart/mixed; boundary=a\n\n--a\n" + "b\n" * 10_000,
        ):
            self.assertEqual({}, read_info(f"Name: a\n{more}".encode()))

    def test_long(self) -> None:
        """
        A description in a header, and a whole license, may be long.
        """
        for name in ("License", "Description"):
            info = read_info(f"{name}: {'x' * 100_000}\n".encode())
            self.assertEqual(100_000, len(info[name.lower()]))
