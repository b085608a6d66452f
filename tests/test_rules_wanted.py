"""
Tests for :mod:`proxypypi.rules.wanted`.
"""

import time
from collections.abc import Mapping
from typing import Any

from packaging.markers import Marker
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import NoFittingRelease
from proxypypi.model import Distribution, ProjectPage
from proxypypi.names import normalize
from proxypypi.rules.requirements import parse_requirement
from proxypypi.rules.wanted import pythons_of

DEMO = normalize("demo")


def page_of(*filenames: str, **more: Mapping[str, Any]) -> ProjectPage:
    """
    :param more: for ``demo-1.0.zip``, as ``demo_1_0_zip``.
    """
    return ProjectPage(
        name=DEMO,
        distributions=tuple(
            Distribution(
                filename=filename,
                url=f"https://files.example/{filename}",
                **more.get(filename.replace("-", "_").replace(".", "_"), {}),
            )
            for filename in filenames
        ),
    )


def wheel(version: str) -> str:
    return f"demo-{version}-py3-none-any.whl"


class PickTests(SynchronousTestCase):
    def assert_picks(
        self, page: ProjectPage, table: Mapping[str, tuple[str, ...] | str]
    ) -> None:
        """
        :param table: a line of a requirements file to names of files, or to a word of
            the reason why there is none.
        """
        for line, expected in table.items():
            wanted = parse_requirement(line)
            if isinstance(expected, str):
                error = self.assertRaises(NoFittingRelease, wanted.pick, page)
                self.assertIn(expected, str(error), line)
            else:
                self.assertEqual(expected, wanted.pick(page), line)

    def test_newest(self) -> None:
        """
        A pin means its release, a range the newest that fits, by value not by text.
        """
        page = page_of(*(f"demo-{v}.tar.gz" for v in ("1.9", "1.10", "2.0", "0.1")))
        self.assert_picks(
            page,
            {
                "demo": ("demo-2.0.tar.gz",),
                "demo==1.10.0": ("demo-1.10.tar.gz",),
                "demo<2": ("demo-1.10.tar.gz",),
                "demo~=1.5": ("demo-1.10.tar.gz",),
                "demo==1.*,!=1.10": ("demo-1.9.tar.gz",),
                "demo===1.9": ("demo-1.9.tar.gz",),
                "demo>=3": "there is no such release of demo: the newest is 2.0",
                "demo==1.0": "the newest is 2.0",
            },
        )

    def test_every_file(self) -> None:
        """
        All wheels and sdists of the release are meant, however its version is spelled,
        and no egg, installer or other file.
        """
        files = (
            *("demo-1.0.tar.gz", "demo-1.0.zip", wheel("1.0")),
            *("demo-1.0-cp39-cp39-win32.whl", wheel("1.0.0"), "Demo-v1.0.tgz"),
        )
        others = (
            *("demo-1.0-py3.9.egg", "demo-1.0.win32.exe", "demo-0.9.tar.gz"),
            *("demo-1.0.tar.gz.asc", "demo-none.zip", f"demo-{'9' * 5000}.zip"),
        )
        page = page_of(*files, *others)
        self.assert_picks(page, {"demo": files, "demo==1.0": files})
        none = page_of("demo-1.0-py3.9.egg", "demo-1.0.exe", "demo-x.zip")
        self.assert_picks(none, {"demo": "no wheel or sdist", "demo==1.0": "no wheel"})

    def test_prereleases(self) -> None:
        """
        They are taken if the requirement names one, or if nothing else fits.
        """
        page = page_of("demo-1.0.zip", "demo-2.0a1.zip", "demo-2.0.dev1.zip")
        self.assert_picks(
            page,
            {
                "demo": ("demo-1.0.zip",),
                "demo>=2.0a0": ("demo-2.0a1.zip",),
                "demo==2.0.dev1": ("demo-2.0.dev1.zip",),
                "demo>1.0": ("demo-2.0a1.zip",),
            },
        )
        wanted = parse_requirement("demo", prereleases=True)
        self.assertEqual(("demo-2.0a1.zip",), wanted.pick(page))
        only = page_of("demo-2.0a1.zip")
        self.assertEqual(("demo-2.0a1.zip",), parse_requirement("demo").pick(only))

    def test_yanked(self) -> None:
        """
        What is yanked is only for those who name the very version.
        """
        page = page_of(
            *("demo-1.0.zip", "demo-2.0.zip", "demo-2.0.tar.gz", wheel("1.0")),
            demo_2_0_zip={"yanked": ""},
            demo_2_0_tar_gz={"yanked": "broken"},
            demo_1_0_zip={"yanked": "only this one"},
        )
        self.assert_picks(
            page,
            {
                "demo": (wheel("1.0"),),
                "demo==1.0": ("demo-1.0.zip", wheel("1.0")),
                "demo==2.0": ("demo-2.0.zip", "demo-2.0.tar.gz"),
                "demo===2.0": ("demo-2.0.zip", "demo-2.0.tar.gz"),
                "demo==2.*": "yanked",
                "demo>1": "yanked",
            },
        )

    def test_requires_python(self) -> None:
        """
        A range means a release for a Python that is known, and that the marker holds
        for; a pin means what it says.
        """
        page = page_of(
            *("demo-1.0.zip", "demo-2.0.zip", "demo-3.0.zip", "demo-4.0.zip"),
            demo_1_0_zip={"requires_python": "no specifier"},
            demo_2_0_zip={"requires_python": ">=3.8.1,<3.11"},
            demo_3_0_zip={"requires_python": ">=3.11"},
            demo_4_0_zip={"requires_python": ">=4"},
        )
        self.assert_picks(
            page,
            {
                "demo": ("demo-3.0.zip",),
                "demo==4.0": ("demo-4.0.zip",),
                "demo>3.0": "no Python",
                "demo; python_version < '3.11'": ("demo-2.0.zip",),
                "demo; python_version <= '3.8'": ("demo-2.0.zip",),
                "demo; python_version == '3.7'": ("demo-1.0.zip",),
                "demo; python_full_version < '3.8.1'": ("demo-2.0.zip",),
                "demo; python_version > '9'": ("demo-3.0.zip",),
            },
        )

    def test_one_file_for_a_known_python(self) -> None:
        """
        One file of a release that some Python can use is enough; then all are meant.
        """
        page = page_of(
            *("demo-1.0.zip", wheel("1.0")), demo_1_0_zip={"requires_python": ">=4"}
        )
        self.assert_picks(page, {"demo": ("demo-1.0.zip", wheel("1.0"))})

    def test_hashes(self) -> None:
        """
        With digests only files that have one of them are meant, and releases that have
        such files.
        """
        a, b = "a" * 64, "b" * 64
        page = page_of(
            *("demo-1.0.zip", wheel("1.0"), "demo-2.0.zip"),
            demo_1_0_zip={"hashes": {"sha256": a}},
            demo_2_0_zip={"hashes": {"sha256": b}},
            **{wheel("1.0").replace("-", "_").replace(".", "_"): {"hashes": {}}},
        )
        self.assert_picks(
            page,
            {
                f"demo==1.0 --hash=sha256:{a}": ("demo-1.0.zip",),
                f"demo --hash=sha256:{a}": ("demo-1.0.zip",),
                f"demo --hash=sha256:{a} --hash=sha256:{b}": ("demo-2.0.zip",),
                f"demo==1.0 --hash=sha256:{b}": "digests",
                f"demo==1.0 --hash=sha512:{a}": "digests",
            },
        )

    def test_long_page(self) -> None:
        """
        A page of thousands of files is gone through in a fraction of a second.
        """
        names = [f"demo-{v}-cp3{p}-none-any.whl" for v in range(500) for p in range(9)]
        page = page_of(*names)
        began = time.process_time()
        picked = parse_requirement("demo>=3; python_version < '3.9'").pick(page)
        self.assertEqual(9, len(picked))
        self.assertLess(time.process_time() - began, 1.0)


class PickAllTests(SynchronousTestCase):
    def test_all(self) -> None:
        """
        All releases that fit can be picked, the oldest first, by the same rules.
        """
        page = page_of(
            *(wheel("2.0"), wheel("1.0"), "demo-1.0.zip", wheel("3.0rc1"), "x.txt"),
            demo_2_0_py3_none_any_whl={"requires_python": ">=2"},
        )
        for line, expected in (
            ("demo", [wheel("1.0"), "demo-1.0.zip", wheel("2.0")]),
            ("demo>1", [wheel("2.0")]),
            ("demo>=3rc1", [wheel("3.0rc1")]),
        ):
            self.assertEqual(expected, list(parse_requirement(line).pick_all(page)))
        wanted = parse_requirement("demo>3")
        self.assertRaises(NoFittingRelease, wanted.pick_all, page)


class PythonsOfTests(SynchronousTestCase):
    def test_markers(self) -> None:
        """
        Those for which a marker holds on any system; all, if it holds nowhere known.
        """
        everywhere = pythons_of(None)
        self.assertIn("3.8", everywhere)
        self.assertNotIn("2.7", everywhere)
        for marker, expected in (
            ("python_version < '3.9'", ["3.7", "3.8"]),
            ("python_version < '3.8' and sys_platform == 'win32'", ["3.7"]),
            ("python_full_version < '3.7.5'", ["3.7"]),
            ("sys_platform == 'linux'", everywhere),
            ("platform_system == 'Darwin' or python_version < '3'", everywhere),
            ("sys_platform == 'plan9'", everywhere),
            ("platform_python_implementation == 'PyPy'", everywhere),
            ("extra == 'x'", everywhere),
            ("platform_release >= '20.0'", everywhere),
        ):
            self.assertEqual(list(expected), list(pythons_of(Marker(marker))), marker)
