"""
Tests for :mod:`proxypypi.cache.newcomers`.
"""

from pathlib import Path

from proxypypi.names import normalize
from tests.distributions import make_sdist, make_wheel
from tests.listening import ListeningTestCase
from tests.proxy_case import INDEX_URL


class NewcomersTestCase(ListeningTestCase):
    def newest(self) -> list[str]:
        self.advance(5.0)
        return [each["filename"] for each in self.state()["private"]]

    def shared(self) -> list[dict[str, str]]:
        self.advance(5.0)
        shared: list[dict[str, str]] = self.state()["shared"]
        return shared


class NewestTests(NewcomersTestCase):
    def put(self, version: str, name: str = "acme") -> Path:
        path = self.drop(make_sdist(name, version))
        self.page(name)
        return path

    def test_newest_first(self) -> None:
        """
        Private files are told as soon as they were read, with their projects and when
        they were seen first, the last one first, and ten of them at most.
        """
        self.assertEqual([], self.newest())
        for number in range(12):
            self.put(f"{number}.0", "acme" if number % 2 else "acme-web")
        newest = self.newest()
        self.assertEqual(10, len(newest))
        self.assertEqual(["acme-11.0.tar.gz", "acme_web-10.0.tar.gz"], newest[:2])
        first = self.state()["private"][1]
        self.assertEqual("acme-web", first["project"])
        self.assertRegex(first["seen-at"], r"^[0-9]{4}-.*T.*Z$")

    def test_no_others(self) -> None:
        """
        Cached files are none; nor are those that went, nor those of denied projects.
        """
        wheel = make_wheel("demo")
        self.index.add(wheel)
        self.get(f"/files/demo/{wheel.filename}")
        path = self.put("1.0")
        self.put("1.0", "evil")
        self.assertEqual(["evil-1.0.tar.gz", "acme-1.0.tar.gz"], self.newest())
        self.remove(path)
        self.start_proxy(deny=("evil",))
        self.assertEqual([], self.newest())

    def test_adopted(self) -> None:
        """
        A private file that the index comes to list is private no more.
        """
        built = make_sdist("acme", "1.0")
        self.start_proxy(index_ttl=0.0)
        self.index.add(make_sdist("acme", "0.1"))
        self.drop(built)
        self.page("acme")
        self.assertEqual([built.filename], self.newest())
        self.index.add(built)
        self.advance(400.0)
        self.page("acme")
        self.assertEqual([], self.newest())

    def test_all_processes(self) -> None:
        """
        What one process has read, all tell, also those that start later.
        """
        other = self.start_another()
        self.drop(make_sdist("acme", "1.0"))
        other.get("/simple/acme/")
        self.assertEqual(["acme-1.0.tar.gz"], self.newest())
        self.start_proxy()
        self.assertEqual(["acme-1.0.tar.gz"], self.newest())


class SharedTests(NewcomersTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.index.add(make_wheel("acme", "2.0"))
        self.mine = self.drop(make_wheel("acme", "1.0"))

    def test_shared(self) -> None:
        """
        A project that has private files, and that an index has, too, is told, until it
        is claimed.
        """
        self.assertEqual([], self.shared())
        self.page("acme")
        told = [{"project": "acme", "index": INDEX_URL}]
        self.assertEqual(told, self.shared())
        self.start_proxy()
        self.assertEqual(told, self.shared(), "after a restart")
        self.proxy.core.claims.claim(normalize("acme"), 0.0, "")
        self.assertEqual([], self.state()["shared"])

    def test_not_any_more(self) -> None:
        """
        It is not, when it has no private files any more, or its index is not asked.
        """
        self.page("acme")
        for more in ({"private": ("acme",)}, {"index_url": None}):
            self.start_proxy(**more)
            self.assertEqual([], self.shared(), more)
        self.start_proxy()
        self.remove(self.mine)
        self.assertEqual([], self.shared())

    def test_gone(self) -> None:
        """
        Nor when the index has it no more, and that is believed.
        """
        self.start_proxy(index_ttl=60.0)
        self.page("acme")
        self.assertEqual(1, len(self.shared()))
        self.index.remove(make_wheel("acme", "2.0").filename)
        self.index.projects.pop("acme", None)
        for _ in range(3):
            self.advance(1000.0)
            self.get("/simple/acme/")
        self.assertEqual([], self.shared())
