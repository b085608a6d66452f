"""
Tests for :mod:`proxypypi.pem`.
"""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadSettings
from proxypypi.pem import certificates_in, load_certificate
from tests.certificates import Authority


class CertificatesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.pem = Authority("one").pem.decode()

    def test_good(self) -> None:
        """
        All certificates of a file are found, in order, whatever else is there.
        """
        other = Authority("two").pem.decode()
        self.path.write_text(f"Issued today:\n{self.pem}\nand\n{other}")
        found = [load_certificate(block) for block in certificates_in(self.path)]
        names = [certificate.getSubject().commonName for certificate in found]
        self.assertEqual([b"one", b"two"], names)

    def test_cut_short(self) -> None:
        """
        A file that ends within a certificate is refused, by its name.
        """
        for length in range(30, len(self.pem) - 27, 100):
            self.path.write_text(self.pem + self.pem[:length])
            error = self.assertRaises(BadSettings, certificates_in, self.path)
            self.assertIn("certificate 2 of 2 is damaged", str(error))
            self.assertIn(str(self.path), str(error))
