"""
Tests for :mod:`proxypypi.web.json_api`.
"""

import gzip

from tests.distributions import make_wheel
from tests.proxy_case import ProxyTestCase


class JsonRoutesTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.index.add(make_wheel("demo-pkg"))

    def test_spellings(self) -> None:
        """
        With and without a final slash; other spellings of the name are redirected by
        relative addresses, with their query.
        """
        for path in ("json", "json/", "1.0/json", "1.0/json/"):
            self.assertEqual(200, self.get(f"/pypi/demo-pkg/{path}").code, path)
            moved = self.get(f"/pypi/Demo_Pkg/{path}?x=1")
            up = "../" * (path.count("/") + 1)
            self.assertEqual(301, moved.code)
            self.assertEqual(f"{up}demo-pkg/{path}?x=1", moved.header("Location"))
        for path in ("/pypi/", "/pypi/demo-pkg/", "/pypi/demo-pkg/1.0/x/json"):
            self.assertEqual(404, self.get(path).code, path)
        self.assertEqual(404, self.get("/pypi/-x-/json").code)
        self.assertEqual(405, self.get("/pypi/demo-pkg/json", "PUT").code)

    def test_headers(self) -> None:
        """
        JSON with a strong ETag, whatever is accepted, and what it varies with.
        """
        for accept in ("application/json", "*/*", "text/html"):
            answer = self.get("/pypi/demo-pkg/json", Accept=accept)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(answer.body)),
                "Cache-Control": "public, max-age=60",
                "Vary": "Accept-Encoding, Host, X-Forwarded-Proto, X-Forwarded-Prefix",
                "X-Content-Type-Options": "nosniff",
            }.items():
                self.assertEqual(value, answer.header(name), name)
            etag = answer.header("ETag") or ""
            self.assertTrue(etag.startswith('"'))
        again = self.get("/pypi/demo-pkg/json", If_None_Match=etag)
        self.assertEqual((304, b""), (again.code, again.body))
        head = self.get("/pypi/demo-pkg/json", "HEAD")
        self.assertEqual((200, b""), (head.code, head.body))
        self.assertEqual(str(len(answer.body)), head.header("Content-Length"))

    def test_gzip(self) -> None:
        """
        Compressed for those who take it, with an ETag of its own.
        """
        plain = self.get("/pypi/demo-pkg/json")
        packed = self.get("/pypi/demo-pkg/json", Accept_Encoding="gzip")
        self.assertEqual("gzip", packed.header("Content-Encoding"))
        self.assertEqual(plain.body, gzip.decompress(packed.body))
        self.assertNotEqual(plain.header("ETag"), packed.header("ETag"))

    def test_address(self) -> None:
        """
        Addresses are those by which the client came, be it through a web server.
        """
        forwarded = {"X_Forwarded_Proto": "https", "X_Forwarded_Prefix": "/py"}
        for headers, base in (
            ({}, "http://proxy.example/"),
            (forwarded, "https://proxy.example/py/"),
        ):
            answer = self.get("/pypi/demo-pkg/json", **headers)
            [file] = answer.json["urls"]
            expected = f"{base}files/demo-pkg/demo_pkg-1.0-py3-none-any.whl"
            self.assertEqual(expected, file["url"])

    def test_long(self) -> None:
        """
        A long one comes whole.
        """
        for i in range(300):
            self.index.add(make_wheel("demo-pkg", f"2.{i}"))
        answer = self.get("/pypi/demo-pkg/json")
        self.assertEqual(301, len(answer.json["releases"]))
        self.assertGreater(len(answer.body), 100_000)
