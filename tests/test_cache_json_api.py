"""
Tests for :mod:`proxypypi.cache.json_api`, over HTTP.
"""

from hashlib import blake2b, md5
from typing import Any

from proxypypi.moments import render_second
from proxypypi.rules.merge import iso
from proxypypi.settings import UpstreamSettings
from proxypypi.store.marks import set_status
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.document_case import DEMO, DOCUMENT, DocumentTestCase
from tests.fake_index import JSON, Fault

DAY = 86_400.0


class UpstreamTests(DocumentTestCase):
    def test_whole(self) -> None:
        """
        All that upstream says is there, with addresses of ours, which work.
        """
        document = self.document()
        self.assertEqual("demo 2.0 upstream", document["info"]["summary"])
        self.assertEqual("2.0", document["info"]["version"])
        self.assertEqual([{"id": "V-2.0"}], document["vulnerabilities"])
        self.assertEqual("them", document["ownership"]["organization"])
        self.assertEqual(7, document["last_serial"])
        self.assertEqual(["1.0", "2.0"], list(document["releases"]))
        self.assertEqual(document["releases"]["2.0"], document["urls"])
        for file, built in zip(
            document["releases"]["1.0"], (self.first, self.sdist), strict=True
        ):
            self.check_file(file, built)
        [file] = document["urls"]
        self.assertEqual("about demo-2.0-py3-none-any.whl", file["comment_text"])
        got = self.get(file["url"].removeprefix("http://proxy.example"))
        self.assertEqual(self.second.content, got.body)

    def check_file(self, file: dict[str, Any], built: BuiltDistribution) -> None:
        wheel = built.filename.endswith(".whl")
        content = built.content
        expected = {
            "filename": built.filename,
            "url": f"http://proxy.example/files/demo/{built.filename}",
            "size": len(content),
            "digests": {
                "md5": md5(content).hexdigest(),
                "sha256": built.sha256,
                "blake2b_256": blake2b(content, digest_size=32).hexdigest(),
            },
            "md5_digest": md5(content).hexdigest(),
            "packagetype": "bdist_wheel" if wheel else "sdist",
            "python_version": "py3" if wheel else "source",
            "requires_python": built.requires_python,
            "upload_time": "2024-01-02T03:04:05",
            "upload_time_iso_8601": "2024-01-02T03:04:05.678901Z",
            "yanked": False,
            "yanked_reason": None,
        }
        self.assertEqual(expected, {key: file[key] for key in expected})
        self.assertEqual(wheel, "core-metadata" in file)

    def test_release(self) -> None:
        """
        A document of a release has its own information, and no other release, in
        whichever spelling it is asked for.
        """
        for version in ("1.0", "1", "v1.0.0"):
            document = self.document(version=version)
            self.assertEqual("demo 1.0 upstream", document["info"]["summary"])
            self.assertEqual([{"id": "V-1.0"}], document["vulnerabilities"])
            self.assertEqual(2, len(document["urls"]))
            self.assertNotIn("releases", document)
        self.assertEqual(1, self.asked("/pypi/demo/1.0/json"))

    def test_release_of_the_project_alone(self) -> None:
        """
        An index may have documents of projects alone: then those say what can be said
        of a release and its files.
        """
        for version in ("1.0", "2.0"):
            fault = Fault(status=404)
            self.index.fail(f"/pypi/demo/{version}/json", fault, times=None)
        newest = self.document(version="2.0")
        self.assertEqual("demo 2.0 upstream", newest["info"]["summary"])
        self.assertNotIn("releases", newest)
        old = self.document(version="1.0")
        self.assertIsNone(old["info"]["summary"])
        self.assertEqual("about demo-1.0.tar.gz", old["urls"][1]["comment_text"])
        self.assertEqual([], old["vulnerabilities"])

    def test_metadata_that_is_not_offered(self) -> None:
        """
        What is not said of a release is read from its wheel, by ranges if need be, and
        kept.
        """
        self.index.documents = self.index.core_metadata = False
        wheel = make_wheel("large", requires=["a>1"], payload=300_000)
        path = self.index.add(wheel)
        for restart in (False, True):
            if restart:
                self.start_proxy()
            self.assertEqual(["a>1"], self.document("large")["info"]["requires_dist"])
        ranges = [seen.header("Range") for seen in self.index.asked(path)]
        self.assertTrue(ranges)
        self.assertNotIn(None, ranges)
        self.assertEqual([], self.kept())

    def test_metadata_that_cannot_be_had(self) -> None:
        """
        What could not be learnt of a release at one time is there the next time.
        """
        self.index.documents = False
        path = self.index.add(make_wheel("demo", "3.0", requires=["x"])) + ".metadata"
        self.index.fail(path, Fault(body=b"Requires-Dist: another"))
        for expected, asked in ((None, 1), (["x"], 2), (["x"], 2)):
            self.assertEqual(expected, self.document()["info"]["requires_dist"])
            self.assertEqual(asked, self.asked(path))

    def test_unknown(self) -> None:
        """
        There is no document of what is not there, and upstream is asked for no release
        that its page does not have.
        """
        for path, word in (
            ("/pypi/none/json", "no project"),
            ("/pypi/demo/3.0/json", "no version '3.0' of demo"),
            ("/pypi/none/1.0/json/", "no project"),
        ):
            answer = self.get(path, Accept="application/json")
            self.assertEqual(404, answer.code, path)
            self.assertIn(word, answer.json["detail"])
        self.assertEqual(0, self.asked("/pypi/demo/3.0/json"))
        self.assertEqual(0, self.asked("/pypi/none/json"))

    def test_as_the_page(self) -> None:
        """
        What the page does not list is not there, ``info.version`` included, whose
        information is that of the release that is left.
        """
        self.document()
        self.index.projects["demo"].files.pop(self.second.filename)
        self.get("/-/refresh/demo", "POST")
        stale = self.document()
        self.assertEqual(1, self.asked())
        self.assertEqual("1.0", stale["info"]["version"])
        self.assertEqual("demo 1.0 upstream", stale["info"]["summary"])
        self.assertEqual([{"id": "V-1.0"}], stale["vulnerabilities"])
        self.assertEqual(["1.0"], list(stale["releases"]))

    def test_withheld(self) -> None:
        """
        A file that was removed when it was young is not there either.
        """
        young = make_wheel("demo", "3.0")
        self.index.add(young, upload_time=iso(self.clock.seconds() - DAY))
        self.get(f"/files/demo/{young.filename}")
        self.assertEqual("3.0", self.document()["info"]["version"])
        self.index.remove(young.filename)
        self.index.add_project("demo")
        self.advance(901)
        document = self.document()
        self.assertTrue(document["releases"]["3.0"][0]["yanked"])
        self.assertEqual("2.0", document["info"]["version"])
        self.advance(901)
        self.assertEqual(["1.0", "2.0"], list(self.versions()))
        self.assertEqual(404, self.get("/pypi/demo/3.0/json").code)

    def test_held_back(self) -> None:
        """
        What is too young is in no document, and is so at the moment when it is not any
        more. If all is, it is said that there is no release yet.
        """
        now = self.clock.seconds()
        for built, age in ((self.second, 1), (make_wheel("fresh"), 2)):
            self.index.add(built, upload_time=iso(now - age * DAY))
        self.start_proxy(min_age=7 * DAY, index_ttl=1e8)
        for _ in range(2):
            document = self.document()
            self.assertEqual("1.0", document["info"]["version"])
            self.assertEqual(["1.0"], list(document["releases"]))
            self.assertEqual(404, self.get("/pypi/demo/2.0/json").code)
        answer = self.get("/pypi/fresh/json", Accept=JSON)
        self.assertEqual(404, answer.code)
        until = render_second(now + 5 * DAY)
        self.assertEqual(
            f"all files of fresh are held back, the first of them until {until}",
            answer.phrase,
        )
        self.advance(6 * DAY + 1)
        self.assertEqual("2.0", self.document()["info"]["version"])
        self.assertEqual(200, self.get("/pypi/fresh/json").code)

    def test_marks(self) -> None:
        """
        Yanks of ours count, and a project in quarantine has none.
        """
        self.yank("2", "broken")
        document = self.document()
        self.assertEqual("1.0", document["info"]["version"])
        [file] = document["releases"]["2.0"]
        self.assertEqual((True, "broken"), (file["yanked"], file["yanked_reason"]))
        info = self.document(version="2.0")["info"]
        self.assertEqual((True, "broken"), (info["yanked"], info["yanked_reason"]))
        set_status(self.decisions, DEMO, "quarantined", "malware")
        answer = self.get(DOCUMENT, Accept="application/json")
        self.assertEqual(403, answer.code)
        self.assertIn("quarantined here: malware", answer.json["detail"])

    def test_denied(self) -> None:
        """
        Of a project that is refused nothing is said, and nobody is asked.
        """
        self.start_proxy(deny=("demo",))
        self.assertEqual(403, self.get(DOCUMENT).code)
        self.assertEqual([], self.index.requests)

    def test_another_file(self) -> None:
        """
        What upstream says of a file is not said of another of the same name.
        """
        mine = make_wheel("demo", "2.0", payload=10)
        self.drop(mine)
        [file] = self.document()["releases"]["2.0"]
        self.assertEqual({"sha256": mine.sha256}, file["digests"])
        self.assertEqual("", file["comment_text"])
        self.assertIsNone(self.document()["info"]["summary"])

    def test_merged(self) -> None:
        """
        A private release among upstream's, as the page has it.
        """
        self.drop(make_wheel("demo", "9.0", requires=["x>1"]))
        document = self.document()
        self.assertEqual(["1.0", "2.0", "9.0"], list(document["releases"]))
        self.assertEqual("9.0", document["info"]["version"])
        self.assertEqual(["x>1"], document["info"]["requires_dist"])
        self.assertEqual([], document["vulnerabilities"])
        answer = self.get(DOCUMENT)
        self.assertEqual("no-cache", answer.header("Cache-Control"))
        self.assertEqual(0, self.asked("/pypi/demo/9.0/json"))

    def test_pre_release(self) -> None:
        """
        The newest is no pre-release, if there is another.
        """
        self.index.add(make_wheel("demo", "3.0rc1"))
        self.assertEqual("2.0", self.document()["info"]["version"])


class PrivateTests(DocumentTestCase):
    def test_made(self) -> None:
        """
        Of private files it is made from their core metadata, wheel or sdist, and nobody
        is asked.
        """
        self.start_proxy(private=("ours",))
        self.drop(make_sdist("ours", "1.0", requires=["a"], requires_python=">=3.9"))
        self.drop(make_wheel("ours", "2.0", requires=["b>1"], requires_python=">=3.10"))
        answer = self.get("/pypi/ours/json")
        self.assertEqual(
            "proxypypi; hit; detail=made-here", answer.header("Cache-Status")
        )
        self.assertEqual("no-cache", answer.header("Cache-Control"))
        info = answer.json["info"]
        self.assertEqual(("ours", "2.0"), (info["name"], info["version"]))
        self.assertEqual(["b>1"], info["requires_dist"])
        self.assertEqual(">=3.10", info["requires_python"])
        self.assertEqual(["1.0", "2.0"], sorted(answer.json["releases"]))
        old = self.document("ours", "1.0")
        self.assertEqual(["a"], old["info"]["requires_dist"])
        [file] = old["urls"]
        self.assertEqual("sdist", file["packagetype"])
        self.assertEqual("source", file["python_version"])
        self.assertEqual(">=3.9", file["requires_python"])
        self.assertRegex(file["upload_time_iso_8601"], r"\d{4}-.*\.\d{6}Z")
        self.assertEqual(0, old["last_serial"])
        self.assertEqual([], self.index.requests)

    def test_claimed(self) -> None:
        """
        A project of private files that no index has is claimed by the document as by
        the page.
        """
        self.drop(make_wheel("ours"))
        self.document("ours")
        self.assertEqual(1, len(self.index.requests))
        self.document("ours")
        self.document("ours", "1.0")
        self.assertEqual(1, len(self.index.requests))

    def test_damaged_file(self) -> None:
        """
        A file that says nothing of itself is there all the same.
        """
        path = self.drop(make_wheel("ours"))
        path.write_bytes(b"no zip")
        self.settle()
        info = self.document("ours")["info"]
        self.assertEqual(("ours", "1.0"), (info["name"], info["version"]))

    def test_second_upstream(self) -> None:
        """
        The index that is asked is the one whose page counts.
        """
        urls = ("http://index.example/first/simple/", "http://index.example/simple/")
        self.start_proxy(upstreams=[UpstreamSettings.from_url(url) for url in urls])
        self.document()
        self.assertEqual(1, self.asked())
        self.assertEqual(0, self.asked("/first/pypi/demo/json"))


class PageTests(DocumentTestCase):
    def test_same_files(self) -> None:
        """
        A document has exactly the files of the page, whoever has them.
        """
        self.drop(make_wheel("demo", "9.0"))
        self.get(f"/files/demo/{self.first.filename}")
        listed = self.get("/simple/demo/", Accept=JSON).json["files"]
        named = [f for files in self.versions().values() for f in files]
        self.assertEqual(sorted(f["filename"] for f in listed), sorted(named))
