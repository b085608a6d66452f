"""
Tests for :mod:`proxypypi.cache.facts`, over HTTP: what is remembered gets lost.
"""

from tests.distributions import make_wheel
from tests.proxy_case import ProxyTestCase


class DamagedFactsTests(ProxyTestCase):
    def test_damaged(self) -> None:
        """
        What is remembered may be lost or damaged at any time; files are read again.
        """
        built = make_wheel("ours")
        self.drop(built)
        self.files("ours")
        facts = self.directory / ".proxypypi" / "cache" / "facts" / "ours.json"
        metadata = self.directory / ".proxypypi" / "cache" / "metadata" / "ours"
        self.assertTrue(facts.exists())
        for damage in (b"", b"{}", b"nonsense"):
            facts.write_bytes(damage)
            for path in metadata.iterdir():
                path.write_bytes(damage)
            self.start_proxy()
            file = self.files("ours")[built.filename]
            self.assertEqual({"sha256": built.sha256}, file["hashes"])
            answer = self.get(f"/files/ours/{built.filename}.metadata")
            self.assertEqual(built.metadata, answer.body)

    def test_damaged_metadata(self) -> None:
        """
        Kept core metadata that is not the file's is made from the file again.
        """
        built = make_wheel("ours")
        self.drop(built)
        self.files("ours")
        (path,) = (
            self.directory / ".proxypypi" / "cache" / "metadata" / "ours"
        ).iterdir()
        for damage in (b"nonsense", None):
            if damage is None:
                path.unlink()
            else:
                path.write_bytes(damage)
            answer = self.get(f"/files/ours/{built.filename}.metadata")
            self.assertEqual((200, built.metadata), (answer.code, answer.body))
            self.assertEqual(built.metadata, path.read_bytes())
