"""
Tests for :mod:`proxypypi.rules.versions`; what becomes of upstream's is tested with the
pages, in :mod:`tests.test_rules_merge`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import Distribution, ProjectPage
from proxypypi.names import normalize
from proxypypi.rules.versions import same_version, versions_of

DEMO = normalize("demo")


def files(*names: str) -> tuple[Distribution, ...]:
    return tuple(Distribution(filename=name, url=name) for name in names)


class VersionsTests(SynchronousTestCase):
    def test_left_out(self) -> None:
        """
        A version of which all files are left out is none; one of which there are others
        is, and one of which no file was ever known.
        """
        every = files(
            *("demo-1.0.zip", "demo-1.0-py3-none-any.whl"),
            *("demo-2.0.zip", "demo-2.0.0.tar.gz", "other-3.0.zip"),
        )
        page = ProjectPage(name=DEMO, distributions=every, versions=("0", "1", "2.0"))
        for case, left, expected in [
            ("all", every, ("0", "1", "2.0")),
            ("one of two", every[1:], ("0", "1", "2.0")),
            ("the other spelling", every[:3], ("0", "1", "2.0")),
            ("one is gone", every[2:], ("0", "2.0")),
            ("none is left", (), ("0",)),
        ]:
            self.assertEqual(expected, versions_of(DEMO, page, every, left), case)

    def test_upstream_gives_none(self) -> None:
        """
        So it is where they are made from the files.
        """
        every = files("demo-1.0.zip", "demo-2.0.zip")
        for page in (None, ProjectPage(name=DEMO, distributions=every)):
            self.assertEqual(("2.0",), versions_of(DEMO, page, every, every[1:]))


class SameVersionTests(SynchronousTestCase):
    def test_spellings(self) -> None:
        """
        However they are spelt; what is no version is the same as itself.
        """
        for one, other, expected in [
            ("1.0", "1.0.0", True),
            ("1.0-RC1", "1.0rc1", True),
            ("1.0", "1.1", False),
            ("odd", "odd", True),
            ("odd", "Odd", False),
            ("9" * 5000, "9" * 5000, True),
        ]:
            self.assertEqual(expected, same_version(one, other), (one, other))
