"""
Tests for :mod:`proxypypi.web.headers`.
"""

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Request

from proxypypi.model import Outcome
from proxypypi.web.headers import (
    cache_status,
    header,
    http_date,
    is_same_file,
    is_unchanged,
    set_headers,
)
from tests.proxy_case import connect

DAY = 1_700_000_000.75
ON_THE_DAY = "Tue, 14 Nov 2023 22:13:20 GMT"
BEFORE = "Tue, 14 Nov 2023 22:13:19 GMT"
AFTER = "Wed, 15 Nov 2023 00:00:00 GMT"


class Asking(Resource):
    """
    Answers every request with what is found out about it.
    """

    isLeaf = True

    def __init__(self, question: Callable[[Request], object]) -> None:
        super().__init__()
        self._question = question

    def render(self, request: Request) -> bytes:
        return repr(self._question(request)).encode()


def ask(question: Callable[[Request], object], *lines: str) -> str:
    """
    :param lines: headers of the request.
    """
    wire = connect(Asking(question), Clock())
    wire.send("GET / HTTP/1.1", *lines)
    return wire.body.decode()


class CacheStatusTests(SynchronousTestCase):
    def test_rendering(self) -> None:
        """
        Every way to come by an answer, as RFC 9211 spells it.
        """
        for outcome, expected in [
            (Outcome(), "proxypypi"),
            (Outcome(hit=True), "proxypypi; hit"),
            (Outcome(hit=True, ttl=-40.2), "proxypypi; hit; ttl=-40"),
            (Outcome(forwarded="miss", stored=True), "proxypypi; fwd=miss; stored"),
            (
                Outcome(forwarded="miss", collapsed=True),
                "proxypypi; fwd=miss; collapsed",
            ),
            (
                Outcome(forwarded="stale", status=503),
                "proxypypi; fwd=stale; fwd-status=503",
            ),
            (
                Outcome(hit=True, detail="upstream-unavailable"),
                "proxypypi; hit; detail=upstream-unavailable",
            ),
        ]:
            self.assertEqual(expected, cache_status(outcome))


class HeaderTests(SynchronousTestCase):
    def test_header(self) -> None:
        """
        Several of a name are one, none is None.
        """
        self.assertEqual("None", ask(lambda r: header(r, "Accept")))
        self.assertEqual(
            "'a, b, c'", ask(lambda r: header(r, "Accept"), "Accept: a, b", "accept: c")
        )

    def test_set_headers(self) -> None:
        """
        Underscores stand for dashes; None for no such header.
        """

        def answer(request: Request) -> None:
            set_headers(request, cache_control="no-store", etag=None)

        wire = connect(Asking(answer), Clock())
        wire.send("GET / HTTP/1.1")
        self.assertIn(b"\r\nCache-Control: no-store\r\n", wire.received)
        self.assertNotIn(b"etag", wire.received.lower())

    def test_http_date(self) -> None:
        """
        As headers have it, whatever the locale and the zone.
        """
        self.assertEqual(ON_THE_DAY, http_date(DAY))


class IsUnchangedTests(SynchronousTestCase):
    def test_by_tag(self) -> None:
        """
        Tags are compared weakly, and count before dates.
        """
        for lines, etag, expected in [
            ([], '"a"', False),
            (['If-None-Match: "a"'], '"a"', True),
            (['If-None-Match: W/"a"'], '"a"', True),
            (['If-None-Match: "b", W/"c", "a"'], '"a"', True),
            (['If-None-Match: "b"', 'If-None-Match: "a"'], '"a"', True),
            (["If-None-Match: *"], '"a"', True),
            (["If-None-Match: *"], None, False),
            (['If-None-Match: "b"'], '"a"', False),
            (['If-None-Match: "ab"'], '"a"', False),
            (["If-None-Match: a"], '"a"', False),
            (['If-None-Match: "a"'], None, False),
            (['If-None-Match: "b"', f"If-Modified-Since: {AFTER}"], '"a"', False),
            (['If-None-Match: "b"', f"If-Modified-Since: {AFTER}"], None, False),
        ]:
            found = ask(lambda r, etag=etag: is_unchanged(r, etag, DAY), *lines)  # type: ignore[misc]
            self.assertEqual(repr(expected), found, (lines, etag))

    def test_by_date(self) -> None:
        """
        To the second; a date that is none, or not known, tells nothing.
        """
        for since, modified_at, expected in [
            (ON_THE_DAY, DAY, True),
            (AFTER, DAY, True),
            (BEFORE, DAY, False),
            (ON_THE_DAY, None, False),
            ("yesterday", DAY, False),
            ("Tue, 99 Nov 2023 22:13:20 GMT", DAY, False),
            ("Tue, 14 Nov 99999999 22:13:20 GMT", DAY, False),
            ("", DAY, False),
        ]:
            found = ask(
                lambda r, modified_at=modified_at: is_unchanged(r, '"a"', modified_at),  # type: ignore[misc]
                f"If-Modified-Since: {since}",
            )
            self.assertEqual(repr(expected), found, (since, modified_at))


class IsSameFileTests(SynchronousTestCase):
    def test_if_range(self) -> None:
        """
        Only a strong tag, or the very date, lets a part be given.
        """
        for condition, etag, modified_at, expected in [
            (None, None, None, True),
            ('"a"', '"a"', None, True),
            ('"b"', '"a"', DAY, False),
            ('W/"a"', '"a"', DAY, False),
            ('"a"', None, DAY, False),
            (ON_THE_DAY, '"a"', DAY, True),
            (BEFORE, '"a"', DAY, False),
            (AFTER, '"a"', DAY, False),
            (ON_THE_DAY, '"a"', None, False),
            ("nonsense", '"a"', DAY, False),
        ]:
            lines = [] if condition is None else [f"If-Range: {condition}"]

            def question(
                request: Request,
                etag: str | None = etag,
                modified_at: float | None = modified_at,
            ) -> bool:
                return is_same_file(request, etag, modified_at)

            self.assertEqual(
                repr(expected), ask(question, *lines), (condition, etag, modified_at)
            )
