"""
Tests for :mod:`proxypypi.cache.lookout`.
"""

from typing import Any

from twisted.logger import capturedLogs, formatEvent

from proxypypi.events import BREAKERS, DEGRADED, DOWNLOADS, HELD_BACK, REQUESTS, Metric
from proxypypi.names import normalize
from proxypypi.settings import UpstreamSettings
from proxypypi.store.generations import Generations
from tests.distributions import BuiltDistribution, make_wheel
from tests.fake_index import Fault
from tests.listening import ListeningTestCase
from tests.passwords import write_users
from tests.proxy_case import INDEX_URL


class LookoutTestCase(ListeningTestCase):
    def gauge(self, metric: Metric, *labels: str, value: int) -> None:
        self.proxy.books.counts.set(metric, *labels, value=value)


class FetchingTests(LookoutTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = self.stalling("demo")
        self.url = f"/files/demo/{self.wheel.filename}"

    def stalling(self, name: str) -> BuiltDistribution:
        wheel = make_wheel(name, payload=30_000)
        self.index.fail(self.index.add(wheel), Fault(stall_at=9_000, stall=8))
        return wheel

    def fetching(self) -> list[dict[str, Any]]:
        fetching: list[dict[str, Any]] = self.state()["fetching"]
        return fetching

    def test_fetching(self) -> None:
        """
        A file on its way is told with what has come of it and for how many, until it
        is here.
        """
        self.assertEqual([], self.fetching())
        first = self.start(self.url)
        self.start(self.url)
        told = {
            "project": "demo",
            "filename": self.wheel.filename,
            "got": 9_000,
            "size": len(self.wheel.content),
            "waiting": 2,
        }
        self.assertEqual([told], self.fetching())
        first.hang_up()
        self.flush()
        self.assertEqual([{**told, "waiting": 1}], self.fetching())
        self.advance(8)
        self.assertEqual([], self.fetching())

    def test_many(self) -> None:
        """
        Of very many, only those are told that began first, and how many there are.
        """
        for number in range(25):
            wheel = self.stalling(f"demo{number}")
            self.start(f"/files/demo{number}/{wheel.filename}")
        state = self.state()
        self.assertEqual(25, state["fetching-count"])
        projects = [each["project"] for each in state["fetching"]]
        self.assertEqual([f"demo{number}" for number in range(20)], projects)

    def test_other_process(self) -> None:
        """
        What another process fetches is told, too, as far as can be seen; what ours
        follows, as its own.
        """
        other = self.start_another(generations=Generations.alone())
        other.start(self.url)
        self.assertEqual([], self.fetching(), "nobody says that there is anything")
        self.gauge(DOWNLOADS, value=1)
        told = {
            "project": "demo",
            "filename": self.wheel.filename,
            "got": 9_000,
            "size": None,
            "waiting": None,
        }
        self.assertEqual([told], self.fetching())
        self.start(self.url)
        self.advance(0.1)
        self.gauge(DOWNLOADS, value=2)
        (ours,) = self.fetching()
        self.assertEqual((9_000, 1), (ours["got"], ours["waiting"]))
        self.advance(8)
        self.assertEqual([], self.fetching())

    def test_left_behind(self) -> None:
        """
        What a crash has left is not being fetched.
        """
        other = self.start_another(generations=Generations.alone())
        other.start(self.url)
        self.kill(other)
        self.gauge(DOWNLOADS, value=1)
        self.assertEqual(1, len(self.partials()))
        self.assertEqual([], self.fetching())


class UpstreamsTests(LookoutTestCase):
    def test_answers(self) -> None:
        """
        Of each index its name and address are told, how it answered, and whether it is
        asked at all.
        """
        self.index.add_project("demo")
        self.get("/simple/demo/")
        self.get("/simple/nothing/")
        (told,) = self.state()["upstreams"]
        self.assertEqual(
            {
                "name": "index.example",
                "url": INDEX_URL,
                "lately": {"2xx": 1, "404": 1},
                "shut": 0,
            },
            told,
        )
        self.gauge(BREAKERS, "index.example", value=1)
        self.assertEqual(1, self.state()["upstreams"][0]["shut"])

    def test_lately(self) -> None:
        """
        What was long ago is forgotten.
        """
        self.index.add_project("demo")
        self.proxy.books.open()
        self.get("/simple/demo/")
        for _ in range(200):
            self.advance(5)
        self.assertEqual({}, self.state()["upstreams"][0]["lately"])

    def test_credentials(self) -> None:
        """
        Passwords are not told.
        """
        upstreams = [
            UpstreamSettings.from_url("http://me:secret@a.example/simple/"),
            UpstreamSettings.from_url("http://b.example/simple/"),
        ]
        self.start_proxy(upstreams=upstreams)
        state = self.state()
        self.assertNotIn("secret", str(state))
        urls = [each["url"] for each in state["upstreams"]]
        self.assertEqual(["http://a.example/simple/", "http://b.example/simple/"], urls)

    def test_nobody(self) -> None:
        """
        There may be none.
        """
        self.start_proxy(None)
        self.assertEqual([], self.state()["upstreams"])


class HealthTests(LookoutTestCase):
    def test_troubles(self) -> None:
        """
        What is wrong is told, each thing by itself; of very many the first.
        """
        health = self.proxy.core.health
        self.assertEqual([], self.state()["troubles"])
        health.worsen("disk", "it is full")
        health.worsen("index", "it is down")
        self.assertEqual(["it is full", "it is down"], self.state()["troubles"])
        for number in range(23):
            health.worsen(f"{number}", "odd")
        troubles = self.state()["troubles"]
        self.assertEqual(21, len(troubles))
        self.assertEqual("and 5 more, see /-/health", troubles[-1])

    def test_others(self) -> None:
        """
        Of other processes it is known how many are degraded.
        """
        self.gauge(DEGRADED, value=2)
        self.assertEqual(2, self.state()["others-degraded"])
        self.proxy.core.health.worsen("disk", "it is full")
        self.assertEqual(1, self.state()["others-degraded"])
        self.gauge(DEGRADED, value=0)
        self.assertEqual(0, self.state()["others-degraded"])

    def test_users(self) -> None:
        """
        That a file of users has gone is told also if nobody logs in.
        """
        users = write_users(self.directory.with_suffix(".up"), bob="one")
        self.start_proxy(upload_auth=users)
        users.unlink()
        (trouble,) = self.state()["troubles"]
        self.assertIn("--upload-auth", trouble)


class CountsTests(LookoutTestCase):
    def test_requests(self) -> None:
        """
        Requests are told by result, with what they come to, and since when.
        """
        self.proxy.books.open()
        self.index.add(make_wheel("demo"))
        for _ in range(3):
            self.get("/simple/demo/")
        self.get("/simple/nothing/")
        state = self.state()
        self.assertEqual({"hit": 2, "miss": 1, "4xx": 1}, state["requests"])
        self.assertEqual(["hit", "miss", "4xx"], list(state["requests"]))
        self.assertAlmostEqual(2 / 3, state["hits-ratio"])
        self.assertGreater(state["sent-bytes"], 0)
        self.assertGreater(state["fetched-bytes"], 0)
        self.assertEqual(0, state["saved-bytes"])
        self.assertRegex(state["counted-since"], "^[0-9]{4}-")

    def test_nothing_yet(self) -> None:
        """
        Nothing comes to nothing.
        """
        state = self.state()
        self.assertEqual(1, state["processes"])
        self.assertEqual({}, state["requests"])
        self.assertIsNone(state["hits-ratio"])
        self.assertIsNone(state["counted-since"])

    def test_others(self) -> None:
        """
        What else was counted is told if there was any.
        """
        self.assertEqual({}, self.state()["counts"])
        self.proxy.books.counts.note(HELD_BACK, count=3)
        self.proxy.books.counts.note(REQUESTS, "other", "done")
        self.assertEqual({"held-back-requests": 3}, self.state()["counts"])


class PatienceTests(LookoutTestCase):
    def test_silent_disk(self) -> None:
        """
        A disk that keeps silent is waited for, but not for long: all else is told, and
        that of private files it is not known what there is, or what there was before.
        """
        self.threads.hold("look")
        listening = self.listen()
        self.advance(1.9)
        self.assertEqual([], listening.said)
        self.advance(0.2)
        self.assertEqual((None, None), self.of_private(listening.state))
        self.threads.release()
        self.advance_slowly(7)
        self.assertEqual(([], []), self.of_private(listening.state))
        self.threads.hold("look")
        self.get("/simple/nothing/")
        self.advance_slowly(12)
        self.assertEqual(([], []), self.of_private(listening.state))
        self.assertEqual({"4xx": 1}, listening.state["requests"])

    def of_private(self, state: dict[str, Any]) -> tuple[Any, Any]:
        return state["private"], state["shared"]

    def test_unreadable(self) -> None:
        """
        Records that cannot be read are no reason to tell nothing.
        """
        seen = self.directory / ".proxypypi" / "decisions" / "first-seen"
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.symlink_to(seen)
        with capturedLogs() as logs:
            self.assertEqual((None, None), self.of_private(self.state()))
        (said,) = [formatEvent(e) for e in logs if "looked for" in str(formatEvent(e))]
        self.assertIn("private files cannot be looked for", str(said))

    def test_a_claim_counts_at_once(self) -> None:
        """
        Records are looked at every few seconds; what is ours alone is known before.
        """
        self.index.add(make_wheel("acme", "2.0"))
        self.drop(make_wheel("acme", "1.0"))
        self.page("acme")
        self.assertEqual(1, len(self.state()["shared"]))
        self.threads.calls.clear()
        self.proxy.core.claims.claim(normalize("acme"), 0.0, "")
        self.assertEqual([], self.state()["shared"])
        self.assertNotIn("look", self.threads.calls)
