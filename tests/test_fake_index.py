"""
Tests of the fake index that other tests rely on.
"""

import gzip
import io
import json
import tarfile
import zipfile
from hashlib import sha256
from typing import Any

from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import PartialDownloadError, ResponseFailed
from twisted.web.iweb import UNKNOWN_LENGTH

from tests.distributions import make_sdist, make_wheel
from tests.fake_index import HTML, JSON, FakeIndex, Fault


class DistributionsTests(SynchronousTestCase):
    def test_same_bytes_each_time(self) -> None:
        """
        What is made twice is the same.
        """
        for make in (make_wheel, make_sdist):
            with self.subTest(make=make.__name__):
                one, two = (make("A.b", "2.0", payload=5000) for _ in range(2))
                self.assertEqual(one, two)
                self.assertEqual(sha256(one.content).hexdigest(), one.sha256)
                self.assertGreater(len(one.content), 5000)

    def test_wheel(self) -> None:
        """
        A wheel's name and metadata are what installers expect.
        """
        wheel = make_wheel("A.b", "2.0", requires=["c>=1"], requires_python=">=3.8")
        self.assertEqual("a_b-2.0-py3-none-any.whl", wheel.filename)
        with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
            self.assertEqual(wheel.metadata, archive.read("a_b-2.0.dist-info/METADATA"))
        self.assertIn(
            b"\nRequires-Dist: c>=1\nRequires-Python: >=3.8\n", wheel.metadata
        )

    def test_sdist(self) -> None:
        """
        An sdist has its metadata and a backend inside.
        """
        sdist = make_sdist("A.b", "2.0")
        self.assertEqual("a_b-2.0.tar.gz", sdist.filename)
        with tarfile.open(fileobj=io.BytesIO(sdist.content)) as archive:
            info = archive.extractfile("a_b-2.0/PKG-INFO")
            assert info is not None
            self.assertEqual(sdist.metadata, info.read())
            self.assertIn("a_b-2.0/backend.py", archive.getnames())


class FakeIndexTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.index = FakeIndex(clock=self.clock)
        self.agent = RequestTraversalAgent(self.index)
        self.client = HTTPClient(self.agent)
        self.wheel = make_wheel("attrs", "1.0", requires_python=">=3.8", payload=1000)
        self.path = self.index.add(self.wheel)
        self.size = len(self.wheel.content)

    def start(
        self, path: str, method: str = "GET", **headers: str
    ) -> "tuple[Deferred[Any], list[bytes], list[Failure | None]]":
        """
        :returns: the response, the pieces of its body so far, and how it ended.
        """
        pieces: list[bytes] = []
        end: list[Failure | None] = []
        sent: Any = {k.replace("_", "-"): v for k, v in headers.items()}
        response = self.client.request(
            method,
            "http://index.example" + path,
            headers=sent,
            unbuffered=True,
            allow_redirects=False,
        )

        def read(response: Any) -> Any:
            done = response.collect(pieces.append)
            done.addCallbacks(lambda _: end.append(None), end.append)
            return response

        response.addCallback(read)
        self.agent.flush()
        return response, pieces, end

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[Any, bytes]:
        """
        :returns: response and body, both of which must be there at once.
        """
        response, pieces, end = self.start(path, method, **headers)
        self.assertEqual([None], end)
        return self.successResultOf(response), b"".join(pieces)

    def header(self, response: Any, name: str) -> str | None:
        value: str | None = response.headers.getRawHeaders(name, [None])[0]
        return value

    def page(self) -> dict[str, Any]:
        _, body = self.get("/simple/attrs/", Accept=JSON)
        page: dict[str, Any] = json.loads(body)
        return page

    def test_json_page(self) -> None:
        """
        A page in JSON says all there is to say, its links lead to the files.
        """
        page = self.page()
        self.assertEqual({"api-version": "1.1"}, page["meta"])
        self.assertEqual(["1.0"], page["versions"])
        self.assertEqual(
            [
                {
                    "filename": "attrs-1.0-py3-none-any.whl",
                    "url": "../../files/attrs/attrs-1.0-py3-none-any.whl",
                    "hashes": {"sha256": self.wheel.sha256},
                    "requires-python": ">=3.8",
                    "yanked": False,
                    "core-metadata": {
                        "sha256": sha256(self.wheel.metadata).hexdigest()
                    },
                    "size": self.size,
                    "upload-time": "2024-01-02T03:04:05.678901Z",
                }
            ],
            page["files"],
        )

    def test_html_page(self) -> None:
        """
        A page in HTML says the same, as far as it can.
        """
        self.index.add(self.wheel, yanked='a "bad" one')
        self.index.projects["attrs"].extra["project-status"] = {
            "status": "archived",
            "reason": "old",
        }
        response, body = self.get("/simple/attrs/", Accept=HTML)
        self.assertEqual(HTML, self.header(response, "Content-Type"))
        for part in (
            '<meta name="pypi:project-status" content="archived">',
            '<meta name="pypi:project-status-reason" content="old">',
            f'href="../../files/attrs/{self.wheel.filename}#sha256={self.wheel.sha256}"',
            'data-requires-python="&gt;=3.8"',
            'data-yanked="a &quot;bad&quot; one"',
            f'data-core-metadata="sha256={sha256(self.wheel.metadata).hexdigest()}"',
        ):
            self.assertIn(part, body.decode())

    def test_html_only(self) -> None:
        """
        An index can know nothing of JSON.
        """
        self.index.html_only = True
        response, _ = self.get("/simple/attrs/", Accept=f"{JSON}, text/html;q=0.1")
        self.assertEqual(
            "text/html; charset=utf-8", self.header(response, "Content-Type")
        )

    def test_project_list(self) -> None:
        """
        The project list has what was added, in both forms.
        """
        _, body = self.get("/simple/", Accept=JSON)
        self.assertEqual([{"name": "attrs"}], json.loads(body)["projects"])
        _, body = self.get("/simple/")
        self.assertIn(b'<a href="attrs/">attrs</a>', body)

    def test_names_are_normalized_by_redirect(self) -> None:
        """
        Other spellings are redirected; what is not there is 404.
        """
        response, _ = self.get("/simple/Attrs")
        self.assertEqual(
            (301, "/simple/attrs/"), (response.code, self.header(response, "Location"))
        )
        self.assertEqual(404, self.get("/simple/other/")[0].code)

    def test_directories(self) -> None:
        """
        An index may spell names its own way, and say otherwise that it has no project.
        """
        self.index.directories = {"attrs": "Attrs"}
        self.index.missing_status = 403
        response, _ = self.get("/simple/attrs/")
        self.assertEqual(
            (301, "/simple/Attrs/"), (response.code, self.header(response, "Location"))
        )
        self.assertEqual(200, self.get("/simple/Attrs/")[0].code)
        self.assertEqual(403, self.get("/simple/other/")[0].code)

    def test_login(self) -> None:
        """
        Who does not log in is asked to, whatever it is that is asked for.
        """
        self.index.login = "me:pw"
        for path in ("/simple/", "/simple/attrs/", self.path, "/simple/other/"):
            for authorization in ("Basic bWU6cHc", "Basic bWU6eA==", "me:pw"):
                response, _ = self.get(path, Authorization=authorization)
                self.assertEqual(401, response.code, path)
            response, _ = self.get(path, Authorization="Basic bWU6cHc=")
            self.assertNotEqual(401, response.code, path)

    def test_files_in_place(self) -> None:
        """
        Links are as short as they can be, and codes stand for a plus.
        """
        self.index.base = "/whl/"
        wheel = make_wheel("attrs", "2.0+cpu")
        self.index.add(wheel, path=f"/whl/attrs/{wheel.filename}")
        _, body = self.get("/whl/attrs/", Accept=JSON)
        link = wheel.filename.replace("+", "%2B")
        self.assertEqual(link, json.loads(body)["files"][1]["url"])
        self.get(f"/whl/attrs/{link}")
        self.assertEqual(f"/whl/attrs/{link}", self.index.requests[-1].uri)

    def test_switches_of_what_pages_say(self) -> None:
        """
        Digests, sizes, times and metadata can be left out.
        """
        self.index.hashes = ("md5",)
        (file,) = self.page()["files"]
        self.assertEqual(["md5"], list(file["hashes"]))
        self.index.hashes = ()
        self.index.sizes = self.index.upload_times = self.index.core_metadata = False
        page = self.page()
        self.assertEqual({"api-version": "1.0"}, page["meta"])
        self.assertEqual({}, page["files"][0]["hashes"])
        self.assertFalse(
            {"size", "upload-time", "core-metadata"} & set(page["files"][0])
        )
        self.assertEqual(404, self.get(self.path + ".metadata")[0].code)

    def test_links(self) -> None:
        """
        Links come in every spelling; a plus in a name is encoded.
        """
        wheel = make_wheel("local", "1.0+cpu")
        self.index.add(wheel, path=f"/packages/{wheel.filename}")
        name = "local-1.0%2Bcpu-py3-none-any.whl"

        def link() -> str:
            _, body = self.get("/simple/local/", Accept=JSON)
            url: str = json.loads(body)["files"][0]["url"]
            return url

        self.assertEqual(f"../../packages/{name}", link())
        self.index.links = "rooted"
        self.assertEqual(f"/packages/{name}", link())
        self.index.links = "absolute"
        self.assertEqual(f"http://index.example/packages/{name}", link())
        self.index.file_host = "http://files.example:81"
        self.assertEqual(f"http://files.example:81/packages/{name}", link())
        self.index.base_href = "http://index.example/"
        _, body = self.get("/simple/local/")
        self.assertIn(b'<base href="http://index.example/">', body)
        self.assertIn(f'href="packages/{name}#'.encode(), body)
        self.assertEqual(wheel.content, self.get(f"/packages/{name}")[1])

    def test_pages_are_conditional(self) -> None:
        """
        A page that is known is not sent again, by ETag or by date, until it changes.
        """
        first, _ = self.get("/simple/attrs/")
        etag, date = self.header(first, "ETag"), self.header(first, "Last-Modified")
        assert etag is not None
        assert date is not None
        response, body = self.get("/simple/attrs/", If_None_Match=etag)
        self.assertEqual((304, b""), (response.code, body))
        self.index.etags = False
        again, _ = self.get("/simple/attrs/", If_Modified_Since=date)
        self.assertEqual((304, None), (again.code, self.header(again, "ETag")))
        self.clock.advance(1)
        self.index.etags = True
        self.index.add(make_wheel("attrs", "2.0"))
        for headers in ({"If_None_Match": etag}, {"If_Modified_Since": date}):
            response, _ = self.get("/simple/attrs/", **headers)
            self.assertEqual(200, response.code, headers)

    def test_file(self) -> None:
        """
        A file and its metadata come whole, HEAD brings the same headers alone.
        """
        response, body = self.get(self.path)
        self.assertEqual((200, self.wheel.content), (response.code, body))
        self.assertEqual(f'"{self.wheel.sha256}"', self.header(response, "ETag"))
        self.assertEqual("bytes", self.header(response, "Accept-Ranges"))
        head, body = self.get(self.path, "HEAD")
        self.assertEqual(
            (str(self.size), b""), (self.header(head, "Content-Length"), body)
        )
        _, body = self.get(self.path + ".metadata")
        self.assertEqual(self.wheel.metadata, body)

    def test_ranges(self) -> None:
        """
        Ranges are served as asked for, unless the condition is not met.
        """
        size, content = self.size, self.wheel.content
        date = self.header(self.get(self.path)[0], "Last-Modified")
        assert date is not None
        for headers, code, said, body in [
            ({"Range": "bytes=1-5"}, 206, f"bytes 1-5/{size}", content[1:6]),
            ({"Range": "bytes=9-"}, 206, f"bytes 9-{size - 1}/{size}", content[9:]),
            ({"Range": "bytes=-9"}, 206, f"bytes {size - 9}-{size - 1}/{size}",
             content[-9:]),
            ({"Range": f"bytes={size}-"}, 416, f"bytes */{size}", b""),
            ({"Range": "bytes=1-5", "If_Range": date}, 206, f"bytes 1-5/{size}",
             content[1:6]),
            ({"Range": "bytes=1-5", "If_Range": '"x"'}, 200, None, content),
        ]:  # fmt: skip
            response, got = self.get(self.path, **headers)
            self.assertEqual(
                (code, said, body),
                (response.code, self.header(response, "Content-Range"), got),
                headers,
            )
        self.index.suffix_ranges = False
        self.assertEqual(501, self.get(self.path, Range="bytes=-9")[0].code)
        self.index.fail(self.path, Fault(ranges=False))
        response, got = self.get(self.path, Range="bytes=1-5")
        self.assertEqual((200, content), (response.code, got))

    def test_requests_are_recorded(self) -> None:
        """
        Everything asked is remembered in order.
        """
        self.get("/simple/attrs/?x=%2B", Accept=JSON)
        self.get("/files/a%2Bb", "HEAD")
        self.assertEqual(
            [("GET", "/simple/attrs/", "x=%2B"), ("HEAD", "/files/a+b", "")],
            [(r.method, r.path, r.query) for r in self.index.requests],
        )
        self.assertEqual(JSON, self.index.requests[0].header("accept"))
        self.assertEqual(1, len(self.index.asked("/files/a+b", "HEAD")))
        self.assertEqual([], self.index.asked("/files/a+b"))

    def test_faults_of_the_answer(self) -> None:
        """
        One-shot faults happen once, each in its way.
        """
        wrong = bytearray(self.wheel.content)
        wrong[self.size // 2] ^= 255
        cases: list[tuple[Fault, int, bytes, dict[str, str]]] = [
            (Fault(status=500), 500, b"as told\n", {}),
            (Fault(status=403, headers={"X-Y": "z"}), 403, b"as told\n", {"X-Y": "z"}),
            (Fault(wrong_bytes=True), 200, bytes(wrong), {}),
            (Fault(body=b"junk"), 200, b"junk", {}),
            (Fault(status=500, body=b"no"), 500, b"no", {}),
            (Fault(chunked=True), 200, self.wheel.content, {}),
            (Fault(redirect="http://x.example/"), 302, b"",
             {"Location": "http://x.example/"}),
        ]  # fmt: skip
        for fault, code, body, headers in cases:
            self.index.fail(self.path, fault)
            response, got = self.get(self.path)
            self.assertEqual((code, body), (response.code, got), fault)
            for name, value in headers.items():
                self.assertEqual(value, self.header(response, name), fault)
            length = UNKNOWN_LENGTH if fault.chunked else len(body)
            self.assertEqual(length, response.length, fault)
        self.assertEqual(self.wheel.content, self.get(self.path)[1])

    def test_garbage(self) -> None:
        """
        A page can be anything, and a file another one.
        """
        self.index.fail("/simple/attrs/", Fault(body=b"<<"))
        response, body = self.get("/simple/attrs/", If_None_Match="*")
        self.assertEqual((200, b"<<"), (response.code, body))
        self.index.fail(self.path, Fault(body=b"0123456789"))
        response, body = self.get(self.path, Range="bytes=-2")
        self.assertEqual((206, b"89"), (response.code, body))

    def test_content_codings(self) -> None:
        """
        A body can be compressed, or be labelled so without being it.
        """
        agent = self.agent
        for fault, raw in [
            (Fault(gzip=True), gzip.compress(self.wheel.content, mtime=0)),
            (Fault(content_encoding="gzip"), self.wheel.content),
        ]:
            self.index.fail(self.path, fault)
            url = f"http://index.example{self.path}".encode()
            response = self.successResultOf(agent.request(b"GET", url))
            self.assertEqual("gzip", self.header(response, "Content-Encoding"))
            self.assertEqual(len(raw), response.length)

    def test_truncated(self) -> None:
        """
        A connection can break at any byte, cleanly or not, or end too early or late.
        """
        for fault, length in [
            (Fault(truncate_at=100), 100),
            (Fault(truncate_at=100, reset=True), 100),
            (Fault(content_length=self.size + 1), self.size),
        ]:
            self.index.fail(self.path, fault)
            response, pieces, end = self.start(self.path)
            self.agent.flush()
            self.assertEqual(200, self.successResultOf(response).code)
            self.assertEqual(self.wheel.content[:length], b"".join(pieces), fault)
            (failure,) = end
            assert failure is not None
            failure.trap(ResponseFailed, PartialDownloadError)
        self.index.fail(self.path, Fault(content_length=5))
        self.assertEqual(self.wheel.content[:5], self.get(self.path)[1])

    def test_permanent_faults_and_healing(self) -> None:
        """
        Faults can last, be for any path, and be taken back.
        """
        self.index.fail("*", Fault(status=500), times=None)
        self.index.fail(self.path, Fault(status=418), times=2)
        codes = [self.get(self.path)[0].code for _ in range(4)]
        self.assertEqual([418, 418, 500, 500], codes)
        self.index.down = True
        self.assertEqual(503, self.get("/simple/attrs/")[0].code)
        self.index.heal()
        self.assertEqual(200, self.get(self.path)[0].code)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.agent.flush()

    def test_delay(self) -> None:
        """
        The head can come late.
        """
        self.index.delay = 0.5
        response, _, end = self.start(self.path)
        self.advance(0.4)
        self.assertNoResult(response)
        self.advance(0.1)
        self.assertEqual(200, self.successResultOf(response).code)
        self.assertEqual([None], end)

    def test_stall(self) -> None:
        """
        The body can stop in the middle, for a while or for ever.
        """
        self.index.fail(self.path, Fault(stall_at=10, stall=5))
        self.index.fail(self.path, Fault(stall_at=10))
        _, pieces, end = self.start(self.path)
        self.assertEqual((10, []), (len(b"".join(pieces)), end))
        self.advance(5)
        self.assertEqual((self.size, [None]), (len(b"".join(pieces)), end))
        _, pieces, end = self.start(self.path)
        self.advance(10000)
        self.assertEqual((10, []), (len(b"".join(pieces)), end))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_rate(self) -> None:
        """
        The body can be slow; a range is as slow as all else.
        """
        self.index.rate = 100
        _, pieces, end = self.start(self.path)
        self.assertEqual([], pieces)
        self.advance(1.0)
        self.assertEqual(100, len(b"".join(pieces)))
        self.advance(self.size / 100)
        self.assertEqual((self.wheel.content, [None]), (b"".join(pieces), end))
        _, pieces, end = self.start(self.path, Range="bytes=-50")
        self.advance(0.5)
        self.assertEqual((50, [None]), (len(b"".join(pieces)), end))

    def test_client_goes_away(self) -> None:
        """
        Nothing is left behind by a client that hangs up in the middle.
        """
        self.index.rate = 100
        response, _, _ = self.start(self.path)
        self.advance(0.01)
        # Response has no public way to hang up; its connection has.
        self.successResultOf(response).original._transport.loseConnection()
        self.agent.flush()
        self.assertEqual([], self.clock.getDelayedCalls())
