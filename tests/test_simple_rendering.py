"""
Tests for :mod:`proxypypi.simple.rendering`.
"""

import gzip

from attrs import evolve
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import Distribution, ProjectPage
from proxypypi.simple import html, json
from proxypypi.simple.negotiation import Form
from proxypypi.simple.rendering import Rendered, render_list, render_page
from tests.simple_pages import NAME, SHA256, pages

PAGE = ProjectPage(
    name=NAME,
    distributions=tuple(
        Distribution(
            filename=f"demo-{n}.0.zip", url=f"demo-{n}.0.zip", hashes={"sha256": SHA256}
        )
        for n in range(50)
    ),
)


def etags(rendered: Rendered) -> list[str]:
    every = (rendered.json, rendered.json_gzip, rendered.html, rendered.html_gzip)
    return [representation.etag for representation in every]


class RenderPageTests(SynchronousTestCase):
    def assertWhole(self, rendered: Rendered, as_json: bytes, as_html: bytes) -> None:
        self.assertEqual(
            (as_json, as_json, as_html, as_html),
            (
                rendered.json.body,
                gzip.decompress(rendered.json_gzip.body),
                rendered.html.body,
                gzip.decompress(rendered.html_gzip.body),
            ),
        )

    @settings(deadline=None)
    @given(pages())
    def test_same_page_in_all(self, page: ProjectPage) -> None:
        """
        Unpacked, the compressed bodies are the plain ones.
        """
        rendered = render_page(page)
        self.assertWhole(rendered, json.render_page(page), html.render_page(page))

    def test_empty(self) -> None:
        """
        Bodies too small to shrink are compressed nonetheless.
        """
        page = ProjectPage(name=NAME)
        rendered = render_page(page)
        self.assertLess(len(rendered.json.body), 200)
        self.assertWhole(rendered, json.render_page(page), html.render_page(page))

    def test_smaller(self) -> None:
        """
        Compression is worth it for pages of some length.
        """
        rendered = render_page(PAGE)
        self.assertLess(len(rendered.json_gzip.body) * 4, len(rendered.json.body))
        self.assertLess(len(rendered.html_gzip.body) * 4, len(rendered.html.body))

    def test_pick(self) -> None:
        """
        A client gets the form it chose, compressed if it takes that.
        """
        rendered = render_page(PAGE)
        cases = [
            (Form.JSON, False, rendered.json),
            (Form.JSON, True, rendered.json_gzip),
            (Form.HTML, False, rendered.html),
            (Form.HTML, True, rendered.html_gzip),
            (Form.V1_HTML, False, rendered.html),
            (Form.V1_HTML, True, rendered.html_gzip),
        ]
        for form, compressed, expected in cases:
            picked = rendered.pick(form, gzip=compressed)
            self.assertIs(expected, picked, (form, compressed))
            self.assertIs(compressed, picked.gzipped, (form, compressed))

    def test_etags(self) -> None:
        """
        Each representation has its own strong validator.
        """
        found = etags(render_page(PAGE))
        self.assertEqual(4, len(set(found)), found)
        for etag in found:
            self.assertRegex(etag, r'\A"[!#-~]+"\Z')

    def test_etags_follow_content(self) -> None:
        """
        Another page has other validators, the same page the same.
        """
        other = evolve(PAGE, distributions=PAGE.distributions[1:])
        before, after = etags(render_page(PAGE)), etags(render_page(other))
        self.assertEqual(set(), set(before) & set(after))
        self.assertEqual(before, etags(render_page(evolve(PAGE))))

    def test_same_in_every_process(self) -> None:
        """
        Compressed bytes carry no time, so that equal validators mean equal bytes.
        """
        rendered = render_page(PAGE)
        self.assertEqual(bytes(4), rendered.json_gzip.body[4:8])
        self.assertEqual(rendered, render_page(evolve(PAGE)))


class RenderListTests(SynchronousTestCase):
    def test_all_forms(self) -> None:
        """
        Every form has all the names, although they can be asked for once only.
        """
        names = ["a", "b"]
        rendered = render_list(iter(names))
        self.assertEqual(json.render_list(names), rendered.json.body)
        self.assertEqual(html.render_list(names), rendered.html.body)
        self.assertEqual(rendered.json.body, gzip.decompress(rendered.json_gzip.body))
        self.assertEqual(rendered.html.body, gzip.decompress(rendered.html_gzip.body))
        self.assertEqual(4, len(set(etags(rendered))))
