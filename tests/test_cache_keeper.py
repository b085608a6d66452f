"""
Tests for :mod:`proxypypi.cache.keeper`.
"""

from proxypypi.cache.prefetch import Fetched
from proxypypi.names import normalize
from proxypypi.rules.wanted import WantedFiles
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.fake_index import Fault
from tests.test_cache_prefetch import PrefetchTestCase


class KeepTests(PrefetchTestCase):
    def want(self, built: BuiltDistribution, **hashes: str) -> WantedFiles:
        return WantedFiles(
            said=built.project,
            project=normalize(built.project),
            files={built.filename: hashes},
        )

    def test_exactly(self) -> None:
        """
        Just the files that are named come, if they have the digests.
        """
        wheel, sdist = make_wheel("demo"), make_sdist("demo")
        self.add(wheel, sdist)
        wanted = self.want(wheel, sha256=wheel.sha256)
        (fetched,) = self.successResultOf(self.begin(wanted))
        self.assertEqual(Fetched(said="demo", files=(wheel.filename,)), fetched)
        self.assertEqual([f"demo/{wheel.filename}"], self.kept())

    def test_other_digest(self) -> None:
        """
        A file of another digest is not fetched if that is known before, and reported
        in any case.
        """
        wheel = make_wheel("demo")
        path, *_ = self.add(wheel)
        for hashes, kept, times in (
            ({"sha256": "a" * 64}, [], 0),
            ({"sha512": "a" * 128}, [f"demo/{wheel.filename}"], 1),
            ({"sha256": "a" * 64}, [f"demo/{wheel.filename}"], 1),
        ):
            (fetched,) = self.successResultOf(self.begin(self.want(wheel, **hashes)))
            self.assertIn("another digest", fetched.problem)
            self.assertEqual((kept, times), (self.kept(), self.asked(path)), hashes)

    def test_missing(self) -> None:
        """
        A file that the project has not is reported by its name, as is one that cannot
        be fetched.
        """
        one, two = make_wheel("demo", "1.0"), make_wheel("demo", "2.0")
        path, *_ = self.add(one)
        self.index.fail(path, Fault(wrong_bytes=True), times=None)
        for built, word in ((two, "no file"), (one, "sha256")):
            (fetched,) = self.successResultOf(self.begin(self.want(built)))
            self.assertIn(built.filename, fetched.problem)
            self.assertIn(word, fetched.problem)
        self.assertEqual([], self.kept())

    def test_metadata_of_sdists(self) -> None:
        """
        What an index offers beside an sdist comes, too; if it does not, that is no
        failure.
        """
        one, two = make_sdist("one"), make_sdist("two")
        for sdist in (one, two):
            self.index.add(sdist, core_metadata=True)
        self.index.fail(
            f"/files/two/{two.filename}.metadata", Fault(status=403), times=None
        )
        self.assertEqual(["", ""], [f.problem for f in self.fetch("one", "two")])
        self.assertEqual(1, self.asked(f"/files/one/{one.filename}.metadata"))
