"""
Tests for :mod:`proxypypi.web.request`.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.web.server import NOT_DONE_YET

from proxypypi.web.connections import ProxySite
from tests.distributions import make_wheel
from tests.proxy_case import Pipe, ProxyTestCase, Wire

URLENCODED = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data; boundary=x"

PATHS = (
    *(b"/", b"/simple/", b"/simple/demo/", b"/simple", b"/local/", b"/legacy/"),
    *(b"/files/demo/demo-1.0.zip", b"/package/demo-1.0.zip", b"/-/health", b"/none"),
)


class RequestTestCase(ProxyTestCase):
    def connect(self) -> Wire:
        """
        A connection to a site that takes requests as the service's does.
        """
        site = ProxySite(self.proxy.faces, self.clock)
        self._protocol: Any = site.buildProtocol(None)
        transport = Pipe()
        self._protocol.makeConnection(transport)
        return Wire(transport, self._protocol)

    def received_request(self) -> Any:
        """
        The request under way on the newest connection.
        """
        return self._protocol.requests[0]

    def ask(self, path: bytes, *headers: bytes, method: bytes = b"GET") -> Wire:
        wire = self.connect()
        lines = [method + b" " + path + b" HTTP/1.1", *headers]
        if not any(header.startswith(b"Host:") for header in headers):
            lines.append(b"Host: proxy.example")
        wire.send_bytes(b"\r\n".join([*lines, b"", b""]))
        self.flush()
        return wire


class LargeBodyIsRefusedUnreadTests(RequestTestCase):
    def assert_refused(self, wire: Wire, case: object) -> None:
        self.assertRegex(
            wire.received, rb"^HTTP/1\.1 413 [ -~]+/legacy/\r\n", str(case)
        )
        self.assertIn(b"\r\nCache-Control: no-store\r\n", wire.received, str(case))
        self.assertIn(b"\r\nCache-Status: proxypypi\r\n", wire.received, str(case))
        self.assertEqual(1, wire.received.count(b"HTTP/1.1 "), case)
        self.assertTrue(wire.transport.disconnecting, case)

    def test_length_said(self) -> None:
        """
        100 MB are refused once they are announced: on any path, of any type and
        method, before a byte of them has come. To upload as much needs a right first.
        """
        for method in (b"POST", b"PUT", b"GET"):
            for path in PATHS:
                for kind in (URLENCODED, MULTIPART, b"text/plain"):
                    wire = self.ask(
                        path,
                        b"Content-Type: " + kind,
                        b"Content-Length: 100000000",
                        method=method,
                    )
                    case = (method, path, kind)
                    if method == b"POST" and path in (b"/", b"/legacy/"):
                        self.assertEqual(403, wire.code, case)
                        self.assertIn(b"\r\nConnection: close\r\n", wire.received)
                    else:
                        self.assert_refused(wire, case)

    def test_what_comes_all_the_same(self) -> None:
        """
        Bytes that were under way already are not kept, but for the first few, and not
        answered a second time.
        """
        wire = self.ask(
            b"/simple/",
            b"Content-Type: " + URLENCODED,
            b"Content-Length: 200000",
            method=b"POST",
        )
        request = self.received_request()
        for _ in range(20):
            wire.send_bytes(b"a=1&" * 2500)
        self.assert_refused(wire, "all of it has come")
        self.assertLessEqual(request.content.tell(), 65_536)

    def test_chunked(self) -> None:
        """
        A body of unknown length is refused when it becomes too large, not later.
        """
        wire = self.ask(
            b"/simple/",
            b"Content-Type: " + URLENCODED,
            b"Transfer-Encoding: chunked",
            method=b"POST",
        )
        request = self.received_request()
        chunk = b"2710\r\n" + b"a=1&" * 2500 + b"\r\n"
        wire.send_bytes(chunk * 6)
        self.assertEqual(b"", wire.received)
        wire.send_bytes(chunk)
        self.assert_refused(wire, "70 kB")
        for _ in range(20):
            wire.send_bytes(chunk)
        wire.send_bytes(b"0\r\n\r\n")
        self.assert_refused(wire, "all of it has come")
        self.assertLessEqual(request.content.tell(), 65_536)

    def test_asking_whether_to_send(self) -> None:
        """
        Who asks first (``Expect: 100-continue``) is told no.
        """
        wire = self.ask(
            b"/simple/",
            b"Content-Length: 100000000",
            b"Expect: 100-continue",
            method=b"POST",
        )
        self.assertRegex(wire.received, rb"^HTTP/1\.1 413 ")

    def test_never_parsed(self) -> None:
        """
        Nor is a small body taken for a form, however bad a form it would be.
        """
        for kind, body in (
            (URLENCODED, b"&".join(b"%d=" % i for i in range(9000))),
            (MULTIPART, b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--"),
            (MULTIPART, b"garbage"),
            (b"multipart/form-data", b"garbage"),
        ):
            wire = self.ask(
                b"/simple/",
                b"Content-Type: " + kind,
                b"Content-Length: %d" % len(body),
                method=b"POST",
            )
            request = self.received_request()
            wire.send_bytes(body)
            self.assertEqual((405, {}), (wire.code, request.args), (kind, body[:20]))


class SmallBodyChangesNothingTests(RequestTestCase):
    def test_post(self) -> None:
        """
        Where one can only read, a POST is answered 405, and what can be done instead.
        """
        for path in PATHS[:-2]:
            if path in (b"/", b"/legacy/"):
                continue  # where one can upload
            wire = self.ask(path, b"Content-Length: 3", method=b"POST")
            wire.send_bytes(b"a=1")
            self.assertEqual(405, wire.code, path)
            self.assertRegex(wire.received, rb"\r\nAllow: GET, HEAD\r\n", str(path))
            self.assertIn(b"\r\nCache-Control: no-store\r\n", wire.received)

    def test_get(self) -> None:
        """
        A GET with a body is answered as one without, and so is the next request on
        the same connection.
        """
        wire = self.ask(b"/-/health", b"Content-Length: 65536")
        wire.send_bytes(b"x" * 65_536)
        self.assertEqual((200, b"ok\n"), (wire.code, wire.body))
        wire.send("GET /none HTTP/1.1")
        self.assertIn(b"HTTP/1.1 404 ", wire.body)


class AbsoluteAddressTests(RequestTestCase):
    def test_route(self) -> None:
        """
        An absolute address in the request line means its path, whatever host is in it.
        """
        self.index.add(make_wheel("demo"))
        for prefix in (b"http://proxy.example", b"HTTPS://[::1]:8000", b"http://x"):
            for path, code in (
                (b"/simple/demo/", 200),
                (b"/simple/demo/?format=text/html", 200),
                (b"/files/demo/demo-1.0-py3-none-any.whl", 200),
                (b"/simple/Demo/", 301),
                (b"/simple/%2e%2e/", 400),
                (b"/simple/none/", 404),
                (b"/", 200),
                (b"", 200),
            ):
                wire = self.ask(prefix + path)
                self.assertEqual(code, wire.code, prefix + path)

    def test_password(self) -> None:
        """
        Logs and routes see nothing of what comes before the path.
        """
        seen: list[bytes] = []

        def note(faces: Any, request: Any) -> int:
            seen.append(request.uri)
            return NOT_DONE_YET

        self.patch(type(self.proxy.faces), "render", note)
        for target, uri in (
            (b"http://bob:hunter2@x/simple/?a=b?c", b"/simple/?a=b?c"),
            (b"http://bob:hunter2@x", b"/"),
            (b"http://bob:hunter2@x?", b"/?"),
            (b"/simple/?http://x/", b"/simple/?http://x/"),
        ):
            seen.clear()
            self.ask(target)
            self.assertEqual([uri], seen)

    def test_what_is_none(self) -> None:
        """
        What is neither a path nor an http address is the client's mistake.
        """
        for target in (b"ftp://x/simple/", b"proxy.example:80", b"http:/simple/"):
            self.assertEqual(400, self.ask(target).code, target)


RAW = (b"\xff", b"\x80\xfe", "é".encode(), b"\xc3(", b'"\xff"', b"text/html\xff;q=\xe9")


class RawBytesTests(RequestTestCase):
    """
    What is not ASCII never makes for an error of ours, whatever it stands in.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", payload=5000)
        self.index.add(self.wheel)
        self.paths = (
            *(b"/", b"/simple/", b"/simple/demo/", b"/simple/demo", b"/local/none/"),
            f"/files/demo/{self.wheel.filename}".encode(),
            f"/files/demo/{self.wheel.filename}.metadata".encode(),
            *(b"/-/health", b"/none"),
        )
        self.get(f"/files/demo/{self.wheel.filename}")

    def assert_ours(self, wire: Wire, case: object) -> None:
        head = wire.received.partition(b"\r\n\r\n")[0]
        self.assertLess(wire.code, 500, case)
        if b"/-/" not in str(case).encode():
            self.assertIn(b"\r\nCache-Status: proxypypi", head, str(case))
        if wire.code >= 400:
            self.assertIn(b"\r\nCache-Control: no-store", head, str(case))
        self.assertTrue(wire.received.partition(b"\r\n")[0].isascii(), case)

    def test_headers(self) -> None:
        """
        In the headers that we look at, alone and with a body's range.
        """
        for name in (
            *(b"Accept", b"Accept-Encoding", b"If-None-Match", b"If-Modified-Since"),
            *(b"Range", b"User-Agent", b"Authorization", b"Content-Type", b"Cookie"),
        ):
            for raw in RAW:
                for path in self.paths:
                    wire = self.ask(path, name + b": " + raw)
                    self.assert_ours(wire, (name, raw, path))
        for raw in RAW:
            for path in self.paths:
                wire = self.ask(path, b"Range: bytes=0-9", b"If-Range: " + raw)
                self.assert_ours(wire, (b"If-Range", raw, path))
                self.assertNotEqual(206, wire.code)

    def test_errors(self) -> None:
        """
        Answers to what goes wrong have a form for every ``Accept``.
        """
        for raw in RAW:
            wire = self.ask(b"/simple/none/", b"Accept: " + raw)
            self.assertIn(wire.code, (404, 406))
            self.assert_ours(wire, raw)

    def test_host(self) -> None:
        """
        A host that is none is refused, for each face.
        """
        for raw in RAW:
            for path in self.paths:
                wire = self.ask(path, b"Host: " + raw)
                self.assertIn(wire.code, (200, 301, 400, 404), (path, raw))
                self.assert_ours(wire, (path, raw))

    def test_path(self) -> None:
        """
        In paths and queries, raw and encoded.
        """
        for raw in (b"\x80", b"\x85\xa0(", b"\xb0", b"%FF", b"%80%FE", b"%C3%28"):
            for path in self.paths:
                for target in (path + raw, b"/" + raw + path, path + b"?format=" + raw):
                    self.assert_ours(self.ask(target), target)

    def test_path_that_the_protocol_refuses(self) -> None:
        """
        No request line has these: the connection ends with the answer.
        """
        for raw in (b"\xb1", b"\xff", b"\xc3\xa9", b"\x00"):
            wire = self.ask(b"/simple/" + raw + b"/")
            self.assertEqual(400, wire.code, raw)
            self.assert_ours(wire, raw)
            self.assertTrue(wire.transport.disconnecting, raw)


_pieces = st.sampled_from(
    [
        *(b"/", b"//", b".", b"..", b"%2e", b"%2f", b"%5c", b"%00", b"%0d%0a", b"%"),
        *(b"simple", b"files", b"demo", b"local", b"-", b"package", b"packages"),
        *(b"demo-1.0.zip", b".metadata", b"?", b"#", b":", b"@", b"*", b";", b"\\"),
        *(b"http:", b"https://x", b"[::1", b"aa", b"%zz", b"%C3%A9", b"+", b"~"),
    ]
)
_targets = st.lists(_pieces | st.binary(max_size=3), max_size=12).map(b"".join)


class AnyRequestTests(RequestTestCase):
    def assert_sane(self, wire: Wire, case: object) -> None:
        """
        It is answered, once, and no defect of ours.
        """
        self.assertRegex(wire.received, rb"^HTTP/1\.1 [234]\d\d [ -~]+\r\n", str(case))
        self.assertNotIn(b"\r\nX-Smuggled", wire.received, str(case))
        self.assertEqual([], self.flushLoggedErrors(), case)
        self.assertEqual([], self.index.requests, case)

    def test_targets(self) -> None:
        """
        Targets of every form, for every method: what is no address of ours is the
        client's mistake.
        """
        targets = (
            *(b"**", b"//", b"//simple/", b"/simple//", b"///files//x", b"/%2e/", b"."),
            *(b"http://x", b"HTTP://x/simple/none", b"https://u:p@x:1/%00", b"http://"),
            *(b"proxy.example:443", b"127.0.0.1:22", b"file:///etc/passwd", b"?", b"#"),
            *(b"/" + b"a" * 15_000, b"/?" + b"a=b&" * 3000, b"/;x", b"/%", b"/%zz"),
            *(b"/simple/%0d%0aX-Smuggled:%20a", b"/simple/a%0aX-Smuggled:b/"),
        )
        methods = (
            *(b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS"),
            *(b"TRACE", b"CONNECT", b"PRI", b"get", b"BREW", b"!#$%&'*+-.^_`|~"),
        )
        for method in methods:
            for target in targets:
                wire = self.ask(target, method=method)
                case = (method, target[:40])
                self.assert_sane(wire, case)
                self.assertIn(b"\r\nCache-Status: proxypypi", wire.received, str(case))
                if method.upper() not in (b"GET", b"HEAD"):
                    self.assertIn(wire.code, (400, 403, 404, 405), case)

    def test_star(self) -> None:
        """
        The server as such can be asked what it can do, and nothing else.
        """
        for method, code in ((b"OPTIONS", 200), (b"GET", 405), (b"CONNECT", 405)):
            wire = self.ask(b"*", method=method)
            self.assert_sane(wire, method)
            self.assertEqual(code, wire.code, method)

    def test_redirects_say_nothing_of_ours(self) -> None:
        """
        A redirect's address is encoded, and stays on this host.
        """
        for target in (
            *(b"/simple/Demo?a=%0d%0aX-Smuggled:1", b"/simple/Demo/?\xa0\x85"),
            *(b"/simple/A.B//evil.example", b"/simple?//evil.example", b"//simple"),
            *(b"/simple/%0d%0aLocation:%20x/", b"/simple/evil.example%3a80"),
        ):
            wire = self.ask(target)
            self.assert_sane(wire, target)
            for line in wire.received.partition(b"\r\n\r\n")[0].split(b"\r\n"):
                if line.startswith(b"Location: "):
                    self.assertRegex(
                        line, rb"^Location: (?:\.\./)?[a-z]+/", str(target)
                    )

    @given(_targets)
    def test_any_target(self, target: bytes) -> None:
        """
        Whatever stands in a request line.
        """
        wire = self.connect()
        wire.send_bytes(b"GET /local/" + target + b" HTTP/1.1\r\nHost: p\r\n\r\n\r\n")
        self.flush()
        self.assert_sane(wire, target)

    @given(st.lists(st.binary(max_size=30), max_size=5))
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        """
        Whatever is sent, in whatever pieces: no defect of ours.
        """
        wire = self.connect()
        for piece in (*pieces, b"\r\n\r\n\r\n\r\n"):
            wire.send_bytes(piece)
        self.assertEqual([], self.flushLoggedErrors(), pieces)
        self.assertRegex(wire.received, rb"^(?:HTTP/1\.1 [24]\d\d |$)", str(pieces))

    @given(
        st.sampled_from(
            [b"Range", b"Accept", b"If-Range", b"If-None-Match", b"If-Modified-Since"]
        ),
        st.binary(max_size=40),
    )
    def test_any_header(self, name: bytes, value: bytes) -> None:
        """
        Whatever stands in a header that we read.
        """
        wire = self.ask(b"/local/", name + b": " + value)
        self.assert_sane(wire, (name, value))
