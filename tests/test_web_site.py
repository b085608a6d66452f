"""
Tests for :mod:`proxypypi.web.site`.
"""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from proxypypi.web.site import refusal
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import Fault
from tests.passwords import write_users
from tests.proxy_case import ProxyTestCase

HOSTILE = [
    b"/files/demo/..%2f..%2fsecret.zip",
    b"/files/demo/%2e%2e%2Fsecret.zip",
    b"/files/demo/..%5csecret.zip",
    b"/files/demo/a%00.zip",
    b"/files/demo/../../secret.zip",
    b"/files/demo/..",
    b"/files/demo/.",
    b"/files/demo/%2e%2E",
    b"/files/%2E/secret.zip",
    b"/files/../secret.zip",
    b"/simple/../",
    b"/simple/demo%2f/",
    b"/./simple/",
    b"/simple/demo\\/",
    b"/simple/d\xc3\xa9mo/",
    b"/simple/d\x01mo/",
    b"/simple/d\x7fmo/",
    b"/simple/" + b"a" * 1000 + b"/",
    b"/files/demo/" + b"%41" * 400 + b".zip",
    b"/files/demo/%C3%28.zip",
    b"/simple/%FF/",
]


class RefusalTests(SynchronousTestCase):
    def test_hostile_paths(self) -> None:
        """
        What could mean another path than it seems to is refused, and told why.
        """
        for path in [*HOSTILE, b"", b"simple/", b"/a b"]:
            self.assertTrue(refusal(path), path)

    def test_other_paths(self) -> None:
        """
        All else is let through to the faces.
        """
        for path in (
            b"/",
            b"/simple/",
            b"/simple/demo/",
            b"/files/demo/demo-1.0%2Blocal.tar.gz",
            b"/files/demo/demo-1.0+local..tar.gz",
            b"/files/demo/..demo.zip",
            b"/files/demo/%C3%A9.zip",
            b"/files/demo/a%20b.zip",
            b"/" + b"a" * 999,
        ):
            self.assertEqual("", refusal(path), path)


class FacesTests(ProxyTestCase):
    def test_hostile_requests(self) -> None:
        """
        400 or 404, whichever face it would go to; nothing outside of the directory is
        touched, and nobody upstream is asked.
        """
        (self.directory.parent / "secret.zip").write_bytes(b"secret")
        self.index.add(make_sdist("demo"))
        for path in [
            *HOSTILE,
            b"/files/demo/.hidden.zip",
            b"/files/demo/demo-1.0.tar.gz.part",
            b"/files/demo/demo-1.0.tar.gz.tmp",
            b"/files/demo/.metadata",
            b"/files/demo/demo-1.0.tar.gz.metadata.metadata",
            b"/files/demo/" + b"a" * 300 + b".zip",
            b"/files/demo/" + b"%F0%9F%90%8D" * 60 + b".zip",
            b"/files/" + b"a" * 201 + b"/a-1.zip",
            b"/files/d%C3%A9mo/demo-1.0.zip",
            b"/files/-demo/demo-1.0.zip",
            b"/files/.proxypypi/lock",
            b"/simple/.proxypypi/",
            b"/simple/demo%0a/",
            b"/simple/d%20emo/",
            b"/simple/-/",
            b"/local/_/",
            b"/snapshot/2026-01-01/simple/-/",
            b"/snapshot/2026-01-01%0a/simple/demo/",
            b"/snapshot/7d%00/simple/demo/",
            b"/snapshot/2026-01-01/",
            b"/package/demo.zip",
            b"/package/nonsense",
        ]:
            wire = self.connect()
            wire.send_bytes(
                b"GET " + path + b" HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n"
            )
            self.assertIn(wire.code, (400, 404), path)
            self.assertNotIn(b"secret\n", wire.received, path)
        self.assertEqual([], self.index.requests)
        self.assertEqual([], self.kept())

    def test_answers_to_what_is_refused(self) -> None:
        """
        They are like other errors: a reason, never kept, and HEAD has no body.
        """
        wire = self.connect()
        wire.send("GET /simple/a%2fb/ HTTP/1.1")
        self.assertEqual(400, wire.code)
        self.assertIn("slash", wire.phrase)
        self.assertIn(b"\r\nCache-Control: no-store\r\n", wire.received)
        self.assertIn(b"\r\nCache-Status: proxypypi\r\n", wire.received)
        wire = self.connect()
        wire.send("HEAD /simple/a%2fb/ HTTP/1.1")
        self.assertEqual((400, b""), (wire.code, wire.body))

    def test_hosts(self) -> None:
        """
        One Host is said, no more, and none only by those who know of none.
        """
        for lines, code in (
            (b"HTTP/1.1\r\nHost: a", 200),
            (b"HTTP/1.1\r\nHost: a\r\nHost: a", 400),
            (b"HTTP/1.1\r\nHost: a\r\nHost: b:80", 400),
            (b"HTTP/1.1\r\nX: y", 400),
            (b"HTTP/1.0\r\nHost: a\r\nHost: b", 400),
            (b"HTTP/1.0", 200),
        ):
            wire = self.connect()
            wire.send_bytes(b"GET /-/health " + lines + b"\r\n\r\n")
            self.assertEqual(code, wire.code, lines)

    def test_hostile_hosts(self) -> None:
        """
        A Host header that is no host's is the client's mistake, not a defect of ours;
        odd ones are let be, as no address of ours depends on them.
        """
        for host, code in [
            (b"\xff\xfe", 400),
            (b"a..b", 400),
            (b"a" * 64 + b".example", 400),
            (b"a" * 63 + b".example:65535", 200),
            (b"[::1]:8000", 200),
            (b"", 200),
        ]:
            for path in (b"/", b"/simple/", b"/-/health"):
                wire = self.connect()
                wire.send_bytes(
                    b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"
                )
                self.assertEqual(code, wire.code, (path, host))

    def test_links_out_of_the_directory(self) -> None:
        """
        A link that leads out is not followed, for whomever it was made.
        """
        outside = self.directory.parent / f"{self.directory.name}-outside"
        outside.mkdir()
        wheel = make_wheel("demo")
        (outside / wheel.filename).write_bytes(wheel.content)
        with self.change():
            (self.directory / "demo").symlink_to(outside)
            (self.directory / wheel.filename).symlink_to(outside / wheel.filename)
        self.settle()
        self.assertEqual(404, self.get(f"/files/demo/{wheel.filename}").code)
        self.assertEqual(404, self.get("/local/demo/").code)

    def test_when_idle(self) -> None:
        """
        Idle is when every request has been answered to its end, or its client has left.
        """
        self.successResultOf(self.proxy.faces.when_idle())
        path = self.index.add(make_wheel("demo", payload=20_000))
        self.index.fail(path, Fault(stall_at=9000, stall=5))
        stays = self.start("/files/demo/demo-1.0-py3-none-any.whl")
        leaves = self.start("/files/demo/demo-1.0-py3-none-any.whl")
        idle = self.proxy.faces.when_idle()
        leaves.hang_up()
        self.flush()
        self.assertNoResult(idle)
        self.advance(5)
        self.assertTrue(stays.is_complete)
        self.successResultOf(idle)
        self.successResultOf(self.proxy.faces.when_idle())

    def test_stopping(self) -> None:
        """
        At the end all are told to come again, but for who watches; none of them is
        waited for, nor let near upstream.
        """
        self.start_proxy(read_auth=write_users(self.directory.with_suffix(".read")))
        self.proxy.faces.stopping = True
        for method, path in (
            ("GET", "/simple/demo/"),
            ("HEAD", "/"),
            ("POST", "/legacy/"),
            ("GET", "/-/other"),
            ("GET", "/simple/a%2fb/"),
        ):
            answer = self.get(path, method)
            self.assertEqual((503, "2"), (answer.code, answer.header("Retry-After")))
            self.assertIn("stopping", answer.phrase)
            self.assertEqual("no-store", answer.header("Cache-Control"))
        self.assertEqual(200, self.get("/-/health").code)
        self.assertEqual(503, self.get("/-/ready").code)
        self.assertEqual([], self.index.requests)
        self.advance(1)
        self.threads.hold("_state_of")
        watching = self.start("/-/health")
        self.successResultOf(self.proxy.faces.when_idle())
        self.assertFalse(watching.is_complete)
        self.threads.release()

    def test_cut_off(self) -> None:
        """
        All that still runs is ended at once, so that clients can tell.
        """
        path = self.index.add(make_wheel("demo", payload=20_000))
        self.index.fail(path, Fault(stall_at=9000, stall=5))
        running = [
            self.start("/files/demo/demo-1.0-py3-none-any.whl") for _ in range(3)
        ]
        self.proxy.faces.cut_off()
        self.flush()
        for transfer in running:
            self.assertTrue(transfer.is_cut)
        self.successResultOf(self.proxy.faces.when_idle())


class HeadersTests(ProxyTestCase):
    def test_cache_status_everywhere(self) -> None:
        """
        Every answer outside of /-/ says how it was come by.
        """
        wheel = make_wheel("demo")
        self.index.add(wheel)
        for path in (
            *("/", "/simple", "/simple/", "/simple/demo", "/simple/demo/", "/local/"),
            *("/simple/none/", "/local/none/", "/nothing", "/simple/a%2fb/"),
            f"/files/demo/{wheel.filename}",
            f"/files/demo/{wheel.filename}.metadata",
            *("/files/demo/none.zip", "/package/none", "/files/demo/"),
        ):
            answer = self.get(path)
            self.assertIsInstance(answer.headers, Headers)
            self.assertRegex(str(answer.header("Cache-Status")), "^proxypypi", path)
