"""
Tests for :mod:`proxypypi.cache.listings`, over HTTP.
"""

import sys

from tests.distributions import make_sdist, make_wheel
from tests.fake_index import JSON
from tests.proxy_case import ProxyTestCase


class ProjectTests(ProxyTestCase):
    def test_private_file_appears(self) -> None:
        """
        A file that is dropped in shows on a page that was made before.
        """
        self.index.add(make_wheel("demo"))
        self.assertEqual(1, len(self.files("demo")))
        path = self.drop(make_wheel("demo", "2.0"))
        self.assertEqual(2, len(self.files("demo")))
        self.remove(path)
        self.assertEqual(1, len(self.files("demo")))

    def test_fetched_file_appears(self) -> None:
        """
        A file that was just fetched is on /local/ at once.
        """
        self.index.add(make_wheel("demo"))
        self.index.add(make_wheel("demo", "2.0"))
        for number, version in enumerate(("1.0", "2.0"), start=1):
            self.get(f"/files/demo/demo-{version}-py3-none-any.whl")
            self.assertEqual(number, len(self.files("demo", "local")))

    def test_made_once(self) -> None:
        """
        A page is made again only when something it is made from has changed.
        """
        for number in range(30):
            self.index.add(make_wheel("demo", f"1.{number}"))

        def made() -> int:
            for _ in range(3):
                self.get("/simple/demo/")
            return self.threads.calls.count("_render")

        self.assertEqual(1, made())
        self.advance(10)
        self.assertEqual(1, made())
        self.drop(make_wheel("demo", "2.0"))
        self.assertEqual(2, made())
        self.index.add(make_wheel("demo", "3.0"))
        self.advance(901)
        self.assertEqual(3, made())

    def test_many_snapshots(self) -> None:
        """
        However many snapshots there are, they drive no page out.
        """
        self.patch(sys.modules["proxypypi.cache.listings"], "_MOST_SNAPSHOTS", 1)
        self.patch(sys.modules["proxypypi.cache.listings"], "_MOST_RENDERED", 1)
        self.start_proxy()
        for number in range(30):
            time = f"2026-01-{number + 1:02}T00:00:00Z"
            self.index.add(make_wheel("demo", f"1.{number}"), upload_time=time)
        self.page("demo")
        for day in ("2026-01-05", "2026-01-06", "2026-01-05"):
            self.get(f"/snapshot/{day}/simple/demo/")
        self.assertEqual(4, self.threads.calls.count("_render"))
        self.page("demo")
        self.assertEqual(4, self.threads.calls.count("_render"))

    def test_many_at_once(self) -> None:
        """
        Many who want a page that is being made get the same one.
        """
        for number in range(30):
            self.index.add(make_wheel("demo", f"1.{number}"))
        self.threads.hold("_render")
        answers = [self.start("/simple/demo/", Accept=JSON) for _ in range(4)]
        self.assertEqual([None] * 4, [answer.code for answer in answers])
        self.threads.release()
        self.flush()
        self.assertEqual(1, self.threads.calls.count("_render"))
        self.assertEqual({200}, {answer.code for answer in answers})

    def test_many_who_want_the_list(self) -> None:
        """
        Nor is the directory looked through more than once at a time, for the list of
        what is here.
        """
        self.drop(make_sdist("ours"))
        self.threads.hold("_look_at_all")
        answers = [self.start("/local/", Accept=JSON) for _ in range(4)]
        self.threads.release()
        self.flush()
        self.assertEqual(1, self.threads.calls.count("_look_at_all"))
        for answer in answers:
            self.assertEqual([{"name": "ours"}], answer.json["projects"])
