"""
Tests for :mod:`proxypypi.web.requirements`.
"""

import json
from typing import Any

from twisted.internet.address import IPv4Address

from tests.distributions import make_sdist, make_wheel
from tests.proxy_case import Wire
from tests.test_web_request import RequestTestCase

FORM = b"multipart/form-data; boundary=xyz"


def form_of(*fields: tuple[str, bytes]) -> bytes:
    """
    As curl sends it.
    """
    parts = [
        b'--xyz\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (name.encode(), value)
        for name, value in fields
    ]
    return b"".join(parts) + b"--xyz--\r\n"


class RequirementsTestCase(RequestTestCase):
    def post(
        self, body: bytes, *headers: bytes, kind: bytes = FORM, method: bytes = b"POST"
    ) -> Wire:
        wire = self.ask(
            b"/requirements.txt",
            b"Content-Type: " + kind,
            b"Content-Length: %d" % len(body),
            *headers,
            method=method,
        )
        wire.send_bytes(body)
        self.flush()
        return wire

    def post_lines(self, *lines: str, **more: Any) -> Wire:
        text = "\n".join(lines).encode()
        return self.post(form_of(("requirements", text)), **more)

    def report(self, wire: Wire) -> Any:
        self.assertEqual(200, wire.code, wire.received)
        return json.loads(wire.body)

    def connect(self) -> Wire:
        """
        As a program on this machine.
        """
        wire = super().connect()
        wire.transport.peerAddr = IPv4Address("TCP", "127.0.0.1", 12345)
        return wire


class ReportTests(RequirementsTestCase):
    def test_report(self) -> None:
        """
        It has each line in its place, as it was written, and why what failed did.
        """
        self.index.add(make_wheel("demo"))
        self.index.add(make_sdist("demo"))
        wire = self.post_lines(
            "# all we need",
            "Demo >= 1.0  # every file of it",
            "-r more.txt",
            "missing==2",
            "demo==3",
        )
        report = self.report(wire)
        self.assertEqual({"cached", "unparseable", "failed"}, set(report))
        self.assertEqual(["Demo >= 1.0"], report["cached"])
        self.assertEqual(["-r more.txt"], report["unparseable"])
        missing, none = report["failed"]
        self.assertEqual("missing==2", missing["requirement"])
        self.assertIn("no project 'missing'", missing["reason"])
        self.assertEqual("demo==3", none["requirement"])
        self.assertIn("the newest is 1.0", none["reason"])
        for line in (
            *(b"Content-Type: application/json", b"Cache-Control: no-store"),
            b"Cache-Status: proxypypi",
        ):
            self.assertIn(b"\r\n" + line, wire.received)
        self.assertEqual(
            ["demo/demo-1.0-py3-none-any.whl", "demo/demo-1.0.tar.gz"], self.kept()
        )

    def test_nothing(self) -> None:
        """
        A file may be empty, or have a byte order mark; several count as one.
        """
        self.index.add(make_wheel("demo"))
        report = self.report(self.post(form_of(("requirements", b""))))
        self.assertEqual({"cached": [], "unparseable": [], "failed": []}, report)
        body = form_of(
            ("other", b"x"),
            ("requirements", "\ufeffdemo".encode()),
            ("requirements", b"demo==1.0"),
        )
        self.assertEqual(["demo", "demo==1.0"], self.report(self.post(body))["cached"])

    def test_asked_before_it_is_read(self) -> None:
        """
        Who may not do this is told so before a byte of the form has come: nobody fills
        memory or disk with forms, or takes all descriptors for them.
        """
        kind, length = b"Content-Type: " + FORM, b"Content-Length: 900000"
        for more in (b"Expect: 100-continue", b"X-Forwarded-For: 192.0.2.1"):
            path = b"/requirements.txt"
            wire = self.ask(path, kind, length, b"Via: a", more, method=b"POST")
            self.assertEqual(403, wire.code, more)
        wire = self.ask(path, kind, length, method=b"POST")
        self.assertEqual(b"", wire.received)
        self.assertEqual(b"", self.received_request().content.read())

    def test_large(self) -> None:
        """
        A file of a megabyte is taken, one that is larger is refused unread, as are
        large bodies for others.
        """
        self.index.add(make_wheel("demo"))
        size = 1024 * 1024 - len(form_of(("requirements", b"demo\n")))
        wire = self.post_lines("demo", "#" * size)
        self.assertEqual(["demo"], self.report(wire)["cached"])
        self.assertEqual(413, self.post_lines("demo", "#" * (size + 1)).code)
        for path in (b"/requirements.tx", b"/requirements.txt/", b"/simple/"):
            wire = self.ask(path, b"Content-Length: 65537", method=b"POST")
            self.assertEqual(413, wire.code, path)
        wire = self.ask(b"/requirements.txt", b"Content-Length: 65537", method=b"PUT")
        self.assertEqual(413, wire.code)

    def test_too_many(self) -> None:
        """
        No more than 2,000 lines are seen to, and then none is.
        """
        self.index.add(make_wheel("demo"))
        wire = self.post_lines(*["demo"] * 2001)
        self.assertEqual((400, []), (wire.code, self.index.requests))
        self.assertIn("2000", wire.phrase)
        self.assertEqual(
            2000, len(self.report(self.post_lines(*["demo"] * 2000))["cached"])
        )


class RefusedTests(RequirementsTestCase):
    def test_methods(self) -> None:
        """
        There is nothing to read there.
        """
        for method in (b"GET", b"PUT", b"DELETE"):
            wire = self.post(b"", method=method)
            self.assertEqual(405, wire.code, method)
            self.assertIn(b"\r\nAllow: POST\r\n", wire.received)

    def test_rights(self) -> None:
        """
        Only those may who may administer, whatever they send.
        """
        self.index.add(make_wheel("demo"))
        for body in (form_of(("requirements", b"demo")), b"nonsense"):
            for line in (b"Origin: https://evil.example", b"X-Forwarded-For: 10.0.0.1"):
                self.assertEqual(403, self.post(body, line).code, line)
        self.assertEqual([], self.index.requests)


class WaitingTests(RequirementsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", payload=100_000)
        self.path = self.index.add(self.wheel)
        self.index.rate = 50_000.0

    def test_joins(self) -> None:
        """
        Who asks for the same waits for the same, and for a file that a client waits
        for already.
        """
        client = self.start(f"/files/demo/{self.wheel.filename}")
        wires = [self.post_lines("demo"), self.post_lines("demo")]
        self.assertEqual([b"", b""], [wire.received for wire in wires])
        self.advance_slowly(5.0)
        for wire in wires:
            self.assertEqual(["demo"], self.report(wire)["cached"])
        self.assertEqual(self.wheel.content, client.body)
        self.assertEqual(1, len(self.index.asked(self.path)))

    def test_hangs_up(self) -> None:
        """
        What was begun goes on when its client has gone, also what comes after it.
        """
        self.index.add(make_wheel("other"))
        for i in range(4):
            self.index.add(make_wheel(f"x{i}", payload=50_000))
        lines = [f"x{i}" for i in range(4)]
        self.post_lines("demo", *lines, "other").hang_up()
        self.advance_slowly(10.0)
        self.assertEqual(6, len(self.kept()))

    def test_long(self) -> None:
        """
        After a quarter of an hour a client is told to come again, and then waits for
        what is still under way.
        """
        self.index.rate = 100.0
        wire = self.post_lines("demo")
        self.advance_steps(899)
        self.assertEqual(b"", wire.received)
        self.advance_steps(2)
        self.assertEqual(503, wire.code)
        self.assertIn(b"\r\nRetry-After: 2\r\n", wire.received)
        again = self.post_lines("demo")
        self.advance_steps(150)
        self.assertEqual(["demo"], self.report(again)["cached"])
        self.assertEqual(1, len(self.index.asked(self.path)))

    def advance_steps(self, seconds: int) -> None:
        for _ in range(seconds):
            self.advance(1.0)

    def test_many(self) -> None:
        """
        No more than 16 are seen to at once; who asks for one of them is no further.
        """
        for i in range(16):
            self.post_lines("demo", f"missing{i}")
        self.assertEqual(503, self.post_lines("demo").code)
        self.assertEqual(b"", self.post_lines("demo", "missing3").received)
        self.advance_slowly(5.0)
        self.assertEqual(["demo"], self.report(self.post_lines("demo"))["cached"])
