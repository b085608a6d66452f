"""
Tests for :mod:`proxypypi.web.problems` and :mod:`proxypypi.web.router`.
"""

import json
from typing import Any, ClassVar

from attrs import define
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request

from proxypypi import errors
from proxypypi.web.headers import set_headers
from proxypypi.web.router import Router
from tests.fake_index import HTML, JSON
from tests.pages import Page
from tests.proxy_case import ProxyTestCase, Wire, connect

URL = "http://index.example/simple/demo/"


@define(eq=False)
class Failing:
    """
    A face of which every answer is an error.
    """

    router: ClassVar[Router] = Router()
    _error: Exception

    @router.route("/", methods=["GET"])
    def page(self, request: Request) -> bytes:
        set_headers(
            request, etag='"a"', accept_ranges="bytes", last_modified="yesterday"
        )
        raise self._error


def ask(error: Exception, *lines: str, method: str = "GET", path: str = "/") -> Wire:
    wire = connect(Failing(error).router.resource(), Clock())
    wire.send(f"{method} {path} HTTP/1.1", *lines)
    return wire


def header(wire: Wire, name: str) -> str | None:
    head = wire.received.partition(b"\r\n\r\n")[0].decode("ascii")
    for line in head.split("\r\n")[1:]:
        key, _, value = line.partition(": ")
        if key.lower() == name.lower():
            return value
    return None


class TableTests(SynchronousTestCase):
    def test_every_error(self) -> None:
        """
        Each error has its status, and a reason phrase with the gist; whatever may go
        better next time has an integer for Retry-After, and none of them is a 404.
        """
        upstream: dict[str, Any] = {"url": URL, "reason": "no route to host"}
        for error, status, retry, outcome in [
            (errors.BadName(kind="project", name="-"), 404, None, ""),
            (errors.BadRequest(reason="what?"), 400, None, ""),
            (errors.NotAcceptable(offered=(JSON,)), 406, None, ""),
            (errors.RangeNotSatisfiable(size=5), 416, None, ""),
            (errors.NoSuchProject(project="demo"), 404, None, ""),
            (errors.NoSuchFile(filename="demo-1.zip"), 404, None, ""),
            (errors.NoSuchFile(filename="demo-1.zip", why="it went"), 404, None, ""),
            (errors.Quarantined(project="demo"), 403, None, ""),
            (errors.NameDenied(project="demo", glob="de*"), 403, None, ""),
            (errors.Withheld(filename="demo-1.zip"), 403, None, ""),
            (errors.NotAllowed(reason="not you"), 403, None, ""),
            (errors.NotAuthenticated(reason="who are you?"), 401, None, ""),
            (errors.TooManyLogIns(), 503, "2", ""),
            (errors.TooManyListeners(limit=5), 503, "2", ""),
            (errors.UpstreamUnreachable(**upstream), 503, "2", "; fwd=miss"),
            (errors.UpstreamTimeout(**upstream), 503, "2", "; fwd=miss"),
            (
                errors.UpstreamRefusal(status=401, **upstream),
                502,
                "2",
                "; fwd=miss; fwd-status=401",
            ),
            (
                errors.UpstreamRefusal(status=404, **upstream),
                502,
                "2",
                "; fwd=miss; fwd-status=404",
            ),
            (errors.UpstreamNonsense(**upstream), 502, "2", "; fwd=miss"),
            (errors.UpstreamError(**upstream), 502, "2", "; fwd=miss"),
            (errors.WrongBytes(filename="a", **upstream), 502, "2", "; fwd=miss"),
            (errors.StillFetching(what="demo"), 503, "2", ""),
            (errors.TooManyStreams(limit=5), 503, "2", ""),
            (errors.CannotKeep(filename="a", reason="disk full"), 503, "2", ""),
            (errors.CannotMake(reason="killed"), 503, "2", ""),
        ]:
            wire = ask(error)
            self.assertEqual(status, wire.code, error)
            self.assertEqual(str(error).lower(), wire.phrase.lower(), error)
            self.assertEqual(retry, header(wire, "Retry-After"), error)
            self.assertEqual("no-store", header(wire, "Cache-Control"), error)
            self.assertEqual(f"proxypypi{outcome}", header(wire, "Cache-Status"), error)
            self.assertIn(str(error), wire.body.decode(), error)

    def test_no_error_is_forgotten(self) -> None:
        """
        Only what ends before there are requests, or never leaves the core, has no
        status.
        """
        never = {"BadSettings", "BadConfiguration", "UnreadablePage", "NoProjectList"}
        never |= {"NoDocument", "DirectoryInUse", "CannotListen", "BadCertificate"}
        never |= {"BadPidFile", "AlreadyRunning", "NotOurs", "DamagedRecord"}
        never |= {"BadUsers", "TokenExists"}
        never |= {"BadLockFile", "NoFittingRelease"}
        never |= {"BadBundle", "BundleExists", "DoesNotFit"}
        kinds = {
            name
            for name, kind in vars(errors).items()
            if isinstance(kind, type) and issubclass(kind, errors.ProxypypiError)
        }
        from proxypypi.web.problems import _STATUSES

        with_status = {
            name
            for name in kinds
            if any(k in _STATUSES for k in getattr(errors, name).__mro__)
        }
        self.assertEqual(kinds - never - {"ProxypypiError"}, with_status)

    def test_challenge(self) -> None:
        """
        401, and nothing else, says how to say who one is.
        """
        wire = ask(errors.NotAuthenticated(reason="who are you?"))
        self.assertEqual(
            'Basic realm="proxypypi", charset="UTF-8"', header(wire, "WWW-Authenticate")
        )
        wire = ask(errors.NotAllowed(reason="not you"))
        self.assertIsNone(header(wire, "WWW-Authenticate"))

    def test_range_not_satisfiable(self) -> None:
        """
        416 says how long the file is; of other errors nothing is said of it.
        """
        wire = ask(errors.RangeNotSatisfiable(size=5))
        self.assertEqual("bytes */5", header(wire, "Content-Range"))
        self.assertIsNone(header(ask(errors.StillFetching(what="x")), "Content-Range"))

    def test_nothing_of_the_answer_in_view(self) -> None:
        """
        Headers of the answer that was about to be given do not stand on an error.
        """
        for name in ("ETag", "Last-Modified", "Accept-Ranges"):
            self.assertIsNone(header(ask(errors.StillFetching(what="x")), name), name)

    def test_what_no_route_fits(self) -> None:
        """
        Addresses and methods that are nobody's are answered in the same form.
        """
        wire = ask(ValueError(), f"Accept: {JSON}", path="/other")
        self.assertEqual((404, "nothing here"), (wire.code, wire.phrase))
        self.assertEqual(404, json.loads(wire.body)["status"])
        wire = ask(ValueError(), f"Accept: {JSON}", method="PUT")
        self.assertEqual((405, "GET, HEAD"), (wire.code, header(wire, "Allow")))

    def test_publishing_elsewhere(self) -> None:
        """
        Who publishes to an address that takes none is told which does.
        """
        wire = ask(ValueError(), method="POST")
        self.assertEqual(405, wire.code)
        self.assertIn("this address takes GET and HEAD", wire.phrase)
        self.assertIn("packages are published to /legacy/", wire.phrase)

    def test_a_defect_of_ours(self) -> None:
        """
        The unforeseen is 500, told to nobody but the log.
        """
        wire = ask(ZeroDivisionError("secret"))
        self.assertEqual(500, wire.code)
        self.assertNotIn(b"secret", wire.received)
        self.assertEqual("no-store", header(wire, "Cache-Control"))
        self.assertIsNone(header(wire, "Retry-After"))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_cancelled(self) -> None:
        """
        When a client leaves, that is no error.
        """
        ask(CancelledError())
        self.assertEqual([], self.flushLoggedErrors())


class FormTests(SynchronousTestCase):
    error = errors.NoSuchFile(filename="<b>.zip")

    def test_problem_details(self) -> None:
        """
        Who accepts JSON gets RFC 9457, pip's and uv's headers among them.
        """
        for accept in (
            "*/*",
            JSON,
            f"{JSON}, {HTML};q=0.1, text/html;q=0.01",
            "application/json",
            "application/problem+json",
        ):
            wire = ask(self.error, f"Accept: {accept}")
            self.assertEqual("application/problem+json", header(wire, "Content-Type"))
            self.assertEqual(
                {"title": "Not Found", "status": 404, "detail": str(self.error)},
                json.loads(wire.body),
            )
            self.assertEqual(str(len(wire.body)), header(wire, "Content-Length"))

    def test_html(self) -> None:
        """
        A browser gets a page, in which names are text.
        """
        wire = ask(self.error, "Accept: text/html,*/*;q=0.8")
        self.assertEqual("text/html; charset=utf-8", header(wire, "Content-Type"))
        page = Page(wire.body)
        self.assertIn("404 Not Found", page.text)
        self.assertIn("<b>.zip", page.text)
        self.assertNotIn("b", page.tags)

    def test_text(self) -> None:
        """
        Who says nothing gets a line.
        """
        wire = ask(self.error)
        self.assertEqual("text/plain; charset=utf-8", header(wire, "Content-Type"))
        self.assertEqual(f"404 Not Found: {self.error}\n".encode(), wire.body)

    def test_vary(self) -> None:
        """
        Caches know that the form depends on the question.
        """
        self.assertIn("Accept", str(header(ask(self.error), "Vary")))

    def test_head(self) -> None:
        """
        HEAD gets the headers alone.
        """
        wire = ask(self.error, method="HEAD")
        self.assertEqual((404, b""), (wire.code, wire.body))
        self.assertNotEqual("0", header(wire, "Content-Length"))


class ReasonTests(SynchronousTestCase):
    def test_printable_and_short(self) -> None:
        """
        Nothing is smuggled into the head by way of the reason phrase, and names in it
        are as they are.
        """
        for why, expected in [
            ("a\r\nSet-Cookie: b", "a??Set-Cookie: b"),
            ("caf\xe9 \u2603\x00", "caf? ??"),
            ("ann may not", "ann may not"),
            ("x" * 1000, "x" * 297 + "..."),
        ]:
            wire = ask(errors.NoSuchFile(filename="a", why=why))
            self.assertEqual(expected, wire.phrase)
            self.assertIsNone(header(wire, "Set-Cookie"))

    def test_status_without_a_name(self) -> None:
        """
        A status that Python has no name for is an error all the same.
        """
        from werkzeug.exceptions import HTTPException

        class Odd(HTTPException):
            code = 599

        wire = ask(Odd(), f"Accept: {JSON}")
        self.assertEqual(
            ("Error", 599),
            (json.loads(wire.body)["title"], json.loads(wire.body)["status"]),
        )


class InTheWholeTests(ProxyTestCase):
    def test_long_names_are_cut(self) -> None:
        """
        An over-long name is not repeated in full.
        """
        answer = self.get(f"/simple/{'a' * 201}/")
        self.assertEqual(404, answer.code)
        self.assertLess(len(answer.phrase), 100)
