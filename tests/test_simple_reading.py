"""
Tests for :mod:`proxypypi.simple.reading`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import UnreadablePage
from proxypypi.model import RawPage
from proxypypi.simple.reading import read_page
from tests.simple_pages import BASE, NAME

JSON = (
    b'{"meta": {"api-version": "1.0"}, "files": [{"filename": "a-1.zip", "url": "x"}]}'
)
HTML = b"<a href=a-1.zip>a-1.zip</a>"


def raw(content_type: str, body: bytes, url: str = BASE) -> RawPage:
    index = "https://index.example/simple/"
    return RawPage(index=index, url=url, content_type=content_type, body=body)


class ReadPageTests(SynchronousTestCase):
    def test_content_types(self) -> None:
        """
        The type decides, whatever its case and its parameters.
        """
        cases = [
            ("application/vnd.pypi.simple.v1+json", JSON),
            ("APPLICATION/VND.PYPI.SIMPLE.V1+JSON ; charset=utf-8", JSON),
            ("application/json", JSON),
            ("application/vnd.pypi.simple.v1+html", HTML),
            ("text/html", HTML),
            ("Text/HTML;charset=UTF-8", HTML),
            ("application/xhtml+xml", HTML),
        ]
        for content_type, body in cases:
            page = read_page(raw(content_type, body), NAME)
            found = [d.filename for d in page.distributions]
            self.assertEqual((NAME, ["a-1.zip"]), (page.name, found), content_type)

    def test_unknown_type(self) -> None:
        """
        What says it is something else is not read, even if it looks like a page.
        """
        for content_type in (
            "",
            "text/plain",
            "text/htmlx",
            "application/vnd.pypi.simple.v2+json",
            "application/octet-stream",
            "json",
        ):
            for body in (JSON, HTML):
                with self.assertRaises(UnreadablePage, msg=content_type):
                    read_page(raw(content_type, body), NAME)

    def test_wrong_type(self) -> None:
        """
        A page of one form under the type of the other is nonsense, not empty.
        """
        for content_type, body in (("application/json", HTML), ("text/html", JSON)):
            with self.assertRaises(UnreadablePage, msg=content_type):
                read_page(raw(content_type, body), NAME)

    def test_relative_to_final_address(self) -> None:
        """
        Links start at the address the page had after redirects.
        """
        moved = "https://mirror.example/pypi/demo/"
        for content_type, body, url in (
            ("application/json", JSON, moved + "x"),
            ("text/html", HTML, moved + "a-1.zip"),
        ):
            (found,) = read_page(raw(content_type, body, moved), NAME).distributions
            self.assertEqual(url, found.url)

    def test_long_type_is_told_shortly(self) -> None:
        """
        The error is fit for a terminal.
        """
        with self.assertRaises(UnreadablePage) as caught:
            read_page(raw("\x1b[2J" + "x" * 10_000, HTML), NAME)
        self.assertLess(len(str(caught.exception)), 120)
        self.assertTrue(str(caught.exception).isprintable())
