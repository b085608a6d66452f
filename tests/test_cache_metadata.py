"""
Tests for :mod:`proxypypi.cache.metadata`, over HTTP.
"""

import shutil
from hashlib import sha256

from tests.distributions import make_sdist, make_wheel
from tests.fake_index import JSON, Fault
from tests.proxy_case import ProxyTestCase, Transfer

FOR_EVER = "public, max-age=31536000, immutable"


class MetadataTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", requires=["attrs"])
        self.path = self.index.add(self.wheel) + ".metadata"
        self.url = f"/files/demo/{self.wheel.filename}.metadata"

    @property
    def asked(self) -> int:
        return len(self.index.asked(self.path))

    def check(self, answer: Transfer, status: str, asked: int) -> None:
        self.assertEqual((200, self.wheel.metadata), (answer.code, answer.body))
        self.assertEqual(f"proxypypi; {status}", answer.header("Cache-Status"))
        self.assertEqual(asked, self.asked)

    def test_fetched_once(self) -> None:
        """
        Upstream's is fetched, without the file, kept, and never asked for again.
        """
        self.check(self.get(self.url), "fwd=miss; stored", 1)
        for _ in range(2):
            self.check(self.get(self.url), "hit", 1)
            self.start_proxy()
        self.advance(901)
        self.check(self.get(self.url), "hit", 1)
        self.assertEqual([], self.kept())

    def test_many_at_once(self) -> None:
        """
        Many clients are one question.
        """
        self.get("/simple/demo/")
        self.index.delay = 1.0
        answers = [self.start(self.url) for _ in range(3)]
        self.advance(1.0)
        self.check(answers[0], "fwd=miss; stored", 1)
        for answer in answers[1:]:
            self.check(answer, "fwd=miss; collapsed", 1)

    def test_from_the_wheel(self) -> None:
        """
        That of a wheel that is here is read from it, and no one is asked.
        """
        self.get(self.url.removesuffix(".metadata"))
        self.check(self.get(self.url), "hit", 0)

    def test_from_a_wheel_of_an_index_without(self) -> None:
        """
        Even if upstream knows no such thing; the page offers it once the wheel is here.
        """
        self.index.core_metadata = False
        self.assertEqual(404, self.get(self.url).code)
        self.assertNotIn("core-metadata", self.files("demo")[self.wheel.filename])
        self.get(self.url.removesuffix(".metadata"))
        self.check(self.get(self.url), "hit", 0)
        offered = self.files("demo")[self.wheel.filename]["core-metadata"]
        self.assertEqual({"sha256": sha256(self.wheel.metadata).hexdigest()}, offered)

    def test_sdist(self) -> None:
        """
        That of an sdist is had where upstream offers it, and not made up where not.
        """
        for version, offers in [("1.0", True), ("2.0", False)]:
            sdist = make_sdist("demo", version)
            self.index.add(sdist, core_metadata=offers)
        self.get("/files/demo/demo-2.0.tar.gz")
        self.advance(11)
        answer = self.get("/files/demo/demo-1.0.tar.gz.metadata")
        self.assertEqual(200, answer.code)
        self.assertEqual(404, self.get("/files/demo/demo-2.0.tar.gz.metadata").code)
        self.get("/files/demo/demo-1.0.tar.gz")
        answer = self.get("/files/demo/demo-1.0.tar.gz.metadata")
        self.assertEqual((200, "proxypypi; hit"),
                         (answer.code, answer.header("Cache-Status")))  # fmt: skip
        self.assertTrue(self.files("demo")["demo-1.0.tar.gz"]["core-metadata"])

    def test_coded(self) -> None:
        """
        That which upstream compresses, asked or not, is handed on as it was.
        """
        self.index.fail(self.path, Fault(gzip=True))
        self.check(self.get(self.url), "fwd=miss; stored", 1)

    def test_offered_only_if_answered(self) -> None:
        """
        Whatever the page offers, the route has, with the digest that the page gives.
        """
        self.index.add(make_sdist("demo", "2.0"), core_metadata=False)
        self.index.add(make_wheel("demo", "3.0"), core_metadata=False)
        self.drop(make_wheel("demo", "4.0"))
        self.drop(make_sdist("demo", "5.0"))
        for filename, file in self.files("demo").items():
            answer = self.get(f"/files/demo/{filename}.metadata")
            offered = file.get("core-metadata")
            self.assertEqual(200 if offered else 404, answer.code, filename)
            if offered:
                digest = sha256(answer.body).hexdigest()
                self.assertEqual({"sha256": digest}, offered)

    def test_wrong_bytes(self) -> None:
        """
        What has not the digest that the index gives is given to nobody and not kept.
        """
        self.index.fail(self.path, Fault(wrong_bytes=True))
        answer = self.get(self.url)
        self.assertEqual((502, "2"), (answer.code, answer.header("Retry-After")))
        self.assertEqual("no-store", answer.header("Cache-Control"))
        self.check(self.get(self.url), "fwd=miss; stored", 2)

    def test_damaged(self) -> None:
        """
        What was kept and is not right any more is fetched anew.
        """
        self.get(self.url)
        cache = self.directory / ".proxypypi" / "cache" / "metadata" / "demo"
        (kept,) = cache.iterdir()
        kept.write_bytes(b"nonsense")
        self.check(self.get(self.url), "fwd=miss; stored", 2)

    def test_other_file_under_the_name(self) -> None:
        """
        When the index means another file, its metadata is fetched anew.
        """
        self.get(self.url)
        self.wheel = make_wheel("demo", requires=["other"])
        self.index.add(self.wheel)
        self.advance(901)
        self.check(self.get(self.url), "fwd=miss; stored", 2)

    def test_offered_but_not_there(self) -> None:
        """
        What upstream offers and does not have is read from the wheel, of which not
        nearly all is asked for.
        """
        self.wheel = make_wheel("demo", requires=["attrs"], payload=300_000)
        for number, (status, sizes) in enumerate(
            [(403, True), (404, True), (410, False)], 1
        ):
            self.index.sizes = sizes
            self.index.add(self.wheel)
            self.start_proxy()
            self.advance(901)
            self.index.fail(self.path, Fault(status=status))
            self.check(self.get(self.url), "fwd=miss; stored", number)
            self.check(self.get(self.url), "hit", number)
            kept = self.directory / ".proxypypi" / "cache" / "metadata" / "demo"
            shutil.rmtree(kept)
        file = self.path.removesuffix(".metadata")
        self.assertEqual(
            [], [s for s in self.index.asked(file) if not s.header("Range")]
        )
        self.assertEqual([], self.kept())

    def test_nowhere(self) -> None:
        """
        Where the wheel does not tell, it is 404, and nothing that is remembered.
        """
        file = self.path.removesuffix(".metadata")
        for fault in (
            Fault(status=404),
            Fault(ranges=False, body=b"x" * 70_000),
            Fault(body=b"no wheel"),
        ):
            self.index.fail(file, fault, times=None)
            self.index.fail(self.path, Fault(status=404))
            answer = self.get(self.url, Accept=JSON)
            self.assertEqual(404, answer.code, fault)
            self.assertIn("does not have it", answer.json["detail"])
        self.index.heal()
        self.check(self.get(self.url), "fwd=miss; stored", 4)

    def test_of_another_wheel(self) -> None:
        """
        Nor does metadata that has not the digest the index gives, or an sdist, tell.
        """
        other = make_wheel("demo", requires=["other"])
        file = self.path.removesuffix(".metadata")
        self.index.fail(file, Fault(body=other.content), times=None)
        self.index.fail(self.path, Fault(status=404))
        self.assertEqual(404, self.get(self.url).code)
        sdist = make_sdist("demo", "2.0")
        path = self.index.add(sdist, core_metadata=True)
        self.index.fail(f"{path}.metadata", Fault(status=404))
        self.advance(11)
        self.assertEqual(404, self.get(f"/files/demo/{sdist.filename}.metadata").code)
        self.assertEqual([], self.index.asked(path, None))

    def test_upstream_down(self) -> None:
        """
        Whatever else goes wrong is to be tried again.
        """
        self.get("/simple/demo/")
        for fault, seconds, status in [
            (Fault(status=503), 5, 502),
            (Fault(status=401), 0, 502),
            (Fault(delay=1000), 12.1, 503),
        ]:
            self.index.fail(self.path, fault, times=None)
            answer = self.start(self.url)
            self.advance_slowly(seconds)
            self.assertEqual(status, answer.code, fault)
            self.assertRegex(str(answer.header("Retry-After")), "^[0-9]+$")
            self.index.heal()
            self.advance_slowly(40)

    def test_no_such_file(self) -> None:
        """
        There is none of a file that there is not.
        """
        self.assertEqual(404, self.get("/files/demo/demo-9.zip.metadata").code)
        self.assertEqual(404, self.get("/files/none/none-9.zip.metadata").code)

    def test_caching(self) -> None:
        """
        For ever if its digest is given by the index, as that of a file is.
        """
        self.assertEqual(FOR_EVER, self.get(self.url).header("Cache-Control"))
        self.index.add(self.wheel, extra={"core-metadata": True})
        self.advance(901)
        answer = self.get(self.url)
        self.assertEqual("public, max-age=3600", answer.header("Cache-Control"))

    def test_without_digest(self) -> None:
        """
        Metadata that is offered without digest is kept as it came.
        """
        self.index.add(self.wheel, extra={"core-metadata": True})
        self.check(self.get(self.url), "fwd=miss; stored", 1)
        self.check(self.get(self.url), "hit", 1)

    def test_too_large(self) -> None:
        """
        No more than ten megabytes of it is taken.
        """
        self.index.fail(self.path, Fault(body=b"x" * (10 * 1024 * 1024 + 1)))
        self.assertEqual(502, self.get(self.url).code)
