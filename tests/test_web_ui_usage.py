"""
Tests for :mod:`proxypypi.web.ui.usage`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.web.ui.usage import installing, publishing
from tests.pages import Page


class UsageTests(SynchronousTestCase):
    def test_trusted(self) -> None:
        """
        pip is told to trust a host only where it would not do so by itself.
        """
        for base, trusted in (
            ("http://proxy.example:8000/", "proxy.example"),
            ("http://[2001:db8::1]:8000/a/", "[2001:db8::1]"),
            ("https://proxy.example/", None),
            ("http://localhost:8000/", None),
            ("http://127.9.9.9/", None),
            ("http://[::1]:8000/", None),
        ):
            text = Page(installing(base).encode()).text
            self.assertIn(f"index-url = {base}simple/", text)
            self.assertEqual(
                trusted is not None, f"--trusted-host {trusted} " in text, base
            )

    def test_as_text(self) -> None:
        """
        Whatever the address is made of, it is text.
        """
        base = 'http://"><b>&/'
        for made in (installing(base), publishing(base)):
            page = Page(made.encode())
            self.assertNotIn("b", page.tags)
            self.assertIn(base, page.text)
