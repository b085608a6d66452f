"""
Tests for :mod:`proxypypi.web.fields`.
"""

from hypothesis import given
from hypothesis import strategies as st

from tests.test_web_requirements import FORM, RequirementsTestCase, form_of


class ReadFieldTests(RequirementsTestCase):
    def test_forms(self) -> None:
        """
        What is no form with that field gets 400, and a reason.
        """
        whole = form_of(("requirements", b"demo"))
        for kind, body, word in (
            (FORM, form_of(("other", b"demo")), "no field 'requirements'"),
            (FORM, form_of(), "no field 'requirements'"),
            (FORM, b"", "no multipart form"),
            (FORM, whole[:-20], "no multipart form"),
            (FORM, whole.replace(b"xyz", b"abc"), "no multipart form"),
            (FORM, form_of(*[("a", b"b")] * 65), "no multipart form"),
            (FORM, form_of(("requirements", b"\xff")), "UTF-8"),
            (b"multipart/form-data", whole, "send a multipart form"),
            (b"multipart/form-data; boundary=", whole, "send a multipart form"),
            (b"text/plain", b"demo", "send a multipart form"),
            (b"application/x-www-form-urlencoded", b"requirements=demo", "multipart"),
        ):
            wire = self.post(body, kind=kind)
            self.assertEqual(400, wire.code, (kind, body))
            self.assertIn(word, wire.body.decode(), (kind, body))
        self.assertEqual([], self.index.requests)

    @given(st.binary(max_size=200))
    def test_anything(self, body: bytes) -> None:
        """
        Whatever is sent, it is no defect of ours.
        """
        wire = self.post(b'--xyz\r\nContent-Disposition: form-data; name="' + body)
        self.assertEqual(400, wire.code)
        self.assertEqual([], self.flushLoggedErrors())
