"""
Tests for :mod:`proxypypi.cache.files`.
"""

import os
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.cache.found import FoundFile
from proxypypi.cache.sources import WholeFile
from proxypypi.interfaces import IByteSource
from proxypypi.model import Distribution, FileFacts, LocalFile, Validity
from proxypypi.names import normalize
from proxypypi.rules.merge import Held
from tests.distributions import make_wheel
from tests.fake_index import Fault
from tests.proxy_case import ProxyTestCase

SHA256 = "5f" * 32
STRONG = {"sha256": SHA256}


def held(size: int = 5, modified_at: int = 1_500_000_000_000_000_000) -> Held:
    file = LocalFile(
        filename="demo-1.0.zip",
        path="/nowhere/demo-1.0.zip",
        size=size,
        modified_at=modified_at,
        inode=1,
        changed_at=0,
    )
    facts = FileFacts(
        size=size,
        modified_at=modified_at,
        inode=1,
        changed_at=0,
        hashes=STRONG,
        seen_at=0.0,
    )
    return Held(file=file, facts=facts)


def listed(
    hashes: dict[str, str], size: int | None = None, upload_time: str | None = None
) -> Distribution:
    return Distribution(
        filename="demo-1.0.zip",
        url="http://files.example/demo-1.0.zip",
        hashes=hashes,
        size=size,
        upload_time=upload_time,
    )


def found(
    here: Held | None, there: Distribution | None, *, private: bool = False
) -> FoundFile:
    return FoundFile(
        name=normalize("demo"),
        filename="demo-1.0.zip",
        held=here,
        listed=there,
        origin="http://index.example/simple/",
        private=private,
        validity=Validity(until=0.0, slot=0, number=0),
    )


class FoundFileTests(SynchronousTestCase):
    def test_size_and_digest(self) -> None:
        """
        The file that is here counts, else what the index says.
        """
        for here, there, size, digest in [
            (held(5), None, 5, SHA256),
            (held(5), listed({"sha256": "0" * 64}, 7), 5, SHA256),
            (None, listed({"sha256": "0" * 64}, 7), 7, "0" * 64),
            (None, listed({"md5": "0" * 32}), None, None),
        ]:
            file = found(here, there)
            self.assertEqual((size, digest), (file.size, file.sha256), (here, there))

    def test_immutable(self) -> None:
        """
        Only what an index lists with a strong digest never changes.
        """
        for file, immutable in [
            (found(None, listed(STRONG)), True),
            (found(held(), listed(STRONG)), True),
            (found(held(), listed(STRONG), private=True), False),
            (found(held(), None), False),
            (found(None, listed({"md5": "0" * 32})), False),
            (found(None, listed({})), False),
        ]:
            self.assertEqual(immutable, file.immutable, file)

    def test_modified_at(self) -> None:
        """
        When it was uploaded, or came here.
        """
        for file, moment in [
            (found(None, listed(STRONG, upload_time="2024-01-02T03:04:05Z")),
             1_704_164_645.0),
            (found(None, listed(STRONG, upload_time="2024-01-02T03:04:05.5+00:00")),
             1_704_164_645.5),
            (found(held(), listed(STRONG, upload_time="2024-01-02T03:04:05Z")),
             1_704_164_645.0),
            (found(held(), listed(STRONG, upload_time="2024-01-02T03:04:05Z"),
                   private=True), 1_500_000_000.0),
            (found(held(), listed(STRONG)), 1_500_000_000.0),
            (found(held(), listed(STRONG, upload_time="once")), 1_500_000_000.0),
            (found(held(modified_at=-5_000_000_000), None), None),
            (found(held(modified_at=10**21), None), None),
            (found(None, listed(STRONG, upload_time="0001-01-01T00:00:00Z")), None),
            (found(None, listed(STRONG, upload_time="once")), None),
            (found(None, listed(STRONG)), None),
        ]:  # fmt: skip
            self.assertEqual(moment, file.modified_at, file)


class WholeFileTests(SynchronousTestCase):
    def test_source(self) -> None:
        """
        A file that is here has all its bytes, and nothing will change.
        """
        path = Path(self.mktemp())
        path.write_bytes(b"content")
        source = WholeFile(os.open(path, os.O_RDONLY), 7)
        verifyObject(IByteSource, source)
        self.assertEqual(
            (7, 7, True, False),
            (source.size, source.released, source.ended, source.failed),
        )
        source.watch(self.fail)
        descriptor = source.fd
        source.close()
        source.close()
        self.assertRaises(OSError, os.fstat, descriptor)


class FilesTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", payload=3000)
        self.path = self.index.add(self.wheel)
        self.url = f"/files/demo/{self.wheel.filename}"

    def test_size_that_cannot_be_had(self) -> None:
        """
        A host that refuses HEAD as it refuses GET is told alike.
        """
        self.index.sizes = False
        self.index.fail(self.path, Fault(status=500), times=None)
        transfer = self.start(self.url, "HEAD")
        self.advance_slowly(6)
        self.assertEqual((502, "2"), (transfer.code, transfer.header("Retry-After")))
        self.index.heal()
        self.index.remove(self.wheel.filename)
        self.advance(11)
        self.assertEqual(404, self.get(self.url, "HEAD").code)

    def test_silent_host(self) -> None:
        """
        Nobody waits in silence for a size or a range either.
        """
        self.index.sizes = False
        self.get("/simple/demo/")
        self.index.fail(self.path, Fault(delay=1000), times=None)
        for method, headers in [("HEAD", {}), ("GET", {"Range": "bytes=0-9"})]:
            transfer = self.start(self.url, method, **headers)
            self.advance_slowly(12.1)
            self.assertEqual(503, transfer.code, method)
            self.assertEqual("2", transfer.header("Retry-After"))

    def test_silent_host_of_a_range(self) -> None:
        """
        With the size known, it is the range itself that is waited for.
        """
        self.get("/simple/demo/")
        self.index.fail(self.path, Fault(delay=1000), times=None)
        transfer = self.start(self.url, Range="bytes=0-9")
        self.advance_slowly(12.1)
        self.assertEqual((503, "2"), (transfer.code, transfer.header("Retry-After")))

    def test_replaced_between_two_looks(self) -> None:
        """
        A file that has taken the place of the one we know of is not sent under the
        other's name and length: the client is to come back when it is known.
        """
        for _ in range(2):
            self.get(self.url)
        path = self.directory / "demo" / self.wheel.filename
        beside = path.with_name("beside.tmp")
        beside.write_bytes(b"another")
        beside.rename(path)
        answer = self.get(self.url)
        self.assertEqual((503, "2"), (answer.code, answer.header("Retry-After")))
        self.settle()
        answer = self.get(self.url)
        self.assertEqual((200, b"another"), (answer.code, answer.body))

    def test_written_into_between_two_looks(self) -> None:
        """
        Nor is what somebody writes into the file sent as what it was before, be it of
        the same length.
        """
        path = self.directory / "demo" / self.wheel.filename
        for content in (b"x" * len(self.wheel.content), b"longer" * 1000, b"short"):
            self.get(self.url)
            self.settle()
            self.get(self.url)
            path.write_bytes(content)
            answer = self.get(self.url)
            self.assertEqual((503, "2"), (answer.code, answer.header("Retry-After")))

    def test_removed_between_two_looks(self) -> None:
        """
        A cached file that somebody removes is fetched again for whoever asks for it, in
        whatever way, as upstream lists it still; if it does not, it is 404 at once.
        """
        whole, path = self.wheel.content, self.directory / "demo" / self.wheel.filename
        for headers, expected in (
            ({}, (200, whole, "fwd=miss; stored")),
            ({"Range": "bytes=0-9"}, (206, whole[:10], "fwd=miss")),
            ({"Range": "bytes=5-"}, (206, whole[5:], "fwd=miss; stored")),
        ):
            for _ in range(2):
                self.assertEqual(whole, self.get(self.url).body)
            path.unlink()
            got = self.get(self.url, **headers)
            status = str(got.header("Cache-Status")).removeprefix("proxypypi; ")
            self.assertEqual(expected, (got.code, got.body, status))
            self.assertEqual(f'"{self.wheel.sha256}"', got.header("ETag"))
        for _ in range(2):
            self.get(self.url)
        self.index.remove(self.wheel.filename)
        path.unlink()
        self.advance(11)
        self.assertEqual(404, self.get(self.url).code)

    def test_removed_and_unhashed(self) -> None:
        """
        Of an index that gives no digests, it is not promised to be what it was before.
        """
        self.index.hashes = ()
        self.get(self.url)
        self.assertIsNotNone(self.get(self.url).header("ETag"))
        (self.directory / "demo" / self.wheel.filename).unlink()
        answer = self.get(self.url)
        self.assertEqual((200, self.wheel.content), (answer.code, answer.body))
        self.assertIsNone(answer.header("ETag"))

    def test_idle_downloads(self) -> None:
        """
        A file that is only looked at starts nothing.
        """
        self.get(self.url, "HEAD")
        downloads = self.proxy.core.downloads
        assert downloads is not None
        idle: Deferred[None] = downloads.when_idle()
        self.successResultOf(idle)

    def test_links_by_any_scheme(self) -> None:
        """
        Addresses come from the index alone, and only http and https are followed.
        """
        self.index.file_host = "ftp://files.example"
        answer = self.get(self.url)
        self.assertIn(answer.code, (404, 502))
        self.assertEqual([], self.index.asked(self.path))
        self.index.file_host = "http://files.example:81"
        self.index.add(self.wheel)
        self.advance(901)
        self.assertEqual(self.wheel.content, self.get(self.url).body)
        (seen,) = self.index.asked(self.path)
        self.assertEqual("files.example:81", seen.header("Host"))
