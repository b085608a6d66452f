"""
Tests for :mod:`proxypypi.cache.inventory`.
"""

import os
from pathlib import Path

from proxypypi.cache.inventory import stock_of, take_stock
from proxypypi.model import Change, Doubt
from proxypypi.names import normalize
from proxypypi.rules.inventory import Kind
from proxypypi.settings import Settings
from proxypypi.store.claims import ClaimStore
from proxypypi.store.marks import set_status
from tests.distributions import make_wheel
from tests.stock_case import INDEX, SEEN_AT, StockTestCase

DEMO = normalize("demo")

SETTINGS = Settings(directory=Path("/nowhere"))


class InventoryTests(StockTestCase):
    def kinds(self) -> dict[str, Kind]:
        stock = stock_of(self.directory, DEMO)
        return {item.file.filename: item.kind for item in stock.items(SETTINGS, 0.0)}

    def test_all(self) -> None:
        """
        All projects that have files are there, sorted, with all their files.
        """
        self.put("zope.interface", make_wheel("zope.interface"))
        self.put(".", make_wheel("attrs"))
        (self.directory / "empty").mkdir()
        stocks = list(take_stock(self.directory))
        names = [stock.name for stock in stocks]
        self.assertEqual(["attrs", "demo", "zope-interface"], names)
        expected = sorted(b.filename for b in (self.wheel, self.sdist, self.second))
        found = [item.file.filename for item in stocks[1].items(SETTINGS, 0.0)]
        self.assertEqual(expected, found)

    def test_claims_that_cannot_be_read(self) -> None:
        """
        Of what cannot be told to be claimed or not, it is said that it counts as ours.
        """
        self.keep_page(self.wheel)
        claims = self.decisions / "claims"
        self.decisions.mkdir(parents=True)
        claims.symlink_to(claims)
        stock = stock_of(self.directory, DEMO)
        self.assertEqual((True, None), (stock.claimed, stock.page))
        [trouble] = stock.troubles
        self.assertIn("demo.json cannot be read, so it counts as claimed", trouble)

    def test_kinds(self) -> None:
        """
        The records tell whose the files are, and nothing is read to find out.
        """
        self.remember(self.wheel)
        self.remember(self.sdist, origin=None)
        self.assertEqual(
            {
                self.wheel.filename: Kind.CACHED,
                self.sdist.filename: Kind.PRIVATE,
                self.second.filename: Kind.UNREAD,
            },
            self.kinds(),
        )
        self.keep_page(self.sdist)
        self.assertIs(Kind.CACHED, self.kinds()[self.sdist.filename])

    def test_claimed(self) -> None:
        """
        What an index said of a name that is ours alone does not count.
        """
        self.remember(self.sdist, origin=None)
        self.keep_page(self.sdist)
        ClaimStore.of(self.directory).claim(DEMO, 1.0, "by command")
        self.assertIs(Kind.PRIVATE, self.kinds()[self.sdist.filename])
        self.assertTrue(stock_of(self.directory, DEMO).claimed)

    def test_status(self) -> None:
        """
        A status is that of people here, but for a quarantine of the index.
        """
        for upstream, ours, expected in (
            (None, None, None),
            ("archived", None, "archived"),
            ("archived", "deprecated", "deprecated"),
            ("quarantined", "deprecated", "quarantined"),
        ):
            status = {"status": upstream, "reason": "theirs"} if upstream else None
            said = {"project-status": status} if status else {}
            self.keep_page(said={"meta": {"api-version": "1.4"}, **said})
            set_status(self.decisions, DEMO, ours or "active", "ours")
            found, reason = stock_of(self.directory, DEMO).status
            self.assertEqual(expected, found)
            if expected is not None:
                self.assertEqual("ours" if expected == ours else "theirs", reason)

    def test_gone(self) -> None:
        """
        A project counts as gone upstream as soon as its index says so.
        """
        for change, believed, expected in (
            (Change.GONE, True, True),
            (Change.GONE, False, True),
            (Change.EMPTY, False, True),
            (Change.OLDER, True, False),
        ):
            doubt = Doubt(change=change, since=SEEN_AT, believed=believed)
            self.keep_page(self.wheel, doubt=doubt)
            self.assertIs(expected, stock_of(self.directory, DEMO).gone, doubt)

    def test_damaged(self) -> None:
        """
        Where a record is damaged, less is known.
        """
        self.remember(self.wheel)
        self.keep_page(self.wheel)
        stock = stock_of(self.directory, DEMO)
        assert stock.page is not None
        self.assertEqual(INDEX, stock.page.index)
        for path in (
            self.cache / "pages" / "demo.doubt",
            self.cache / "pages" / "demo.page",
            self.cache / "facts" / "demo.json",
            self.decisions / "releases" / "demo.json",
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"{")
        stock = stock_of(self.directory, DEMO)
        self.assertEqual((None, {}, {}), (stock.page, stock.facts, stock.released))
        self.assertEqual(4, len(stock.troubles))
        self.assertEqual(4, sum(" cannot be read, so " in t for t in stock.troubles))
        self.assertIs(Kind.UNREAD, self.kinds()[self.wheel.filename])

    def test_unreadable_page(self) -> None:
        """
        A page that says nothing is as good as none.
        """
        self.keep_page(said={"files": 5})
        stock = stock_of(self.directory, DEMO)
        self.assertEqual((None, 1), (stock.page, len(stock.troubles)))

    def test_nothing_written(self) -> None:
        """
        Nothing is left behind, not even the directory for records.
        """
        list(take_stock(self.directory))
        self.assertFalse((self.directory / ".proxypypi").exists())

    def test_unknown(self) -> None:
        """
        Of a project that is not here there are no files.
        """
        stock = stock_of(self.directory, normalize("other"))
        self.assertEqual((), stock.items(SETTINGS, 0.0))

    def test_links(self) -> None:
        """
        The root may be a link.
        """
        link = Path(self.mktemp()).absolute()
        os.symlink(self.directory, link)
        self.assertEqual(3, len(stock_of(link, DEMO).files))
