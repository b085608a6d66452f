"""
Tests for :mod:`proxypypi.web.address`.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.test.requesthelper import DummyRequest

from proxypypi.errors import BadRequest
from proxypypi.web.address import address_of


class AddressTests(SynchronousTestCase):
    def test_address(self) -> None:
        """
        It is that of the request, unless a web server in front knows better; what is no
        scheme is no news.
        """
        proto, prefix = "X-Forwarded-Proto", "X-Forwarded-Prefix"
        for headers, expected in (
            ({"Host": "a:8000"}, "http://a:8000/"),
            ({"Host": "[::1]:80"}, "http://[::1]:80/"),
            ({"Host": "a", proto: "https"}, "https://a/"),
            ({"Host": "a", proto: "javascript"}, "http://a/"),
            ({"Host": "a", prefix: "/py/"}, "http://a/py/"),
            ({"Host": "a", prefix: "x/y", proto: "https"}, "https://a/x/y/"),
            ({"Host": "a", prefix: "/"}, "http://a/"),
            ({}, "http://dummy/"),
        ):
            request: Any = DummyRequest([b""])
            request.isSecure = lambda: False
            for name, value in headers.items():
                request.requestHeaders.setRawHeaders(name, [value])
            self.assertEqual(expected, address_of(request), headers)

    def test_long(self) -> None:
        """
        Each file's address begins with it, so that it is no way to have us make
        documents of any size.
        """
        for name in ("Host", "X-Forwarded-Prefix"):
            request: Any = DummyRequest([b""])
            request.isSecure = lambda: False
            request.requestHeaders.setRawHeaders(name, ["a." * 1000])
            self.assertRaises(BadRequest, address_of, request)
