"""
Tests for :mod:`proxypypi.rules.attestations`.
"""

import json

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadRequest
from proxypypi.rules.attestations import provenance_of, read_attestations
from tests.attested import attestation_of
from tests.distributions import make_wheel

WHEEL, OTHER = make_wheel("demo"), make_wheel("other")
GOOD = attestation_of(WHEEL)


class ReadTests(SynchronousTestCase):
    def test_as_sent(self) -> None:
        """
        Each is given out as it was sent, whatever else is in it.
        """
        sent = [GOOD, attestation_of(WHEEL, more={"a": [1, None]})]
        read = read_attestations(json.dumps(sent), WHEEL.sha256)
        self.assertEqual(sent, [json.loads(bytes(each)) for each in read])
        provenance = json.loads(provenance_of(read))
        self.assertEqual(1, provenance["version"])
        (bundle,) = provenance["attestation_bundles"]
        self.assertEqual(sent, bundle["attestations"])
        self.assertIn("kind", bundle["publisher"])

    def test_none(self) -> None:
        for text in ("", " ", "[]"):
            self.assertEqual((), read_attestations(text, WHEEL.sha256))

    def test_bad(self) -> None:
        """
        What is of another form, or of another file, is refused.
        """
        for sent in (
            *("x", "{}", "null", "[1]", "[[]]", "[null]", '["x"]', "[" * 100_000),
            json.dumps([attestation_of(OTHER)]),
            json.dumps([GOOD, attestation_of(OTHER)]),
            json.dumps([attestation_of(WHEEL, version=2)]),
            json.dumps([attestation_of(WHEEL, envelope=None)]),
            json.dumps([attestation_of(WHEEL, verification_material="x")]),
            json.dumps([{**GOOD, "envelope": {"statement": "!", "signature": "A"}}]),
            json.dumps([{**GOOD, "envelope": {"statement": "e30=", "signature": "A"}}]),
            json.dumps([GOOD] * 21),
        ):
            error = self.assertRaises(BadRequest, read_attestations, sent, WHEEL.sha256)
            self.assertIn("attestation", str(error), sent[:100])
