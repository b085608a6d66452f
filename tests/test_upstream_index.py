"""
Tests for :mod:`proxypypi.upstream.index`, over memory and over the loopback.
"""

import gzip
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import Certificate, PrivateCertificate
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.server import Site
from zope.interface.verify import verifyObject

from proxypypi.errors import (
    NoDocument,
    NoProjectList,
    NoSuchProject,
    UpstreamError,
    UpstreamNonsense,
    UpstreamRefusal,
    UpstreamTimeout,
    UpstreamUnreachable,
    WrongBytes,
)
from proxypypi.interfaces import IIndex
from proxypypi.model import RawPage
from proxypypi.names import NormalizedName, normalize
from proxypypi.settings import UpstreamSettings
from proxypypi.upstream import index as upstream_index
from proxypypi.upstream.bodies import Body
from proxypypi.upstream.connect import connect_index
from proxypypi.upstream.index import Index
from proxypypi.upstream.patience import Patience
from tests.upstream_fakes import Answer, Silence, Upstream, Wire, index_over

reactor: Any = _reactor

URL = "https://index.example/simple/"
PAGE = URL + "attrs/"
FILE = "https://files.example/a.whl"
JSON = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
ATTRS: NormalizedName = normalize("attrs")


class IndexTestCase(SynchronousTestCase):
    """
    An index in memory.
    """

    def setUp(self) -> None:
        self.clock = Clock()

    def index(
        self, answers: Mapping[str, Sequence[Answer | Silence]], url: str = URL
    ) -> Index:
        self.upstream = Upstream(answers)
        return index_over(self.upstream, self.clock, url)

    def wait(self) -> None:
        """
        Let all retries pass.
        """
        self.clock.pump([0.25] * 20)

    def fail_with(self, result: "Deferred[Any]", kind: type[Exception]) -> Any:
        self.wait()
        return self.failureResultOf(result, kind).value

    def known(self, **more: Any) -> RawPage:
        more = {"index": URL, "etag": '"a"', "last_modified": "yesterday", **more}
        return RawPage(url=PAGE, content_type="text/html", body=b"", **more)


class PageTests(IndexTestCase):
    def test_interface(self) -> None:
        """
        It is an :obj:`IIndex`.
        """
        verifyObject(IIndex, self.index({}))

    def test_elsewhere(self) -> None:
        """
        A host that a project is redirected to speaks for that project alone.
        """
        index = self.index(
            {
                URL + "moved/": [
                    Answer(302, headers={"Location": "https://b.example/"})
                ],
                "https://b.example/": [Answer(503, headers={"Retry-After": "60"})],
                PAGE: [Answer(200, b"{}", JSON)],
            }
        )
        told: list[UpstreamError] = []
        moved = index.fetch_page(normalize("moved"), None, told.append)
        error = self.fail_with(moved, UpstreamRefusal)
        self.assertEqual({0.0}, {e.dead_for for e in (*told, error)})
        self.successResultOf(index.fetch_page(ATTRS, None))

    def test_sent_at(self) -> None:
        """
        A page comes with the time at which it was sent, by the index's clock; how long
        a cache had it counts.
        """
        date = "Tue, 14 Nov 2023 22:13:20 GMT"
        cases: list[tuple[dict[str, str], float | None]] = [
            ({"Date": date}, 1_700_000_000.0),
            ({"Date": date, "Age": "30"}, 1_700_000_030.0),
            ({"Date": date, "Age": "old"}, 1_700_000_000.0),
            ({"Date": "yesterday"}, None),
        ]
        for headers, expected in cases:
            answer = Answer(200, b"{}", {**JSON, **headers})
            page = self.successResultOf(
                self.index({PAGE: [answer]}).fetch_page(ATTRS, None)
            )
            assert page is not None
            self.assertEqual(expected, page.sent_at, headers)

    def test_page(self) -> None:
        """
        A page is handed on as it was sent, with what the next request needs to know.
        """
        headers = {**JSON, "ETag": 'W/"a"', "Last-Modified": "yesterday"}
        fetching = self.index({PAGE: [Answer(200, b"{}", headers)]}).fetch_page(
            ATTRS, None
        )
        page = RawPage(
            index=URL,
            url=PAGE,
            content_type="application/vnd.pypi.simple.v1+json",
            body=b"{}",
            etag='W/"a"',
            last_modified="yesterday",
        )
        self.assertEqual(page, self.successResultOf(fetching))

    def test_asks_for_json(self) -> None:
        """
        JSON is wanted, but both kinds of HTML will do.
        """
        self.index({PAGE: [Answer()]}).fetch_page(ATTRS, None)
        self.assertEqual(
            "application/vnd.pypi.simple.v1+json,"
            " application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
            self.upstream.asked[0].header("Accept"),
        )

    def test_bare(self) -> None:
        """
        A page of which nothing is said but its bytes is a page.
        """
        fetching = self.index({PAGE: [Answer(200, b"x")]}).fetch_page(ATTRS, None)
        page = self.successResultOf(fetching)
        assert page is not None
        self.assertEqual(
            ("", None, None), (page.content_type, page.etag, page.last_modified)
        )

    def test_credentials_are_not_shown(self) -> None:
        """
        Credentials are in none of the addresses that a page or an error shows.
        """
        index = self.index(
            {PAGE: [Answer(200), Answer(403)]},
            "https://me:secret@index.example/simple/",
        )
        page = self.successResultOf(index.fetch_page(ATTRS, None))
        assert page is not None
        self.assertEqual((URL, URL, PAGE), (index.url, page.index, page.url))
        error = self.fail_with(index.fetch_page(ATTRS, None), UpstreamRefusal)
        self.assertEqual(
            f"upstream failed: it answered 403 Forbidden ({PAGE})", str(error)
        )

    def test_redirected(self) -> None:
        """
        The page's address is the one that answered.
        """
        other = "https://mirror.example/attrs/"
        answers = {PAGE: [Answer(301, b"", {"Location": other})], other: [Answer()]}
        page = self.successResultOf(self.index(answers).fetch_page(ATTRS, None))
        assert page is not None
        self.assertEqual((URL, other), (page.index, page.url))

    def test_conditional(self) -> None:
        """
        A page that we hold is asked for conditionally, and may still hold.
        """
        fetching = self.index({PAGE: [Answer(304)]}).fetch_page(ATTRS, self.known())
        self.assertIs(None, self.successResultOf(fetching))
        asked = self.upstream.asked[0]
        self.assertEqual(
            ('"a"', "yesterday"),
            (asked.header("If-None-Match"), asked.header("If-Modified-Since")),
        )

    def test_unconditional(self) -> None:
        """
        Another index's page, or one without validators, says nothing of this one.
        """
        for known in (
            None,
            self.known(index="https://other.example/simple/"),
            self.known(etag=None, last_modified=None),
        ):
            self.index({PAGE: [Answer()]}).fetch_page(ATTRS, known)
            asked = self.upstream.asked[0]
            self.assertEqual(
                (None, None),
                (asked.header("If-None-Match"), asked.header("If-Modified-Since")),
                known,
            )

    def test_unasked_304(self) -> None:
        """
        What we do not have cannot be unchanged.
        """
        fetching = self.index({PAGE: [Answer(304)]}).fetch_page(ATTRS, None)
        self.fail_with(fetching, UpstreamNonsense)

    def test_no_such_project(self) -> None:
        """
        404 and 410 mean that there is no such project, and are not asked again.
        """
        for code in (404, 410):
            index = self.index({PAGE: [Answer(code, b"no")]})
            error = self.fail_with(index.fetch_page(ATTRS, None), NoSuchProject)
            self.assertEqual(("attrs", 1), (error.project, len(self.upstream.asked)))

    def test_missing_status(self) -> None:
        """
        An index may have statuses of its own for that; then others do not mean it.
        """
        settings = UpstreamSettings.from_url(URL, missing_status=frozenset({403, 404}))
        table = {403: NoSuchProject, 404: NoSuchProject, 410: UpstreamRefusal}
        for code, kind in table.items():
            self.upstream = Upstream({PAGE: [Answer(code, b"no")]})
            index = index_over(self.upstream, self.clock, settings)
            self.fail_with(index.fetch_page(ATTRS, None), kind)
            self.assertEqual(1, len(self.upstream.asked))

    def test_document(self) -> None:
        """
        A document of the JSON API is asked for beside the pages, conditionally if one
        is held, and handed on as it was sent.
        """
        url = "https://index.example/pypi/attrs/1.0/json"
        headers = {"Content-Type": "application/json", "ETag": '"b"'}
        answers = {url: [Answer(200, b"{}", headers), Answer(304)]}
        index = self.index(answers)
        raw = self.successResultOf(index.fetch_document("attrs/1.0/json", None))
        assert raw is not None
        said = (raw.index, raw.url, raw.body, raw.etag)
        self.assertEqual((URL, url, b"{}", '"b"'), said)
        again = index.fetch_document("attrs/1.0/json", raw)
        self.assertIs(None, self.successResultOf(again))
        for asked, etag in zip(self.upstream.asked, (None, '"b"'), strict=True):
            self.assertEqual("application/json", asked.header("Accept"))
            self.assertEqual(etag, asked.header("If-None-Match"))

    def test_no_document(self) -> None:
        """
        An index that has none says so in many ways; one whose address is not
        ``simple/`` is not asked.
        """
        url = "https://index.example/pypi/attrs/json"
        for code in (403, 404, 405, 406, 410, 501):
            index = self.index({url: [Answer(code, b"no")]})
            self.fail_with(index.fetch_document("attrs/json", None), NoDocument)
            self.assertEqual(1, len(self.upstream.asked), code)
        for other in ("https://index.example/whl/", "https://index.example/simple/x/"):
            index = self.index({}, other)
            self.fail_with(index.fetch_document("attrs/json", None), NoDocument)
            self.assertEqual([], self.upstream.asked)
        index = self.index({url: [Answer(500)] * 4})
        self.fail_with(index.fetch_document("attrs/json", None), UpstreamRefusal)

    def test_missing_status_is_of_pages(self) -> None:
        """
        A file that is answered so is refused like any other.
        """
        settings = UpstreamSettings.from_url(URL, missing_status=frozenset({403}))
        self.upstream = Upstream({FILE: [Answer(403, b"no")]})
        index = index_over(self.upstream, self.clock, settings)
        self.fail_with(index.open_body(FILE), UpstreamRefusal)

    def test_refused(self) -> None:
        """
        Other statuses are refusals; only those of the server's own fault are retried.
        """
        table = {401: 1, 403: 1, 429: 1, 204: 1, 300: 1, 500: 4, 503: 4}
        for code, times in table.items():
            index = self.index({PAGE: [Answer(code)]})
            error = self.fail_with(index.fetch_page(ATTRS, None), UpstreamRefusal)
            self.assertEqual((code, times), (error.status, len(self.upstream.asked)))

    def test_retried(self) -> None:
        """
        After a 5xx and a cut connection the page comes yet.
        """
        answers = [Answer(503), Answer(200, b"{}", cut=1), Answer(200, b"{}")]
        fetching = self.index({PAGE: answers}).fetch_page(ATTRS, None)
        self.wait()
        page = self.successResultOf(fetching)
        self.assertEqual(b"{}", page and page.body)

    def test_cut(self) -> None:
        """
        A page is whole or an error.
        """
        fetching = self.index({PAGE: [Answer(200, b"{}", cut=1)]}).fetch_page(
            ATTRS, None
        )
        error = self.fail_with(fetching, UpstreamUnreachable)
        self.assertEqual("connection was cut", error.reason)

    def test_within_40_seconds(self) -> None:
        """
        A page takes no longer than 40 seconds, however steadily it trickles.
        """
        wire = Wire("http://index.example/simple/")
        fetching = wire.index.fetch_page(ATTRS, None)
        connection = wire.accept()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        for _ in range(4):
            wire.reactor.advance(9.9)
            connection.send(b"x")
        self.assertNoResult(fetching)
        wire.reactor.advance(0.5)
        error = self.failureResultOf(fetching, UpstreamTimeout).value
        self.assertEqual("not here within 40 s", error.reason)
        self.assertTrue(connection.stopped)
        self.assertEqual([], wire.reactor.getDelayedCalls())

    def test_retries_within_40_seconds(self) -> None:
        """
        Retries do not make that longer.
        """
        wire = Wire("http://index.example/simple/")
        fetching = wire.index.fetch_page(ATTRS, None)
        connection = wire.accept()
        wire.reactor.advance(20.0)
        connection.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        wire.reactor.advance(0.3)
        wire.accept()
        wire.reactor.advance(19.6)
        self.assertNoResult(fetching)
        wire.reactor.advance(0.2)
        error = self.failureResultOf(fetching, UpstreamTimeout).value
        self.assertEqual("not here within 40 s", error.reason)
        self.assertEqual([], wire.reactor.getDelayedCalls())

    def test_cancel(self) -> None:
        """
        A fetch can be cancelled; nothing of it stays behind.
        """
        fetching = self.index({PAGE: [Silence()]}).fetch_page(ATTRS, None)
        fetching.cancel()
        self.failureResultOf(fetching, CancelledError)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_nothing_left(self) -> None:
        """
        Whatever comes of it, a fetch holds neither a timer nor a place.
        """
        for answer in (Answer(200, b"{}"), Answer(404, b"no"), Answer(403, b"no")):
            index = self.index({PAGE: [answer]})
            for _ in range(130):
                index.fetch_page(ATTRS, None).addErrback(
                    lambda failure: failure.trap(NoSuchProject, UpstreamError)
                )
            self.assertEqual(130, len(self.upstream.asked), answer)
            self.assertEqual([], self.clock.getDelayedCalls(), answer)


class ListTests(IndexTestCase):
    """
    The list of all projects, which is never in memory as a whole.
    """

    def setUp(self) -> None:
        super().setUp()
        self.pieces: list[bytes] = []

    def fetch(
        self, *answers: Answer | Silence, known: RawPage | None = None
    ) -> "Deferred[RawPage | None]":
        return self.index({URL: answers}).fetch_list(known, self.pieces.append)

    def test_list(self) -> None:
        """
        The body is handed on decoded; what is returned says all but that.
        """
        body = b'{"projects": []}' * 100_000
        headers = {**JSON, "Content-Encoding": "gzip", "ETag": '"a"'}
        fetching = self.fetch(Answer(200, gzip.compress(body), headers))
        self.wait()
        page = self.successResultOf(fetching)
        self.assertEqual(
            RawPage(
                index=URL,
                url=URL,
                content_type=JSON["Content-Type"],
                body=b"",
                etag='"a"',
            ),
            page,
        )
        self.assertEqual(body, b"".join(self.pieces))
        self.assertGreater(len(self.pieces), 1)
        self.assertIn("+json", self.upstream.asked[0].header("Accept") or "")

    def test_conditional(self) -> None:
        """
        A list that we hold may still hold.
        """
        fetching = self.fetch(Answer(304), known=self.known())
        self.assertIsNone(self.successResultOf(fetching))
        self.assertEqual('"a"', self.upstream.asked[0].header("If-None-Match"))
        self.fail_with(self.fetch(Answer(304)), UpstreamNonsense)

    def test_none(self) -> None:
        """
        Some indexes have no list; they are not asked twice, nor believed a body.
        """
        for code in (403, 404, 405, 406, 410, 501):
            error = self.fail_with(self.fetch(Answer(code, b"no")), NoProjectList)
            self.assertEqual((URL, 1), (error.url, len(self.upstream.asked)), code)
        self.assertEqual([], self.pieces)

    def test_refused(self) -> None:
        """
        Other statuses say nothing of the list; those of the server's own fault are
        retried.
        """
        for code, times in {401: 1, 407: 1, 429: 1, 204: 1, 500: 4, 503: 4}.items():
            error = self.fail_with(self.fetch(Answer(code, b"no")), UpstreamRefusal)
            self.assertEqual((code, times), (error.status, len(self.upstream.asked)))
        self.assertEqual([], self.pieces)

    def test_cut(self) -> None:
        """
        Pieces come once: a list that is cut off is no list, and is not begun again.
        """
        fetching = self.fetch(Answer(200, b"12345", cut=3), Answer(200, b"12345"))
        self.fail_with(fetching, UpstreamUnreachable)
        self.assertEqual(([b"123"], 1), (self.pieces, len(self.upstream.asked)))

    def test_too_large(self) -> None:
        """
        A list without end is ended, whether it says its length or not.
        """
        self.patch(upstream_index, "LARGEST_LIST", 10)
        packed = {"Content-Encoding": "gzip"}
        self.fail_with(self.fetch(Answer(200, bytes(11))), UpstreamNonsense)
        self.assertEqual([], self.pieces)
        bomb = Answer(200, gzip.compress(bytes(3_000_000)), packed)
        self.fail_with(self.fetch(bomb), UpstreamNonsense)
        self.assertEqual([], self.pieces)

    def test_receiver_fails(self) -> None:
        """
        If there is no room for a piece, the transfer ends with that error.
        """

        def receive(piece: bytes) -> None:
            raise OSError(28, "No space left on device")

        index = self.index({URL: [Answer(200, b"x")]})
        error = self.failureResultOf(index.fetch_list(None, receive), OSError).value
        self.assertEqual(28, error.errno)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_within_three_minutes(self) -> None:
        """
        A list has time, as long as it goes on; but not for ever.
        """
        wire = Wire("http://index.example/simple/")
        fetching = wire.index.fetch_list(None, self.pieces.append)
        connection = wire.accept()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        for _ in range(18):
            wire.reactor.advance(9.9)
            connection.send(b"x")
        self.assertNoResult(fetching)
        wire.reactor.advance(1.9)
        error = self.failureResultOf(fetching, UpstreamTimeout).value
        self.assertEqual("not here within 180 s", error.reason)
        self.assertTrue(connection.stopped)
        self.assertEqual([], wire.reactor.getDelayedCalls())

    def test_silence(self) -> None:
        """
        A body that stops for ten seconds is given up.
        """
        wire = Wire("http://index.example/simple/")
        fetching = wire.index.fetch_list(None, self.pieces.append)
        wire.accept().send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1")
        wire.reactor.advance(10.1)
        error = self.failureResultOf(fetching, UpstreamTimeout).value
        self.assertEqual("no byte within 10 s", error.reason)


class CodingTests(IndexTestCase):
    """
    Pages may come compressed.
    """

    content = b"<!doctype html>" + bytes(3_000_000)

    def fetch(self, body: bytes, coding: str = "gzip") -> "Deferred[RawPage | None]":
        answer = Answer(200, body, {"Content-Encoding": coding})
        return self.index({PAGE: [answer]}).fetch_page(ATTRS, None)

    def test_decoded(self) -> None:
        """
        gzip is decoded, by whichever name and in however many members.
        """
        half = len(self.content) // 2
        members = [
            gzip.compress(self.content[:half]),
            gzip.compress(self.content[half:]),
        ]
        for coding, body in (
            ("gzip", gzip.compress(self.content)),
            ("GZip", gzip.compress(self.content)),
            ("x-gzip", gzip.compress(self.content)),
            ("gzip", b"".join(members)),
        ):
            page = self.successResultOf(self.fetch(body, coding))
            self.assertEqual(self.content, page and page.body)

    def test_too_short(self) -> None:
        """
        A gzip stream that ends too early is no shorter page.
        """
        whole = gzip.compress(self.content)
        for body in (whole[:-1], whole[:-100], whole[:5], b"", whole + whole[:20]):
            error = self.fail_with(self.fetch(body), UpstreamNonsense)
            self.assertEqual("its gzip ends too early", error.reason, len(body))

    def test_broken(self) -> None:
        """
        What is not gzip, or does not have the checksum it promised, is nonsense.
        """
        whole = gzip.compress(self.content)
        flipped = whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]
        for body in (b"<!doctype html>", flipped, whole + b"trailing"):
            error = self.fail_with(self.fetch(body), UpstreamNonsense)
            self.assertEqual("its gzip is broken", error.reason, body[:20])
            self.assertNotIdentical(None, error.__cause__)

    def test_broken_in_the_middle(self) -> None:
        """
        As soon as it is broken, nothing more is taken.
        """
        wire = Wire("http://index.example/simple/")
        fetching = wire.index.fetch_page(ATTRS, None)
        connection = wire.accept()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n")
        connection.send(b"Content-Length: 99\r\n\r\n<!doctype html>")
        self.failureResultOf(fetching, UpstreamNonsense)
        self.assertTrue(connection.stopped)
        self.assertEqual([], wire.reactor.getDelayedCalls())

    def test_other_codings(self) -> None:
        """
        A coding that was not asked for is nonsense.
        """
        table = {"br": "br", "deflate": "deflate", "gzip, gzip": "gzip and gzip"}
        for coding, said in table.items():
            error = self.fail_with(self.fetch(b"x", coding), UpstreamNonsense)
            reason = f"it sent a coding we did not ask for, {said!r}"
            self.assertEqual(reason, error.reason)

    def test_no_coding(self) -> None:
        """
        ``identity`` is none.
        """
        page = self.successResultOf(self.fetch(b"{}", "identity"))
        self.assertEqual(b"{}", page and page.body)

    def test_closed_at_the_end(self) -> None:
        """
        A gzip stream knows where it ends, without a length; an uncompressed page
        does not.
        """
        head = b"HTTP/1.0 200 OK\r\n"
        coded = head + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}")
        for sent, good in (
            (coded, True),
            (coded[:-1], False),
            (head + b"\r\n{}", False),
        ):
            wire = Wire("http://index.example/simple/")
            fetching = wire.index.fetch_page(ATTRS, None)
            connection = wire.accept()
            connection.send(sent)
            connection.close()
            if good:
                page = self.successResultOf(fetching)
                self.assertEqual(b"{}", page and page.body)
            else:  # and is being asked for again
                self.assertNoResult(fetching)
                self.assertEqual(1, len(wire.attempts))
                wire.reactor.advance(0.2)
                self.assertEqual(2, len(wire.attempts))

    def test_too_large(self) -> None:
        """
        A page of more than 100 MiB is nonsense, even if it was small on its way.
        """
        bomb = gzip.compress(bytes(101 * 1024 * 1024), 1)
        error = self.fail_with(self.fetch(bomb), UpstreamNonsense)
        self.assertEqual("it sent more than 104857600 bytes", error.reason)


class SmallTests(IndexTestCase):
    def fetch(
        self, answer: Answer, limit: int = 100, hashes: Mapping[str, str] | None = None
    ) -> "Deferred[bytes]":
        return self.index({FILE: [answer]}).fetch_small(FILE, limit, hashes or {})

    def test_whole(self) -> None:
        """
        A small file comes whole.
        """
        content = b"Metadata-Version: 2.4"
        for hashes in (
            {},
            {"sha256": hashlib.sha256(content).hexdigest().upper()},
            {"md5": hashlib.md5(content).hexdigest()},
            {"mystery": "00", "sha512": hashlib.sha512(content).hexdigest()},
        ):
            fetching = self.fetch(Answer(200, content), 21, hashes)
            self.assertEqual(content, self.successResultOf(fetching))

    def test_wrong_bytes(self) -> None:
        """
        A small file must have the digests it should have, and one we can check.
        """
        good = hashlib.sha256(b"x").hexdigest()
        for hashes in (
            {"sha256": "00" * 32},
            {"sha256": good, "md5": "00" * 16},
            {"mystery": "00"},
            {"shake_128": "00"},
        ):
            fetching = self.fetch(Answer(200, b"x"), hashes=hashes)
            error = self.fail_with(fetching, WrongBytes)
            self.assertEqual(("a.whl", FILE), (error.filename, error.url), hashes)

    def test_too_large(self) -> None:
        """
        More than the limit is nonsense, whether its length is told or not.
        """
        error = self.fail_with(self.fetch(Answer(200, b"x" * 101)), UpstreamNonsense)
        self.assertEqual("it sent more than 100 bytes", error.reason)
        head = b"HTTP/1.1 200 OK\r\n"
        for sent in (
            head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            head + b"Content-Length: 5\r\n\r\n",
        ):
            wire = Wire("http://index.example/simple/")
            fetching = wire.index.fetch_small("http://index.example/a", 4, {})
            connection = wire.accept()
            connection.send(sent)
            self.failureResultOf(fetching, UpstreamNonsense)
            self.assertTrue(connection.stopped, sent)

    def test_refused(self) -> None:
        """
        Any other status is a refusal.
        """
        for code in (204, 206, 403, 404):
            error = self.fail_with(self.fetch(Answer(code)), UpstreamRefusal)
            self.assertEqual(code, error.status)

    def test_coded(self) -> None:
        """
        It may come in gzip; digests and the limit are of what that holds. Other codings
        are nonsense, and gzip that is none.
        """
        content = b"Metadata-Version: 2.4\n" + bytes(1000)
        packed, coded = gzip.compress(content), {"Content-Encoding": "gzip"}
        hashes = {"sha256": hashlib.sha256(content).hexdigest()}
        fetching = self.fetch(Answer(200, packed, coded), len(content), hashes)
        self.assertEqual(content, self.successResultOf(fetching))
        self.assertEqual("gzip", self.upstream.asked[0].header("Accept-Encoding"))
        fetching = self.fetch(Answer(200, packed, coded), len(content) - 1, hashes)
        self.fail_with(fetching, UpstreamNonsense)
        for body, coding in ((content, "gzip"), (content, "br"), (packed, "br, gzip")):
            answer = Answer(200, body, {"Content-Encoding": coding})
            self.fail_with(self.fetch(answer, 2000), UpstreamNonsense)

    def test_retried(self) -> None:
        """
        A cut connection is tried again.
        """
        answers = [Answer(200, b"xy", cut=1), Answer(200, b"xy")]
        fetching = self.index({FILE: answers}).fetch_small(FILE, 2, {})
        self.wait()
        self.assertEqual(b"xy", self.successResultOf(fetching))

    def test_plain_http(self) -> None:
        """
        Only with a digest may it come by http from an index on https.
        """
        plain = "http://files.example/a"
        index = self.index({plain: [Answer(200, b"x")]})
        self.fail_with(index.fetch_small(plain, 9, {}), UpstreamNonsense)
        digest = {"sha256": hashlib.sha256(b"x").hexdigest()}
        self.assertEqual(
            b"x", self.successResultOf(index.fetch_small(plain, 9, digest))
        )


class SizeTests(IndexTestCase):
    def size(self, answer: Answer) -> "Deferred[int | None]":
        return self.index({FILE: [answer]}).fetch_size(FILE)

    def test_asked_by_head(self) -> None:
        """
        The size is asked for by HEAD, of the file as it is.
        """
        fetching = self.size(Answer(200, b"x" * 12))
        self.assertEqual(12, self.successResultOf(fetching))
        asked = self.upstream.asked[0]
        self.assertEqual(
            ("HEAD", "identity"), (asked.method, asked.header("Accept-Encoding"))
        )

    def test_unknown(self) -> None:
        """
        Upstreams that do not say, or do not know the question, are believed in that.
        """
        for answer in (
            Answer(200, b"", {"Content-Length": "many"}),
            Answer(405),
            Answer(501),
        ):
            self.assertIs(None, self.successResultOf(self.size(answer)), answer)

    def test_refused(self) -> None:
        """
        No is no.
        """
        for code in (403, 404):
            error = self.fail_with(self.size(Answer(code)), UpstreamRefusal)
            self.assertEqual(code, error.status)


class BodyTests(IndexTestCase):
    def test_whole(self) -> None:
        """
        A file is asked for as it is, and comes.
        """
        index = self.index({FILE: [Answer(200, b"hello")]})
        body = self.successResultOf(index.open_body(FILE))
        self.assertEqual((0, 5, 5), (body.start, body.length, body.total))
        got: list[bytes] = []
        self.successResultOf(body.deliver(got.append))
        self.assertEqual(b"hello", b"".join(got))
        asked = self.upstream.asked[0]
        self.assertEqual(
            ("identity", None), (asked.header("Accept-Encoding"), asked.header("Range"))
        )

    def test_range(self) -> None:
        """
        A part is asked for on the condition that the file is still the same.
        """
        part = Answer(206, b"lo", {"Content-Range": "bytes 3-4/5", "ETag": '"a"'})
        index = self.index({FILE: [part]})
        body = self.successResultOf(index.open_body(FILE, (3, None), '"a"'))
        self.assertEqual(
            (3, 2, 5, '"a"'), (body.start, body.length, body.total, body.validator)
        )
        asked = self.upstream.asked[0]
        self.assertEqual(
            ("bytes=3-", '"a"'), (asked.header("Range"), asked.header("If-Range"))
        )

    def test_condition_without_range(self) -> None:
        """
        A condition alone means nothing, and is not sent.
        """
        self.index({FILE: [Answer()]}).open_body(FILE, None, '"a"')
        self.assertEqual(None, self.upstream.asked[0].header("If-Range"))

    def test_wrong_range(self) -> None:
        """
        Another part than was asked for is nonsense.
        """
        part = Answer(206, b"lo", {"Content-Range": "bytes 2-3/5"})
        opening = self.index({FILE: [part]}).open_body(FILE, (3, None))
        self.fail_with(opening, UpstreamNonsense)

    def test_refused(self) -> None:
        """
        A file that its host does not give is a refusal.
        """
        for code in (403, 404, 410, 416):
            opening = self.index({FILE: [Answer(code)]}).open_body(FILE)
            self.assertEqual(code, self.fail_with(opening, UpstreamRefusal).status)

    def test_retried_until_there_is_a_head(self) -> None:
        """
        Opening is retried; what breaks after that is for others to resume.
        """
        answers = [Answer(502), Answer(200, b"hello", cut=2)]
        opening = self.index({FILE: answers}).open_body(FILE)
        self.wait()
        body = self.successResultOf(opening)
        self.failureResultOf(body.deliver(lambda piece: None), UpstreamUnreachable)
        self.wait()
        self.assertEqual(2, len(self.upstream.asked))

    def test_plain_http(self) -> None:
        """
        Only a file with a digest may come by http from an index on https.
        """
        plain = "http://files.example/a"
        index = self.index({plain: [Answer(200, b"x")]})
        self.fail_with(index.open_body(plain), UpstreamNonsense)
        self.successResultOf(index.open_body(plain, hashed=True))

    def test_holds_its_place(self) -> None:
        """
        A body holds its place among the transfers until it has ended.
        """
        index = self.index({FILE: [Answer(200, b"hello")]})
        opening = [index.open_body(FILE) for _ in range(34)]
        self.assertNoResult(opening[32])
        self.successResultOf(opening[0]).deliver(lambda piece: None)
        self.successResultOf(opening[32])
        self.successResultOf(opening[1]).abandon()
        self.successResultOf(opening[33])

    def test_cancel(self) -> None:
        """
        Opening can be cancelled.
        """
        opening = self.index({FILE: [Silence()]}).open_body(FILE)
        opening.cancel()
        self.failureResultOf(opening, CancelledError)
        self.assertEqual([], self.clock.getDelayedCalls())


class Talker(Protocol):
    """
    A server that sends something to whoever sends it something.
    """

    factory: "Server"

    def connectionMade(self) -> None:
        self.factory.connections.append(self)

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self.factory.says)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.factory.lost.called:
            self.factory.lost.callback(None)


class Server(Factory):
    """
    :ivar lost: fires when a connection has ended.
    """

    protocol = Talker  # type: ignore[assignment]

    def __init__(self, says: bytes) -> None:
        self.says = says
        self.connections: list[Any] = []
        self.lost: Deferred[None] = Deferred()


class NetworkTests(TestCase):
    """
    What cannot be seen in memory.
    """

    timeout = 10

    def serve(self, factory: Any) -> str:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return f"http://127.0.0.1:{port.getHost().port}/simple/"

    def serve_tls(self, factory: Any, server: PrivateCertificate) -> str:
        port = reactor.listenSSL(0, factory, server.options(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return f"https://127.0.0.1:{port.getHost().port}/simple/"

    def connect(self, url: str, trusted: PrivateCertificate | None = None) -> Index:
        """
        Over the network, without retries.
        """
        policy = None
        if trusted is not None:
            root = Certificate.loadPEM(trusted.dumpPEM())
            policy = BrowserLikePolicyForHTTPS(trustRoot=root)
        settings = UpstreamSettings.from_url(url)
        patience = Patience(idle=0.2, pauses=())
        index = connect_index(settings, reactor, {}, policy=policy, patience=patience)
        self.addCleanup(index.close)
        return index

    def begin(self, index: Index) -> "Deferred[Body]":
        opening: Any = index.open_body(index.url + "a")
        return opening  # type: ignore[no-any-return]

    def test_connections_are_used_again(self) -> "Deferred[None]":
        """
        One request after another uses one connection, whatever was answered.
        """
        upstream = Upstream({})
        site = Site(upstream)
        connections: list[Any] = []

        def build(address: Any) -> Any:
            connections.append(address)
            return Site.buildProtocol(site, address)

        site.buildProtocol = build  # type: ignore[method-assign]
        index = self.connect(self.serve(site))
        answers = [
            Answer(404, b"no"),
            Answer(200, b"{}"),
            Answer(302, b"elsewhere", {"Location": index.url + "attrs/"}),
            Answer(200, b"{}"),
        ]
        upstream.answers[index.url + "attrs/"] = list(answers)

        async def ask() -> None:
            with self.assertRaises(NoSuchProject):
                await index.fetch_page(ATTRS, None)
            await deferLater(reactor, 0.0)  # the rest of the 404 is in the same packet
            for _ in range(2):
                await index.fetch_page(ATTRS, None)
            self.assertEqual((4, 1), (len(upstream.asked), len(connections)))

        return Deferred.fromCoroutine(ask())

    def test_refused(self) -> "Deferred[None]":
        """
        Where nobody listens, the connection is refused.
        """
        port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
        url = f"http://127.0.0.1:{port.getHost().port}/simple/"
        index = self.connect(url)

        async def ask() -> None:
            await port.stopListening()
            with self.assertRaises(UpstreamUnreachable) as caught:
                await index.fetch_page(ATTRS, None)
            self.assertEqual("connection refused", caught.exception.reason)

        return Deferred.fromCoroutine(ask())

    def test_reset(self) -> "Deferred[None]":
        """
        A connection that is reset in the middle of a body was cut.
        """
        server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        index = self.connect(self.serve(server))
        got: list[bytes] = []

        def receive(piece: bytes) -> None:
            got.append(piece)
            server.connections[0].transport.abortConnection()

        async def ask() -> None:
            body = await self.begin(index)
            with self.assertRaises(UpstreamUnreachable) as caught:
                await body.deliver(receive)
            self.assertEqual("connection was cut", caught.exception.reason)
            self.assertEqual([b"hello"], got)

        return Deferred.fromCoroutine(ask())

    def endless(self) -> Server:
        return Server(
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + bytes(9999)
        )

    async def closes(self, index: Index, server: Server) -> None:
        """
        A connection is closed when its body is cancelled, paused or not, or let go of.
        """
        for end in ("cancel", "cancel paused", "abandon"):
            server.lost = Deferred()
            body = await self.begin(index)
            if end == "abandon":
                body.abandon()
            else:
                begun: Deferred[None] = Deferred()
                delivered = body.deliver(
                    lambda piece, begun=begun: begun.called or begun.callback(None)  # type: ignore[misc]
                )
                await begun
                if end == "cancel paused":
                    body.pause()
                delivered.cancel()
                with self.assertRaises(CancelledError):
                    await delivered
            await server.lost
        self.assertEqual(3, len(server.connections))

    def test_end_closes_the_connection(self) -> "Deferred[None]":
        """
        The end of a transfer is the end of its connection.
        """
        server = self.endless()
        index = self.connect(self.serve(server))
        return Deferred.fromCoroutine(self.closes(index, server))

    def test_end_closes_the_connection_under_tls(self) -> "Deferred[None]":
        """
        So it is under TLS, without the other side's consent.
        """
        server = self.endless()
        certificate = certificate_for("127.0.0.1")
        index = self.connect(self.serve_tls(server, certificate), certificate)
        return Deferred.fromCoroutine(self.closes(index, server))

    def test_stalled(self) -> "Deferred[None]":
        """
        A body that stops coming is given up, and its connection closed.
        """
        server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        index = self.connect(self.serve(server))

        async def ask() -> None:
            body = await self.begin(index)
            with self.assertRaises(UpstreamTimeout):
                await body.deliver(lambda piece: None)
            await server.lost

        return Deferred.fromCoroutine(ask())

    def test_pause(self) -> "Deferred[None]":
        """
        While a body is paused, nothing is read.
        """
        server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        index = self.connect(self.serve(server))
        got: list[bytes] = []

        def receive(piece: bytes) -> None:
            got.append(piece)

        async def ask() -> None:
            body = await self.begin(index)
            body.pause()
            delivered = body.deliver(receive)
            server.connections[0].transport.write(b"world")
            await deferLater(reactor, 0.05)
            self.assertEqual([], got)
            body.resume()
            await delivered
            self.assertEqual(b"helloworld", b"".join(got))

        return Deferred.fromCoroutine(ask())

    def test_certificates(self) -> "Deferred[None]":
        """
        Whom we do not know, or who is another, is not asked.
        """
        ours = certificate_for("127.0.0.1")
        others = certificate_for("127.0.0.2")

        async def ask(index: Index) -> str:
            with self.assertRaises(UpstreamUnreachable) as caught:
                await index.fetch_page(ATTRS, None)
            return str(caught.exception.reason)

        async def check() -> None:
            url = self.serve_tls(Site(Upstream({})), ours)
            self.assertEqual(
                "TLS: certificate verify failed", await ask(self.connect(url, others))
            )
            url = self.serve_tls(Site(Upstream({})), others)
            self.assertEqual(
                "TLS: the certificate is another host's",
                await ask(self.connect(url, others)),
            )
            url = self.serve_tls(Site(Upstream({})), ours)
            with self.assertRaises(NoSuchProject):
                await self.connect(url, ours).fetch_page(ATTRS, None)

        return Deferred.fromCoroutine(check())

    def test_private_redirect(self) -> "Deferred[None]":
        """
        An index on the loopback may lead to another of its ports.
        """
        upstream = Upstream({})
        index = self.connect(self.serve(Site(upstream)))
        other = self.serve(Site(upstream)) + "elsewhere"
        page = index.url + "attrs/"
        upstream.answers[page] = [Answer(302, b"", {"Location": other})]
        upstream.answers[other] = [Answer(200, b"{}")]

        async def ask() -> None:
            found = await index.fetch_page(ATTRS, None)
            self.assertEqual(other, found and found.url)

        return Deferred.fromCoroutine(ask())


def certificate_for(address: str) -> PrivateCertificate:
    """
    A certificate for an IP address that only those believe who were told to.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, SHA256())
    )
    secret = key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    pem = secret + certificate.public_bytes(Encoding.PEM)
    loaded: PrivateCertificate = PrivateCertificate.loadPEM(pem)
    return loaded
