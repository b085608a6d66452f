"""
Tests for :mod:`proxypypi.simple.documents`.
"""

import json
from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import UnreadablePage
from proxypypi.model import Distribution
from proxypypi.names import normalize
from proxypypi.simple.documents import (
    Contents,
    Document,
    parse_document,
    render_document,
)

BASE = "https://proxy.example/py/"
WHEEL, SDIST = "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"


def render(*files: Distribution, **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "releases": {"1.0": files},
        "version": "1.0",
        "whole": True,
        "about": None,
        "theirs": None,
        "info": {},
        "last_serial": None,
        **more,
    }
    contents = Contents(name=normalize("demo"), **said)
    rendered: dict[str, Any] = json.loads(render_document(contents, BASE))
    return rendered


def listed(filename: str = WHEEL, **more: Any) -> Distribution:
    return Distribution(filename=filename, url="x", **more)


def document(**file: Any) -> Document:
    body = {
        "info": {"version": "1.0", "summary": "theirs"},
        "releases": {"1.0": [{"filename": WHEEL, **file}]},
    }
    return parse_document(json.dumps(body).encode())


class ParseTests(SynchronousTestCase):
    def test_least(self) -> None:
        """
        Only the information has to be there.
        """
        self.assertEqual(Document({}), parse_document(b'{"info": {}}'))
        self.assertEqual("", Document({"version": 7}).version)

    def test_unreadable(self) -> None:
        """
        What is none is an error.
        """
        for body in (
            b"",
            b"[]",
            b"{}",
            b"<html>",
            b'{"info": []}',
            b'{"info": {}, "urls": [{}]}',
            b'{"info": {}, "releases": [1]}',
            b'{"info": {"a": "\xff"}}',
            b'{"info":' + b"[" * 100_000,
        ):
            self.assertRaises(UnreadablePage, parse_document, body)


class RenderTests(SynchronousTestCase):
    def file(self, distribution: Distribution, **more: Any) -> Mapping[str, Any]:
        [file] = render(distribution, **more)["urls"]
        return dict(file)

    def test_made(self) -> None:
        """
        Without an index, a file is what the page says of it, and nothing is made up.
        """
        file = self.file(
            listed(
                hashes={"sha256": "5f", "sha512": "aa"},
                size=7,
                upload_time="2026-01-02T03:04:05.600000Z",
                requires_python=">=3",
                yanked="bad",
                core_metadata={"sha256": "af"},
            )
        )
        expected = {
            "comment_text": "",
            "core-metadata": {"sha256": "af"},
            "digests": {"sha256": "5f"},
            "downloads": -1,
            "filename": WHEEL,
            "has_sig": False,
            "md5_digest": None,
            "packagetype": "bdist_wheel",
            "python_version": "py3",
            "requires_python": ">=3",
            "size": 7,
            "upload_time": "2026-01-02T03:04:05",
            "upload_time_iso_8601": "2026-01-02T03:04:05.600000Z",
            "url": f"{BASE}files/demo/{WHEEL}",
            "yanked": True,
            "yanked_reason": "bad",
        }
        self.assertEqual(expected, file)

    def test_types(self) -> None:
        """
        What is not known is left out, or is of the type that it has on PyPI, as there
        are programs that take no null for it.
        """
        rendered = render(listed())
        self.assertNotIn("upload_time", rendered["urls"][0])
        self.assertNotIn("upload_time_iso_8601", rendered["urls"][0])
        info = rendered["info"]
        self.assertEqual(("", {}), (info["home_page"], info["project_urls"]))

    def test_kinds(self) -> None:
        """
        What a file is, is told by its name.
        """
        for filename, expected in (
            (WHEEL, ("bdist_wheel", "py3")),
            ("demo-1.0-1-cp39-abi3-linux_x86_64.whl", ("bdist_wheel", "cp39")),
            (SDIST, ("sdist", "source")),
            ("demo-1.0.zip", ("sdist", "source")),
            ("demo-1.0-py2.7.egg", ("bdist_egg", "2.7")),
            ("demo-1.0.win32-py2.7.exe", ("bdist_wininst", "any")),
        ):
            file = self.file(listed(filename))
            self.assertEqual(expected, (file["packagetype"], file["python_version"]))

    def test_theirs(self) -> None:
        """
        What the index says beyond the page is there, unless it means another file, or
        what it says is none.
        """
        hashes = {"sha256": "5f"}
        for digests, known in (
            ({"md5": "aa", "sha256": "5f"}, True),
            ({"md5": "aa"}, True),
            ({"sha256": "00"}, False),
            ([7], True),
        ):
            theirs = document(digests=digests, comment_text="theirs", size=9)
            file = self.file(listed(hashes=hashes), theirs=theirs)
            self.assertEqual("theirs" if known else "", file["comment_text"], digests)
            self.assertEqual(9 if known else None, file["size"])
            self.assertEqual("5f", file["digests"]["sha256"])

    def test_info(self) -> None:
        """
        It is the index's, or else the file's own; its version and yanking are ours.
        """
        about = document()
        info = render(listed(yanked=""), about=about, info={"summary": "own"})["info"]
        self.assertEqual("theirs", info["summary"])
        self.assertEqual((True, None), (info["yanked"], info["yanked_reason"]))
        info = render(listed(), info={"summary": "own", "version": "1"})["info"]
        self.assertEqual(("own", "1.0"), (info["summary"], info["version"]))
        self.assertFalse(info["yanked"])
        self.assertEqual(f"{BASE}simple/demo/", info["project_url"])

    def test_yanked_in_part(self) -> None:
        """
        A release is yanked when all its files are.
        """
        info = render(listed(yanked="bad"), listed(SDIST))["info"]
        self.assertEqual((False, None), (info["yanked"], info["yanked_reason"]))
        info = render(listed(yanked=""), listed(SDIST, yanked="bad"))["info"]
        self.assertEqual((True, "bad"), (info["yanked"], info["yanked_reason"]))

    def test_release(self) -> None:
        """
        A document of a release has no others.
        """
        releases = {"1.0": [listed()], "2.0": [listed("demo-2.0.zip")]}
        rendered = render(releases=releases, whole=False)
        self.assertNotIn("releases", rendered)
        self.assertEqual([WHEEL], [f["filename"] for f in rendered["urls"]])
        self.assertEqual(["1.0", "2.0"], list(render(releases=releases)["releases"]))
