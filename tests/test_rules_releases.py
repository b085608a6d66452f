"""
Tests for :mod:`proxypypi.rules.releases`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import Distribution, ProjectPage
from proxypypi.names import normalize
from proxypypi.rules.releases import Releases, releases_of


def releases(
    *filenames: str, versions: tuple[str, ...] = (), yanked: tuple[str, ...] = ()
) -> Releases:
    page = ProjectPage(
        name=normalize("demo"),
        versions=versions,
        distributions=tuple(
            Distribution(filename=f, url=f, yanked="" if f in yanked else False)
            for f in filenames
        ),
    )
    return releases_of(page)


class ReleasesTests(SynchronousTestCase):
    def test_files(self) -> None:
        """
        Files of equal versions are together, under the index's own spelling.
        """
        found = releases(
            *("demo-1.0.zip", "demo-1.0.0.tar.gz", "demo-2-py3-none-any.whl"),
            *("other-1.zip", "demo.zip"),
            versions=("2.0",),
        )
        named = {v: [d.filename for d in files] for v, files in found.files.items()}
        expected = {
            "1.0": ["demo-1.0.zip", "demo-1.0.0.tar.gz"],
            "2.0": ["demo-2-py3-none-any.whl"],
        }
        self.assertEqual(expected, named)

    def test_find(self) -> None:
        """
        A version is found in any spelling.
        """
        found = releases("demo-1.0.zip", "demo-never.zip")
        for version, expected in (
            ("1.0", "1.0"),
            ("v1", "1.0"),
            ("1.0.0", "1.0"),
            ("never", "never"),
            ("2", None),
            ("9" * 5000, None),
        ):
            self.assertEqual(expected, found.find(version), version)

    def test_newest(self) -> None:
        """
        The greatest version, but rather no pre-release, what is no version, or what is
        yanked as a whole.
        """
        for filenames, yanked, expected in (
            ((), (), None),
            (("demo-9.zip", "demo-10.zip"), (), "10"),
            (("demo-1.zip", "demo-2rc1.zip"), (), "1"),
            (("demo-1a1.zip", "demo-2rc1.zip"), (), "2rc1"),
            (("demo-1.zip", "demo-never.zip"), (), "1"),
            (("demo-never.zip",), (), "never"),
            (("demo-1.zip", "demo-2.zip"), ("demo-2.zip",), "1"),
            (("demo-1rc1.zip", "demo-2.zip"), ("demo-2.zip",), "1rc1"),
            (("demo-1.zip", "demo-2.zip"), ("demo-1.zip", "demo-2.zip"), "2"),
            (("demo-1.zip", "demo-2.zip", "demo-2.tgz"), ("demo-2.zip",), "2"),
        ):
            found = releases(*filenames, yanked=yanked)
            self.assertEqual(expected, found.newest, (filenames, yanked))
