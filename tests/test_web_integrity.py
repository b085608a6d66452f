"""
Tests for :mod:`proxypypi.web.integrity` and :mod:`proxypypi.cache.attestations`.
"""

import json
import shutil

from tests.attested import attestation_of
from tests.distributions import BuiltDistribution, make_wheel
from tests.proxy_case import INDEX_URL, Wire
from tests.upload_case import UploadTestCase
from tests.uploads import form_of

WHEEL = make_wheel("Demo.Pkg", "1.0")
PUBLIC = "https://packages.example/py/"
PATH = f"integrity/demo-pkg/1.0/{WHEEL.filename}/provenance"


class ProvenanceTests(UploadTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start_proxy(INDEX_URL, public_url=PUBLIC)
        self.sent = [attestation_of(WHEEL)]

    def publish(self, built: BuiltDistribution = WHEEL, attested: bool = True) -> Wire:
        field = {"attestations": json.dumps(self.sent)} if attested else {}
        return self.upload(form_of(built, field))

    def provenance(self) -> object:
        return self.files("demo-pkg")[WHEEL.filename].get("provenance")

    def assert_offered(self) -> None:
        self.assertEqual(PUBLIC + PATH, self.provenance())
        answer = self.get(f"/{PATH}")
        self.assertEqual(200, answer.code)
        self.assertEqual(
            "application/vnd.pypi.integrity.v1+json", answer.header("Content-Type")
        )
        (bundle,) = answer.json["attestation_bundles"]
        self.assertEqual(self.sent, bundle["attestations"])

    def test_offered(self) -> None:
        """
        What is attested of a file that is uploaded is offered with it.
        """
        self.assertEqual(200, self.publish().code)
        self.assert_offered()
        page = self.get("/simple/demo-pkg/", Accept="text/html").body
        self.assertIn(f'data-provenance="{PUBLIC}{PATH}"'.encode(), page)

    def test_later(self) -> None:
        """
        Also if it comes with the same file again, or the cache is lost.
        """
        self.publish(attested=False)
        self.assertIsNone(self.provenance())
        self.assertEqual(200, self.publish().code)
        self.assert_offered()
        shutil.rmtree(self.directory / ".proxypypi" / "cache")
        self.start_proxy(INDEX_URL, public_url=PUBLIC)
        self.settle()
        self.assert_offered()

    def test_none(self) -> None:
        """
        404 where nothing is attested, and for what is not here.
        """
        self.publish(attested=False)
        for path in (
            PATH,
            PATH.replace("1.0/", "2.0/"),
            PATH.replace("demo-pkg/", "other/"),
            "integrity/demo-pkg/1.0/../provenance",
            "integrity/demo-pkg/",
        ):
            self.assertIn(self.get(f"/{path}").code, (400, 404), path)
        self.publish()
        self.assertEqual(404, self.get(f"/{PATH.replace('1.0/', '2.0/', 1)}").code)

    def test_without_https(self) -> None:
        """
        Where people do not come by https, no page offers it.
        """
        for url in ("", "http://packages.example/"):
            self.start_proxy(INDEX_URL, public_url=url)
            self.publish()
            self.assertIsNone(self.provenance())

    def test_another_file(self) -> None:
        """
        An attestation of another file is refused, and so is the upload.
        """
        self.sent = [attestation_of(make_wheel("other"))]
        self.assertEqual(400, self.publish().code)
        self.assertEqual([], self.kept())
