"""
Tests for :mod:`proxypypi.cache.shelf`; what it keeps is tested over HTTP.
"""

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.shelf import HeldPage
from proxypypi.model import ProjectPage, RawPage
from proxypypi.simple.reading import read_page
from tests.store_contract import DEMO

RAW = RawPage(
    index="https://index.example/simple/",
    url="https://index.example/simple/demo/",
    content_type="application/vnd.pypi.simple.v1+json",
    body=b'{"meta": {"api-version": "1.0"}, "name": "demo", "files": []}',
    etag='"a"',
)


class HeldPageTests(SynchronousTestCase):
    def test_is_of(self) -> None:
        """
        A page need not be read anew if it is the same, as its index tells by an ETag.
        """
        page: ProjectPage = read_page(RAW, DEMO)
        size = len(RAW.body)
        cases: list[tuple[str, RawPage, bool]] = [
            ("same", RAW, True),
            ("other tag", evolve(RAW, etag='"b"'), False),
            ("other length", evolve(RAW, body=RAW.body + b" "), False),
            ("other index", evolve(RAW, index="https://other.example/"), False),
        ]
        for case, raw, expected in cases:
            held = HeldPage(
                raw=evolve(RAW, body=b""), page=page, checked_at=0.0, size=size
            )
            self.assertIs(expected, held.is_of(raw), case)
        bare = evolve(RAW, etag=None)
        held = HeldPage(
            raw=evolve(bare, body=b""), page=page, checked_at=0.0, size=size
        )
        self.assertFalse(held.is_of(bare))
