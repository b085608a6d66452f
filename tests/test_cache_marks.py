"""
Tests for :mod:`proxypypi.cache.marks`, over HTTP.
"""

from proxypypi.names import normalize
from proxypypi.store.marks import Yanks, change_yanks, set_status
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import HTML, JSON
from tests.proxy_case import ProxyTestCase

OURS, THEIRS = normalize("ours"), normalize("theirs")


class MarksTestCase(ProxyTestCase):
    """
    Of ours there is 1.0, a wheel and an sdist, and 2.0; of theirs 1.0, which is cached,
    and 2.0, which is not.
    """

    def setUp(self) -> None:
        super().setUp()
        self.decisions = self.directory / ".proxypypi" / "decisions"
        self.wheel, self.sdist = make_wheel("ours"), make_sdist("ours")
        for built in (self.wheel, self.sdist, make_wheel("ours", "2.0")):
            self.drop(built)
        self.cached, self.listed = make_wheel("theirs"), make_wheel("theirs", "2.0")
        self.index.add(self.cached)
        self.index.add(self.listed)
        self.get(f"/files/theirs/{self.cached.filename}")

    def yanked(self, name: str, route: str = "simple") -> list[object]:
        return [f["yanked"] for _, f in sorted(self.files(name, route).items())]


class YankTests(MarksTestCase):
    def yank(self, name: str, version: str, reason: str) -> None:
        def change(yanks: Yanks) -> None:
            yanks.versions[version] = reason

        change_yanks(self.decisions, normalize(name), change)

    def test_yanked(self) -> None:
        """
        In JSON and HTML, on every route and at once, with the reason; after a restart,
        too; and it is still served.
        """
        self.get("/simple/ours/")
        self.yank("ours", "1", "it's <broken>")
        for restart in (False, True):
            if restart:
                self.start_proxy()
            for route in ("simple", "local"):
                yanked = self.yanked("ours", route)
                self.assertEqual(["it's <broken>", "it's <broken>", False], yanked)
                page = self.get(f"/{route}/ours/", Accept=HTML)
                expected = b'data-yanked="it&#x27;s &lt;broken&gt;"'
                self.assertEqual(2, page.body.count(expected))
            self.assertEqual(200, self.get(f"/files/ours/{self.sdist.filename}").code)

    def test_of_an_index(self) -> None:
        """
        What an index lists may be yanked, be it here or not.
        """
        self.yank("theirs", "1", "")
        self.assertEqual([True, False], self.yanked("theirs"))
        self.yank("theirs", "2", "not for us")
        self.assertEqual([True, "not for us"], self.yanked("theirs"))
        self.assertEqual([True], self.yanked("theirs", "local"))

    def test_damaged(self) -> None:
        """
        While a record is damaged, all is yanked, and the health says so.
        """
        self.yank("ours", "1", "")
        record = self.decisions / "yanks" / "ours.json"
        content = record.read_bytes()
        record.write_bytes(b"")
        reason = "the record of what is yanked is damaged"
        self.assertEqual([reason] * 3, self.yanked("ours"))
        health = self.get("/-/health").body.decode()
        self.assertIn(f"{record} cannot be read", health)
        record.write_bytes(content)
        self.assertEqual([True, True, False], self.yanked("ours"))
        self.assertEqual(b"ok\n", self.get("/-/health").body)
        record.write_bytes(b"")
        self.yanked("ours")
        record.unlink()
        self.assertEqual([False] * 3, self.yanked("ours"))
        self.assertEqual(b"ok\n", self.get("/-/health").body)

    def test_read_once(self) -> None:
        """
        A record is read again only when it has changed.
        """
        self.yank("ours", "1", "")
        for _ in range(3):
            self.yanked("ours")
        self.assertEqual(1, self.threads.calls.count("load_marks"), self.threads.calls)


class StatusTests(MarksTestCase):
    def test_status(self) -> None:
        """
        It is on the page with its reason, and all is served as before.
        """
        set_status(self.decisions, OURS, "archived", "use theirs")
        page = self.page("ours")
        expected = {"status": "archived", "reason": "use theirs"}
        self.assertEqual(expected, page["project-status"])
        self.assertEqual(3, len(page["files"]))
        html = self.get("/local/ours/", Accept=HTML).body
        self.assertIn(b'name="pypi:project-status" content="archived"', html)
        self.assertEqual(200, self.get(f"/files/ours/{self.wheel.filename}").code)

    def test_quarantined(self) -> None:
        """
        A project in quarantine lists no files, and each of them is refused with the
        reason, ours as well as an index's, cached or not, until that ends.
        """
        for name in (OURS, THEIRS):
            set_status(self.decisions, name, "quarantined", "taken over")
        for built in (self.wheel, self.cached, self.listed):
            for route in ("simple", "local"):
                page = self.page(built.project, route)
                self.assertEqual([], page["files"])
                self.assertEqual("quarantined", page["project-status"]["status"])
            for suffix in ("", ".metadata"):
                path = f"/files/{built.project}/{built.filename}{suffix}"
                answer = self.get(path, Accept=JSON)
                self.assertEqual(403, answer.code)
                self.assertIn("quarantined here: taken over", answer.json["detail"])
        answer = self.get("/simple/ours/", Accept=JSON)
        self.assertEqual("no-cache", answer.header("Cache-Control"))
        for name in (OURS, THEIRS):
            set_status(self.decisions, name, "active", None)
        for built in (self.wheel, self.cached, self.listed):
            path = f"/files/{built.project}/{built.filename}"
            self.assertEqual(200, self.get(path).code)

    def test_claimed_in_quarantine(self) -> None:
        """
        A project of ours alone is claimed though all its files are in quarantine.
        """
        set_status(self.decisions, OURS, "quarantined", None)
        self.assertEqual([], self.page("ours")["files"])
        self.assertTrue(self.proxy.core.claims.is_claimed(OURS))
