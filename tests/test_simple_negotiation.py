"""
Tests for :mod:`proxypypi.simple.negotiation`.
"""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from werkzeug.datastructures import Accept, MIMEAccept
from werkzeug.http import parse_accept_header

from proxypypi.errors import NotAcceptable
from proxypypi.simple.negotiation import (
    ErrorForm,
    Form,
    accepts_gzip,
    choose,
    choose_error_form,
    is_for_people,
)

JSON = "application/vnd.pypi.simple.v1+json"
V1_HTML = "application/vnd.pypi.simple.v1+html"
LATEST_JSON = "application/vnd.pypi.simple.latest+json"
LATEST_HTML = "application/vnd.pypi.simple.latest+html"
OFFERED = (JSON, V1_HTML, "text/html")

PIP = f"{JSON}, {V1_HTML}; q=0.1, text/html; q=0.01"
UV = f"{JSON}, {V1_HTML};q=0.2, text/html;q=0.01"
POETRY = f"{JSON}, */*;q=0.1"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

headers = st.text() | st.lists(
    st.sampled_from(
        [
            "text",
            "html",
            "*",
            "/",
            "/",
            ";",
            ";",
            "q",
            "=",
            "0",
            "1",
            ".",
            "5",
            ",",
            " ",
        ]
    ),
    max_size=40,
).map("".join)


def listed(ranges: dict[str, int]) -> str:
    return ", ".join(f"{name};q={q / 1000:.3f}" for name, q in ranges.items())


def qualities(*names: str) -> st.SearchStrategy[dict[str, int]]:
    return st.dictionaries(st.sampled_from(names), st.integers(0, 1000), min_size=1)


class FormTests(SynchronousTestCase):
    def test_content_types(self) -> None:
        """
        Installers compare types exactly; browsers need the charset.
        """
        expected = [JSON, V1_HTML, "text/html; charset=utf-8"]
        self.assertEqual(expected, [form.content_type for form in Form])


class ChooseTests(SynchronousTestCase):
    def test_clients(self) -> None:
        """
        Each client gets the form it likes best, and in doubt the one people can read.
        """
        cases: list[tuple[str | None, Form]] = [
            (PIP, Form.JSON),
            (UV, Form.JSON),
            (POETRY, Form.JSON),
            (BROWSER, Form.HTML),
            (None, Form.HTML),
            ("", Form.HTML),
            ("*/*", Form.HTML),
            ("text/html", Form.HTML),
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", Form.HTML),
        ]
        for accept, form in cases:
            self.assertIs(form, choose(accept, None), accept)

    def test_table(self) -> None:
        """
        Quality first, then how narrowly it was asked for, then our preference.
        """
        cases = [
            (JSON, Form.JSON),
            (V1_HTML, Form.V1_HTML),
            (LATEST_JSON, Form.JSON),
            (LATEST_HTML, Form.V1_HTML),
            (f"{LATEST_JSON};q=0.5, {V1_HTML};q=0.4", Form.JSON),
            (JSON.upper(), Form.JSON),
            (f"text/html, {V1_HTML}, {JSON}", Form.JSON),
            (f"text/html, {V1_HTML}", Form.V1_HTML),
            (f"text/html, {JSON};q=0.9", Form.HTML),
            (f"{JSON}, */*", Form.JSON),
            (f"{V1_HTML}, */*", Form.V1_HTML),
            (f"{JSON};q=0.5, */*", Form.HTML),
            (f"{JSON};q=0.5, text/*", Form.HTML),
            ("text/*", Form.HTML),
            ("application/*", Form.JSON),
            ("application/*, text/*", Form.HTML),
            ("application/*;q=0.5, text/*;q=0.4", Form.JSON),
            ("*/*;q=0.1", Form.HTML),
            ("*/*, text/html;q=0", Form.JSON),
            (f"*/*, text/html;q=0, {JSON};q=0", Form.V1_HTML),
            (f"application/*, {JSON};q=0", Form.V1_HTML),
            ("text/html;level=1", Form.HTML),
            (f"text/html ; charset=utf-8 ; Q = 0.3, {JSON};q=0.4", Form.JSON),
            (f"text/html;q=0.9, text/html;q=0.2, {JSON};q=0.5", Form.HTML),
        ]
        for accept, form in cases:
            self.assertIs(form, choose(accept, None), accept)

    def test_malformed_is_ignored(self) -> None:
        """
        What cannot be understood counts as not there.
        """
        cases = [
            (f"text/html;q=2, {JSON};q=0.1", Form.JSON),
            (f"text/html;q=nan, {JSON};q=0.1", Form.JSON),
            (f"text/html;q=, {JSON};q=0.1", Form.JSON),
            (f"text/html;q=-1, {JSON};q=0.1", Form.JSON),
            (f"text/html;q=1e0, {JSON};q=0.1", Form.JSON),
            (f"text//html, te xt/html, /, {JSON};q=0.1", Form.JSON),
            (f",, ;, ;q=1, {JSON}", Form.JSON),
            ("???, ;;;", Form.HTML),
        ]
        for accept, form in cases:
            self.assertIs(form, choose(accept, None), accept)

    def test_nothing_fits(self) -> None:
        """
        A client that takes none of the three is told which there are.
        """
        for accept in (
            "image/png",
            "application/json",
            "text/plain, text/html;q=0",
            "*/*;q=0",
            "text/html;q=0.000",
            "html",
            "application/vnd.pypi.simple.v2+json",
        ):
            with self.assertRaises(NotAcceptable, msg=accept) as caught:
                choose(accept, None)
            self.assertEqual(OFFERED, caught.exception.offered)

    def test_wanted(self) -> None:
        """
        The query wins over the header, which may be anything then.
        """
        cases = [
            (JSON, Form.JSON),
            (JSON.replace("+", " "), Form.JSON),
            (LATEST_JSON, Form.JSON),
            (V1_HTML, Form.V1_HTML),
            (LATEST_HTML, Form.V1_HTML),
            ("text/html", Form.HTML),
            (" Text/HTML; charset=utf-8", Form.HTML),
        ]
        for accept in (None, PIP, BROWSER, "image/png"):
            for wanted, form in cases:
                self.assertIs(form, choose(accept, wanted), (accept, wanted))
        self.assertIs(Form.JSON, choose(PIP, ""))

    def test_unknown_wanted(self) -> None:
        """
        A form that was asked for by name is not replaced by another.
        """
        for wanted in ("json", "text/*", "*/*", "application/json", "x"):
            with self.assertRaises(NotAcceptable, msg=wanted) as caught:
                choose("*/*", wanted)
            self.assertEqual(OFFERED, caught.exception.offered)

    def test_bounded(self) -> None:
        """
        Of an over-long header only the start is looked at.
        """
        self.assertIs(Form.JSON, choose("x/y," * 63 + JSON, None))
        self.assertRaises(NotAcceptable, choose, "x/y," * 64 + JSON, None)
        self.assertRaises(NotAcceptable, choose, "x/y," * 100_000, None)

    @given(headers)
    def test_never_fails(self, accept: str) -> None:
        """
        Any header leads to a form or to the one error.
        """
        try:
            self.assertIn(choose(accept, None), Form)
        except NotAcceptable as e:
            self.assertEqual(OFFERED, e.offered)
        self.assertIn(choose_error_form(accept), ErrorForm)
        self.assertIn(accepts_gzip(accept), (True, False))

    @given(qualities(*OFFERED, "text/*", "application/*", "*/*", "image/png"))
    def test_judge(self, ranges: dict[str, int]) -> None:
        """
        An independent reader of the header finds no form that is liked better.
        """
        judge = parse_accept_header(listed(ranges), MIMEAccept)
        liked = {
            form: judge.quality(name) for form, name in zip(Form, OFFERED, strict=True)
        }
        if not any(liked.values()):
            self.assertRaises(NotAcceptable, choose, listed(ranges), None)
        else:
            chosen = choose(listed(ranges), None)
            self.assertEqual(max(liked.values()), liked[chosen])


class ErrorFormTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        Programs get problem details, browsers a page, the rest a line of text.
        """
        cases: list[tuple[str | None, ErrorForm]] = [
            (PIP, ErrorForm.PROBLEM),
            (UV, ErrorForm.PROBLEM),
            (POETRY, ErrorForm.PROBLEM),
            ("*/*", ErrorForm.PROBLEM),
            ("image/png, */*;q=0.1", ErrorForm.PROBLEM),
            ("application/json", ErrorForm.PROBLEM),
            ("application/problem+json", ErrorForm.PROBLEM),
            ("application/*", ErrorForm.PROBLEM),
            (LATEST_JSON, ErrorForm.PROBLEM),
            ("application/vnd.pypi.simple.v2+json", ErrorForm.PROBLEM),
            (
                "application/json;q=0.9,text/plain;q=0.8,text/html;q=0.7",
                ErrorForm.PROBLEM,
            ),
            ("text/html, application/json", ErrorForm.PROBLEM),
            ("text/html;q=0, */*", ErrorForm.PROBLEM),
            (BROWSER, ErrorForm.HTML),
            ("text/html, application/json;q=0.9", ErrorForm.HTML),
            ("text/html;q=0.1, */*", ErrorForm.HTML),
            ("text/*", ErrorForm.HTML),
            (V1_HTML, ErrorForm.HTML),
            (LATEST_HTML, ErrorForm.HTML),
            ("text/html, application/json;q=0", ErrorForm.HTML),
            (None, ErrorForm.TEXT),
            ("", ErrorForm.TEXT),
            ("???", ErrorForm.TEXT),
            ("text/plain", ErrorForm.TEXT),
            ("image/png", ErrorForm.TEXT),
            ("*/*;q=0", ErrorForm.TEXT),
            ("application/json;q=0, */*", ErrorForm.TEXT),
            ("text/html;q=0", ErrorForm.TEXT),
        ]
        for accept, form in cases:
            self.assertIs(form, choose_error_form(accept), accept)

    def test_content_types(self) -> None:
        """
        Problem details go out under the type that RFC 9457 gives them.
        """
        self.assertEqual(
            [
                "application/problem+json",
                "text/html; charset=utf-8",
                "text/plain; charset=utf-8",
            ],
            [form.content_type for form in ErrorForm],
        )


class PeopleTests(SynchronousTestCase):
    def test_people(self) -> None:
        """
        Browsers are told from installers and scripts.
        """
        for browser in (BROWSER, "text/html", "text/html;q=0.1, */*"):
            self.assertTrue(is_for_people(browser), browser)
        programs: list[str | None] = [PIP, UV, POETRY, "*/*", "text/plain", "", None]
        for program in programs:
            self.assertFalse(is_for_people(program), program)


class AcceptsGzipTests(SynchronousTestCase):
    def test_table(self) -> None:
        """
        Gzip is for those who ask for it, and do not like plain bytes better.
        """
        cases: list[tuple[str | None, bool]] = [
            ("gzip", True),
            ("GZip, deflate, br", True),
            ("gzip, deflate, zstd", True),
            ("x-gzip", True),
            ("gzip;q=0.1", True),
            ("*", True),
            ("*;q=0.5, identity;q=0.2", True),
            ("gzip, *;q=0", True),
            ("gzip, identity", True),
            (None, False),
            ("", False),
            ("identity", False),
            ("br", False),
            ("gzip;q=0", False),
            ("gzip;q=0, *", False),
            ("*;q=0", False),
            ("gzip;q=0.5, identity", False),
            ("identity, *;q=0.5", False),
            ("gzip;q=nan", False),
            ("gzipped", False),
        ]
        for header, expected in cases:
            self.assertIs(expected, accepts_gzip(header), header)

    @given(qualities("gzip", "br", "*"))
    def test_judge(self, codings: dict[str, int]) -> None:
        """
        An independent reader of the header says the same.
        """
        judge = parse_accept_header(listed(codings), Accept)
        self.assertEqual(judge.quality("gzip") > 0, accepts_gzip(listed(codings)))
