"""
Tests for :mod:`proxypypi.web.gate`, and that nobody gets past it.
"""

from collections.abc import Iterator
from typing import Any

from klein.resource import KleinResource
from werkzeug.routing import Rule

from proxypypi.store.tokens import Token, TokenStore
from proxypypi.web.connections import ProxySite
from tests.distributions import make_wheel
from tests.passwords import basic, write_users
from tests.proxy_case import ProxyTestCase, Transfer
from tests.test_web_hot_channel import PIP, HotTestCase

BOB, EVE = basic("bob", "one"), basic("eve", "two")
OPEN = ("/-/health", "/-/ready")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")


class GateTestCase(ProxyTestCase):
    """
    ``bob`` may upload and ``eve`` may read.
    """

    def setUp(self) -> None:
        super().setUp()
        self.uploaders = write_users(self.directory.with_suffix(".up"), bob="one")
        self.readers = write_users(self.directory.with_suffix(".read"), eve="two")
        self.wheel = make_wheel("demo")
        self.index.add(self.wheel)

    def refuse(self, path: str, method: str = "GET", **headers: str) -> Transfer:
        """
        :returns: the answer, after the while that it is held back.
        """
        transfer = self.start(path, method, **headers)
        self.advance(4)
        self.assertTrue(transfer.is_complete, path)
        return transfer


class ReadTests(GateTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_proxy(read_auth=self.readers)

    def test_readers(self) -> None:
        """
        Who is in the file gets everything, and who is not nothing.
        """
        path = f"/files/demo/{self.wheel.filename}"
        then = "/snapshot/2999-01-01/simple/demo/"
        for at in ("/", "/simple/", "/simple/demo/", "/local/", then, path):
            answer = self.get(at)
            self.assertEqual(401, answer.code, at)
            self.assertEqual(
                'Basic realm="proxypypi", charset="UTF-8"',
                answer.header("WWW-Authenticate"),
            )
            self.assertEqual("no-store", answer.header("Cache-Control"))
            self.assertEqual("proxypypi", answer.header("Cache-Status"))
            self.assertEqual(
                "a user and a password, or a token, are needed", answer.phrase
            )
        self.assertEqual([], self.index.requests)
        self.assertEqual(200, self.get("/simple/demo/", Authorization=EVE).code)
        answer = self.get(then, Authorization=EVE)
        self.assertEqual("private, max-age=60", answer.header("Cache-Control"))
        answer = self.get(path, Authorization=EVE)
        self.assertEqual((200, self.wheel.content), (answer.code, answer.body))

    def test_wrong(self) -> None:
        """
        A wrong password is told from none, and gets nothing either.
        """
        for header in (basic("eve", "one"), basic("bob", "one"), "Bearer x", "x"):
            answer = self.refuse("/simple/demo/", Authorization=header)
            self.assertEqual(401, answer.code, header)
            self.assertIsNotNone(answer.header("WWW-Authenticate"))
        self.assertEqual("the Authorization header is not understood", answer.phrase)
        self.assertEqual([], self.index.requests)

    def test_tokens(self) -> None:
        """
        A token will do, and no longer once it is revoked.
        """
        store = TokenStore.of(self.directory)
        header = basic("__token__", store.add(Token(name="ci", created_at=0.0)))
        self.assertEqual(200, self.get("/simple/demo/", Authorization=header).code)
        store.revoke("ci")
        self.advance(1)
        self.assertEqual(401, self.refuse("/simple/demo/", Authorization=header).code)

    def test_garbage(self) -> None:
        """
        What is no address of ours is nobody's business either.
        """
        for target in (
            *("/nothing", "/simple/../x", "/simple/a%2fb/", "/-/health/", "//"),
            *("/%2d/health", "/-/health?x", "http://p/simple/", "/" + "a" * 2000),
            *("/-/healthy", "/-//health", "/simple/-/", "/files/", "/-/ready/"),
        ):
            wire = self.connect()
            wire.send(f"GET {target} HTTP/1.1")
            expected = 200 if target == "/-/health?x" else 401
            self.assertEqual(expected, wire.code, target)
        wire = self.connect()
        wire.send_bytes(b"GET / HTTP/1.1\r\nHost: a..b\r\n\r\n")
        self.assertEqual(401, wire.code)
        wire = self.connect()
        wire.send("OPTIONS * HTTP/1.1")  # is Twisted's, and about no address of ours
        self.assertEqual(b"", wire.body)

    def test_head(self) -> None:
        """
        HEAD is answered alike, without a body.
        """
        wire = self.connect()
        wire.send("HEAD /simple/ HTTP/1.1")
        self.assertEqual((401, b""), (wire.code, wire.body))

    def test_gone_before_the_answer(self) -> None:
        """
        A client that leaves while its password is checked costs no more than that, and
        the end of the server does not wait for it.
        """
        self.threads.hold("fits")
        wire = self.connect()
        wire.send("GET /simple/demo/ HTTP/1.1", f"Authorization: {EVE}")
        wire.hang_up()
        self.threads.release()
        self.flush()
        self.successResultOf(self.proxy.faces.when_idle())

    def test_private(self) -> None:
        """
        Nobody may keep for others what had to be logged in for; what is said besides
        stays as it is.
        """
        path = f"/files/demo/{self.wheel.filename}"
        for at in ("/simple/demo/", path, f"{path}.metadata", "/simple/"):
            self.start_proxy()
            said = str(self.get(at).header("Cache-Control"))
            self.assertIn("public", said, at)
            self.start_proxy(read_auth=self.readers)
            for more in ({}, {"If_None_Match": "*"}):
                answer = self.get(at, Authorization=EVE, **more)
                private = said.replace("public", "private")
                self.assertEqual(private, answer.header("Cache-Control"), (at, more))

    def test_uploaders_read(self) -> None:
        """
        Who may put files here may have them.
        """
        self.start_proxy(read_auth=self.readers, upload_auth=self.uploaders)
        for header in (BOB, EVE):
            self.assertEqual(200, self.get("/simple/demo/", Authorization=header).code)


class WalkTests(GateTestCase):
    def resources(self) -> list[KleinResource]:
        faces: Any = self.proxy.faces
        return [faces._home, *{id(f): f for f in faces._faces.values()}.values()]

    def addresses(self) -> Iterator[str]:
        """
        One for each route that any face has.
        """
        for resource in self.resources():
            rules: Iterator[Rule] = resource._app.url_map.iter_rules()
            for rule in rules:
                yield "".join(
                    "demo" if is_variable else text for is_variable, text in rule._trace
                ).partition("|")[2]

    def test_everywhere(self) -> None:
        """
        Every route wants a password, whatever the method; health does not.
        """
        self.start_proxy(read_auth=self.readers, upload_auth=self.uploaders)
        addresses = set(self.addresses())
        for known in ("/", "/simple/", "/simple/demo/", "/files/demo/demo", *OPEN):
            self.assertIn(known, addresses)
        for address in addresses:
            for method in METHODS:
                wire = self.connect()
                wire.send(f"{method} {address} HTTP/1.1")
                if address in OPEN:
                    self.assertIn(wire.code, (200, 405), (method, address))
                else:
                    self.assertEqual(401, wire.code, (method, address))
        self.assertEqual([], self.index.requests)

    def test_open_without_it(self) -> None:
        """
        Without the option nobody is asked, and what is said all the same is ignored.
        """
        for header in ({}, {"Authorization": "Basic nonsense"}):
            for address in ("/", "/simple/", "/simple/demo/", "/local/", *OPEN):
                self.assertEqual(200, self.get(address, **header).code, address)


class HotTests(HotTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.readers = write_users(self.directory.with_suffix(".read"), eve="two")
        self.start_proxy(read_auth=self.readers)
        core = self.proxy.faces, self.loopback.pump, self.proxy.core.generations
        self.fast = ProxySite(*core)
        self.addCleanup(self.fast.hot.clear)
        self.paths = ("/simple/demo/", f"/files/demo/{self.small.filename}")

    def known(self, path: str, header: str = EVE) -> bytes:
        return self.request(path, f"Authorization: {header}\r\n".encode())

    def is_asked(self, *requests: bytes) -> int:
        """
        How many of these the ordinary path answers; all of them with 200.
        """
        asked: list[object] = []
        faces = type(self.proxy.faces)
        render = faces.render

        def note(faces: Any, request: Any) -> Any:
            asked.append(request)
            return render(faces, request)

        self.patch(faces, "render", note)
        try:
            self.assertEqual([200] * len(requests), self.codes(*requests))
        finally:
            self.patch(faces, "render", render)
        return len(asked)

    def codes(self, *requests: bytes, at_once: bool = False) -> list[int]:
        """
        Those of the answers to requests that are sent on one connection.
        """
        wire = self.loopback.connect(self.fast)
        codes: list[int] = []
        pieces = [b"".join(requests)] if at_once else requests
        for piece in pieces:
            wire.send(piece)
            wanted = len(requests) if at_once else len(codes) + 1
            for _ in range(len(requests) + 1):
                answers = wire.take_all().split(b"HTTP/1.1 ")[1:]
                codes = [int(answer[:3]) for answer in answers]
                if len(codes) < wanted:
                    self.clock.advance(4)  # who says it wrong has to wait
        wire.hang_up()
        return codes

    def test_for_others(self) -> None:
        """
        What a reader was just given, on the same connection or another, is given to
        nobody who does not say who they are, or says it wrong.
        """
        self.assertNotIn(b"authorization", PIP.lower())
        for path in self.paths:
            known, unknown = self.known(path), self.request(path)
            for other in (
                unknown,
                self.known(path, ""),
                self.known(path, basic("eve", "one")),
                self.known(path, f"{EVE}x"),
                self.known(path, f"{EVE}\r\nAuthorization: {EVE}"),
                self.known(path, f"{EVE}\r\n x"),
            ):
                for requests, codes in (
                    ([known, known, other, other], [200, 200, 401, 401]),
                    ([other, known, other, known], [401, 200, 401, 200]),
                    ([other, other], [401, 401]),
                ):
                    for at_once in (True, False):
                        got = self.codes(*requests, at_once=at_once)
                        self.assertEqual(codes, got, requests)
        self.assertEqual(len(self.paths), len(self.fast.hot))

    def test_for_readers(self) -> None:
        """
        Readers get it without being asked again, for a second.
        """
        for path in self.paths:
            requests = [self.known(path)] * 5
            self.codes(*requests)
            self.assertEqual(0, self.is_asked(*requests))
            self.clock.advance(1)
            self.assertEqual(1, self.is_asked(*requests))

    def test_for_those_who_were(self) -> None:
        """
        A second after a user, or a token, is gone, nothing is given to them.
        """
        store = TokenStore.of(self.directory)
        token = basic("__token__", store.add(Token(name="ci", created_at=0.0)))
        for header, end in (
            (token, lambda: store.revoke("ci")),
            (EVE, lambda: write_users(self.readers, fay="x")),
        ):
            request = self.known("/simple/demo/", header)
            self.codes(request)
            self.assertEqual(0, self.is_asked(request))
            end()
            self.clock.advance(1)
            self.assertEqual([401, 401], self.codes(request, request))

    def test_without_the_option(self) -> None:
        """
        Where everybody may read, who says who they are is as quick as others.
        """
        self.start_proxy()
        core = self.proxy.faces, self.loopback.pump, self.proxy.core.generations
        self.fast = ProxySite(*core)
        self.addCleanup(self.fast.hot.clear)
        for path in self.paths:
            self.codes(self.request(path))
            self.assertEqual(0, self.is_asked(*[self.known(path, "x y")] * 3))


class UploadTests(GateTestCase):
    """
    ``POST /-/refresh/demo`` stands for all that needs rights.
    """

    def refresh(self, **headers: str) -> int | None:
        return self.refuse("/-/refresh/demo", "POST", **headers).code

    def test_administering(self) -> None:
        """
        With --upload-auth it takes the rights to upload, also on this machine.
        """
        self.start_proxy(upload_auth=self.uploaders)
        self.assertEqual(401, self.refresh())
        self.assertEqual(401, self.refresh(Authorization=EVE))
        self.assertEqual(200, self.refresh(Authorization=BOB))
        self.start_proxy(upload_auth=self.uploaders, read_auth=self.readers)
        self.assertEqual(401, self.refresh())
        self.assertEqual(200, self.refresh(Authorization=BOB))
        answer = self.refuse("/-/refresh/demo", "POST", Authorization=EVE)
        self.assertEqual(
            (403, "this is not allowed for eve"), (answer.code, answer.phrase)
        )

    def test_tokens(self) -> None:
        """
        A token that is for reading alone does not do.
        """
        self.start_proxy(upload_auth=self.uploaders)
        store = TokenStore.of(self.directory)
        for upload, code in ((True, 200), (False, 403)):
            token = Token(name=str(upload), may_upload=upload, created_at=0.0)
            header = basic("__token__", store.add(token))
            self.assertEqual(code, self.refresh(Authorization=header))

    def test_reading_stays_open(self) -> None:
        """
        Who may upload is no question for those who read, whatever they say.
        """
        self.start_proxy(upload_auth=self.uploaders)
        for headers in ({}, {"Authorization": EVE}):
            answer = self.get("/simple/demo/", **headers)
            self.assertEqual(200, answer.code)
            self.assertIn("public", str(answer.header("Cache-Control")))
