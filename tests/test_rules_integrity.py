"""
Tests for :mod:`proxypypi.rules.integrity`.
"""

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.rules.integrity import Digests, agree, contradict, is_strong, strongest

ALL = (
    *("sha512", "blake2b", "sha384", "sha256", "sha3_512", "sha3_384", "sha3_256"),
    *("blake2s", "sha224", "sha3_224", "sha1", "md5"),
)
some_digests = st.dictionaries(
    st.sampled_from([*ALL, "crc32"]), st.sampled_from(["5f", "af"])
)


class StrongestTests(SynchronousTestCase):
    def test_order(self) -> None:
        """
        A file is checked by the strongest digest its index gives, whatever their order.
        """
        for i, algorithm in enumerate(ALL):
            weaker_first = dict.fromkeys(reversed(ALL[i:]), "5f")
            self.assertEqual(algorithm, strongest(weaker_first), algorithm)

    def test_unknown(self) -> None:
        """
        Digests that cannot be computed here are none.
        """
        for hashes in ({}, {"crc32": "5f"}, {"SHA256": "5f"}, {"shake_128": "5f"}):
            self.assertIsNone(strongest(hashes), hashes)
        self.assertEqual("md5", strongest({"sha1024": "5f", "md5": "5f"}))

    def test_all_can_be_computed(self) -> None:
        """
        Each algorithm there is a rank for is one that Python has everywhere.
        """
        self.assertLessEqual(set(ALL), hashlib.algorithms_guaranteed)


class IsStrongTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        MD5 and SHA-1 alone do not withstand an attacker.
        """
        cases = [
            *((a, a not in ("sha1", "md5")) for a in ALL),
            *(("crc32", False), ("", False)),
            *(("md5 sha1", False), ("md5 sha256", True), ("crc32 sha224", True)),
        ]
        for algorithms, expected in cases:
            hashes = dict.fromkeys(algorithms.split(), "5f")
            self.assertIs(expected, is_strong(hashes), algorithms)


class AgreeTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        They agree if the strongest digest that both have is the same.
        """
        cases: list[tuple[dict[str, str], dict[str, str], bool]] = [
            ({"sha256": "5f"}, {"sha256": "5f"}, True),
            ({"sha256": "5f"}, {"sha256": "af"}, False),
            ({"sha256": "5f", "md5": "0"}, {"sha256": "5f", "md5": "1"}, True),
            ({"sha256": "5f", "md5": "0"}, {"sha256": "af", "md5": "0"}, False),
            ({"sha256": "5f", "md5": "0"}, {"sha512": "5f", "md5": "0"}, True),
            ({"sha256": "5f"}, {"md5": "5f"}, False),
            ({"sha256": "5f"}, {}, False),
            ({}, {"sha256": "5f"}, False),
            ({}, {}, False),
            ({"crc32": "5f"}, {"crc32": "5f"}, False),
        ]
        for ours, theirs, expected in cases:
            self.assertIs(expected, agree(ours, theirs), (ours, theirs))

    def test_contradict(self) -> None:
        """
        Sets contradict each other by the strongest digest that both have.
        """
        for ours, theirs, expected in [
            ({"sha256": "5f"}, {"sha256": "af"}, True),
            ({"sha256": "5f"}, {"sha256": "5f"}, False),
            ({"sha256": "5f", "md5": "5f"}, {"sha256": "5f", "md5": "af"}, False),
            ({"sha256": "5f"}, {"md5": "af"}, False),
            ({"sha256": "5f"}, {}, False),
            ({"crc32": "5f"}, {"crc32": "af"}, False),
        ]:
            self.assertIs(expected, contradict(ours, theirs), (ours, theirs))

    @given(some_digests, some_digests)
    def test_symmetric(self, ours: dict[str, str], theirs: dict[str, str]) -> None:
        """
        It does not matter who is asked first.
        """
        self.assertIs(agree(ours, theirs), agree(theirs, ours))


class DigestsTests(SynchronousTestCase):
    def test_each_algorithm(self) -> None:
        """
        SHA-256 is always computed, and what the index checks the file by.
        """
        for algorithm in ALL:
            digests = Digests.checking({algorithm: "5f"})
            digests.update(b"first, ")
            digests.update(b"second")
            expected = {
                a: hashlib.new(a, b"first, second").hexdigest()
                for a in ("sha256", algorithm)
            }
            self.assertEqual(expected, digests.hex(), algorithm)

    def test_no_more_than_needed(self) -> None:
        """
        Of several digests only the strongest is worth the time.
        """
        cases: list[tuple[dict[str, str], set[str]]] = [
            ({}, {"sha256"}),
            ({"crc32": "0"}, {"sha256"}),
            ({"md5": "0", "sha256": "0"}, {"sha256"}),
            ({"md5": "0", "sha1": "0", "sha512": "0"}, {"sha256", "sha512"}),
        ]
        for hashes, algorithms in cases:
            computed = set(Digests.checking(hashes).hex())
            self.assertEqual(algorithms, computed, hashes)

    def test_like(self) -> None:
        """
        All digests that others have can be had, and SHA-256 in any case.
        """
        for hashes, expected in (
            ({}, {"sha256"}),
            ({"md5": "5f", "sha512": "5f", "crc32": "5f"}, {"sha256", "md5", "sha512"}),
        ):
            self.assertEqual(expected, set(Digests.like(hashes).hex()))

    def test_meanwhile(self) -> None:
        """
        To look at the digests in the middle does not end them.
        """
        digests = Digests.checking({})
        self.assertEqual(hashlib.sha256().hexdigest(), digests.hex()["sha256"])
        digests.update(b"more")
        self.assertEqual(hashlib.sha256(b"more").hexdigest(), digests.hex()["sha256"])

    def test_copy(self) -> None:
        """
        A copy goes on from the same bytes, without the other.
        """
        digests = Digests.checking({"md5": ""})
        digests.update(b"one")
        copy = digests.copy()
        before = digests.hex()
        copy.update(b"two")
        self.assertEqual(before, digests.hex())
        digests.update(b"two")
        self.assertEqual(digests.hex(), copy.hex())
