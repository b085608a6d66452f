"""
Tests for :mod:`proxypypi.names`.
"""

import string

from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadName
from proxypypi.names import (
    check_filename,
    comparable,
    is_among,
    is_distribution,
    is_immutable,
    is_wheel,
    normalize,
    project_of,
    version_of,
)
from tests.distributions import make_sdist, make_wheel

ends = string.ascii_letters + string.digits
spellings = st.builds(
    lambda first, middle, last: first + middle + last,
    st.sampled_from(ends),
    st.text(ends + "._-", max_size=20),
    st.sampled_from(ends),
)
"""
Project names as people write them.
"""

modules = st.from_regex(r"[a-z]([a-z0-9]|_[a-uw-z]){0,8}", fullmatch=True)
"""
Project names as file names have them. Their parts do not look like versions, as in the
ambiguous ``demo-2-1.zip``.
"""

versions = st.builds(
    lambda release, pre, post, local: release + pre + post + local,
    st.lists(st.integers(0, 2030), min_size=1, max_size=4).map(
        lambda parts: ".".join(map(str, parts))
    ),
    st.sampled_from(["", "a1", "b2", "rc3"]),
    st.sampled_from(["", ".post4", ".dev5", ".post6.dev7"]),
    st.sampled_from(["", "+local", "+linux.8"]),
)

anything = st.text() | st.lists(
    st.sampled_from(
        [
            *("demo", "-", "-", "1", "0", ".", "_", "+", "/", "\\", "\0", "\n", "\x85"),
            *("\ud800", "\u00e9", "\u0661", ".whl", ".tar.gz", ".egg", ".zip", ".part"),
            *("%2f", "..", "9" * 120),
        ]
    ),
    max_size=12,
).map("".join)


class NormalizeTests(SynchronousTestCase):
    def test_names(self) -> None:
        """
        One name for all spellings: lower case, and one dash for any run of ``-_.``.
        """
        cases = [
            ("demo", "demo"),
            ("Demo", "demo"),
            ("d", "d"),
            ("7", "7"),
            ("a.b_c-d", "a-b-c-d"),
            ("a-._-b", "a-b"),
            ("Zope.Interface", "zope-interface"),
            ("a" * 200, "a" * 200),
        ]
        for name, normalized in cases:
            self.assertEqual(normalized, normalize(name), name)

    def test_bad_names(self) -> None:
        """
        What is no project name is refused, and never repaired.
        """
        cases = [
            *("", "-", "_", ".", "..", "-a", "a-", ".a", "a.", "_a", "a_"),
            *("a b", " a", "a ", "a\n", "\na", "a\0", "a/b", "a\\b", "../a", "a%2fb"),
            *("\u00e4", "a\u0661", "\ud800", "a+b", "a@b", "a:b", "~a", "\uff41"),
            "a" * 201,
        ]
        for name in cases:
            with self.assertRaises(BadName, msg=repr(name)) as caught:
                normalize(name)
            self.assertEqual(
                ("project", name), (caught.exception.kind, caught.exception.name)
            )

    @given(anything)
    def test_nothing_but_bad_name(self, text: str) -> None:
        """
        Whatever it is given, it refuses properly or gives a normalized name.
        """
        try:
            name = normalize(text)
        except BadName as e:
            str(e).encode("ascii")  # whatever was in it, a terminal can show it
            return
        self.assertRegex(name, r"\A[a-z0-9]+(-[a-z0-9]+)*\Z")
        self.assertEqual(name, normalize(name))

    @given(spellings)
    def test_as_the_specification(self, name: str) -> None:
        """
        The result is that of PEP 503.
        """
        self.assertEqual(canonicalize_name(name), normalize(name))


class BadNameTests(SynchronousTestCase):
    def test_message(self) -> None:
        """
        It is ASCII, of bearable length, and says what the name was meant to be.
        """
        cases = [
            ("project", "a b", "'a b' is no project name"),
            ("file", "\u00e9\n", "'\\xe9\\n' is no file name"),
            ("file", "a" * 60, f"'{'a' * 60}' is no file name"),
            ("file", "a" * 61, f"'{'a' * 57}...' is no file name"),
        ]
        for kind, name, message in cases:
            self.assertEqual(message, str(BadName(kind=kind, name=name)))


class CheckFilenameTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        What can be one segment of a path and of an address passes as it is.
        """
        for filename in (
            "demo-1.0.tar.gz",
            "demo-1.0+local-py3-none-any.whl",
            "demo 1.zip",
            "d\u00e9mo-1.zip",
            "demo%2f.zip",
            "demo..zip",
            "demo.part.zip",
            "demo.metadata.zip",
            "partial",
            "a" * 230,
            "\u00e9" * 115,
        ):
            self.assertEqual(filename, check_filename(filename), filename)

    def test_bad(self) -> None:
        """
        What could leave its directory, hide, or be taken for something else does not.
        """
        for filename in (
            *("", ".", "..", ".demo.zip", "../demo.zip", "a/b.zip", "/a.zip", "a/"),
            *("a\\b.zip", "a\0.zip", "a\n.zip", "a\r.zip", "a\x1f.zip", "a\x7f.zip"),
            *("a\x80.zip", "a\x9f.zip", "a\ud800.zip", "a\udcff.zip"),
            *("demo.zip.part", "demo.zip.tmp", "demo.PART", "demo.Tmp"),
            *("demo.whl.metadata", "demo.whl.METADATA", ".metadata"),
            *("a" * 231, "\u00e9" * 116),
        ):
            with self.assertRaises(BadName, msg=repr(filename)) as caught:
                check_filename(filename)
            self.assertEqual(
                ("file", filename), (caught.exception.kind, caught.exception.name)
            )

    @given(anything)
    def test_nothing_but_bad_name(self, text: str) -> None:
        """
        Whatever it is given, it refuses properly, or nothing in it separates.
        """
        try:
            filename = check_filename(text)
        except BadName as e:
            str(e).encode("ascii")
            return
        self.assertEqual(text, filename)
        self.assertEqual(set(), set(filename) & set("/\\\0\r\n"))
        self.assertNotIn(filename, ("", ".", ".."))
        self.assertLessEqual(len(filename.encode()), 230)


DISTRIBUTIONS = (
    *("demo-1.tar.gz", "demo-1.zip", "demo-1.tar.bz2", "demo-1.tgz", "demo-1.tar.xz"),
    *("demo-1.tar", "demo-1.tbz", "demo-1.txz", "demo-1.tar.Z", "demo-1.tar.lzma"),
    *("demo-1.tlz", "demo-1.tar.lz", "demo-1-py3.egg", "demo-1-py3-none-any.whl"),
    *("demo-1.win32.exe", "demo-1.msi", "demo-1.rpm", "demo-1.deb", "demo-1.dmg"),
)


class KindTests(SynchronousTestCase):
    def test_distributions(self) -> None:
        """
        All kinds of files that indexes ever took may be offered, in any case.
        """
        for filename in DISTRIBUTIONS:
            self.assertTrue(is_distribution(filename), filename)
            self.assertTrue(is_distribution(filename.upper()), filename)

    def test_no_distributions(self) -> None:
        """
        Nothing else is, nor what has no proper name.
        """
        for filename in (
            *("", "demo", "demo-1", "index.html", "demo-1.txt", "demo-1.whl.asc"),
            *("demo-1.tar.gz.part", "demo-1.whl.tmp", "demo-1.whl.metadata"),
            *(".demo-1.whl", "a/demo-1.whl", "demo-1\n.whl", "whl", "demo-1.gz"),
            "a" * 230 + ".whl",
        ):
            self.assertFalse(is_distribution(filename), filename)

    def test_wheels(self) -> None:
        """
        A wheel is known by its suffix.
        """
        for filename in DISTRIBUTIONS:
            self.assertEqual(filename.endswith(".whl"), is_wheel(filename), filename)
        self.assertTrue(is_wheel("DEMO-1-PY3-NONE-ANY.WHL"))

    def test_immutable(self) -> None:
        """
        Sdists, wheels and eggs never change; installers for one platform might.
        """
        mutable = (".exe", ".msi", ".rpm", ".deb", ".dmg")
        for filename in (*DISTRIBUTIONS, *(f.upper() for f in DISTRIBUTIONS)):
            expected = not filename.lower().endswith(mutable)
            self.assertEqual(expected, is_immutable(filename), filename)
        self.assertFalse(is_immutable("index.html"))


class ProjectOfTests(SynchronousTestCase):
    def test_projects(self) -> None:
        """
        The project is what stands before the version.
        """
        cases = [
            ("demo-1.0.tar.gz", "demo"),
            ("Demo_Extras-1.0.tar.gz", "demo-extras"),
            ("demo-extras-1.0.zip", "demo-extras"),
            ("demo-2-1.0.tar.gz", "demo-2"),
            ("demo2-1.0.tar.gz", "demo2"),
            ("demo-1.0-1.tar.gz", "demo"),  # a post release, as it used to be written
            ("demo-1.0-r1.tar.gz", "demo"),
            ("demo-1.0-beta.tar.gz", "demo"),
            ("demo-v1.0.tar.gz", "demo"),
            ("demo-1.0.win32.exe", "demo"),
            ("demo-1.0-linux-x86.tar.gz", "demo"),
            ("demo-1.0+a-b.zip", "demo"),
            ("demo-1.0-py3-none-any.whl", "demo"),
            ("demo_extras-1.0-py3-none-any.whl", "demo-extras"),
            ("demo-1.0-7-py3-none-any.whl", "demo"),
            ("DEMO-1.0-PY3-NONE-ANY.WHL", "demo"),
            ("demo-1.0-py3.8.egg", "demo"),
            ("demo-extras-py3-none-any.whl", "demo"),
            (f"demo-{'9' * 5000}.zip", "demo"),
        ]
        for filename, project in cases:
            self.assertEqual(project, project_of(filename), filename)

    def test_none(self) -> None:
        """
        Where no name can be read, none is guessed.
        """
        for filename in (
            *("demo.zip", "demo-extras.zip", "1.0.zip", "-1.0.zip", "demo.whl"),
            *("demo-1.0", "demo-1.0.txt", ".zip", ".whl", "", "d\u00e9mo-1.zip"),
            *("-1.0-py3-none-any.whl", "_-1.0.tar.gz", "a b-1.0.zip"),
            f"{'a' * 201}-1.zip",
        ):
            self.assertIsNone(project_of(filename), filename)

    @given(anything)
    def test_never_raises(self, filename: str) -> None:
        """
        Whatever it is given, it is no project's or a normalized one's.
        """
        project = project_of(filename)
        if project is not None:
            self.assertEqual(project, normalize(project))

    @given(modules, versions)
    def test_round_trip(self, module: str, version: str) -> None:
        """
        Names made as the specifications say are read as they say.
        """
        project = normalize(module)
        for filename in (
            make_wheel(module, version).filename,
            make_sdist(module, version).filename,
            f"{module}-{version}-1_build-cp312-abi3-any.whl",
            f"{project}-{version}.zip",
            f"{module}-{version}-py3.12.egg",
        ):
            self.assertTrue(is_distribution(filename), filename)
            self.assertEqual(project, project_of(filename), filename)
            self.assertEqual(version, version_of(filename, project), filename)


class VersionOfTests(SynchronousTestCase):
    def test_versions(self) -> None:
        """
        It is what follows the project's name, in whatever spelling that is.
        """
        cases = [
            ("demo-1.0.tar.gz", "demo", "1.0"),
            ("Demo_Extras-1.0.tar.gz", "demo-extras", "1.0"),
            ("demo.extras-1.0.zip", "demo-extras", "1.0"),
            ("demo-extras-1.0.zip", "demo-extras", "1.0"),
            ("demo-extras-1.0.zip", "demo", "extras-1.0"),
            ("demo-2-1.0.zip", "demo-2", "1.0"),
            ("demo-1.0-1.tar.gz", "demo", "1.0-1"),
            ("demo-1.0+local.zip", "demo", "1.0+local"),
            ("demo-1.0-7-py3-none-any.whl", "demo", "1.0"),
            ("demo-1.0-py3.8.egg", "demo", "1.0"),
            ("DEMO-1.0.ZIP", "demo", "1.0"),
            (f"demo-{'9' * 5000}.zip", "demo", "9" * 5000),
        ]
        for filename, project, version in cases:
            self.assertEqual(
                version, version_of(filename, normalize(project)), (filename, project)
            )

    def test_none(self) -> None:
        """
        Of another project's file, or of no distribution, it is not known.
        """
        cases = [
            ("other-1.0.zip", "demo"),
            ("demo-1.0.zip", "demo-extras"),
            ("demo_extras-1.0.zip", "demo"),
            ("demo.zip", "demo"),
            ("demo-1.0", "demo"),
            ("demo-1.0.txt", "demo"),
            ("", "demo"),
        ]
        for filename, project in cases:
            found = version_of(filename, normalize(project))
            self.assertIsNone(found, (filename, project))

    @given(anything, spellings)
    def test_never_raises(self, filename: str, name: str) -> None:
        """
        Whatever it is given, there is a version or none.
        """
        found = version_of(filename, normalize(name))
        self.assertTrue(found is None or found in filename)

    @given(versions)
    def test_as_it_stands(self, version: str) -> None:
        """
        The version is not normalized, so that it can be looked for.
        """
        spelled = version.replace("rc", "c")
        found = version_of(f"demo-{spelled}.zip", normalize("demo"))
        self.assertEqual(spelled, found)
        assert found is not None
        self.assertEqual(Version(version), Version(found))


class IsAmongTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        A glob has to match, and none that stands after a ``!``.
        """
        for globs, among, others in (
            (["*"], ["a", "acme-tools"], []),
            (["acme-*", "own"], ["acme-tools", "own"], ["a", "owner"]),
            (["!acme-*"], ["a", "acme"], ["acme-tools"]),
            (["a*", "!acme-*", "!ab"], ["a", "acme"], ["acme-tools", "ab", "b"]),
            (["[ab]", "a?"], ["a", "b", "ac"], ["c", "abc"]),
        ):
            for name in among + others:
                found = is_among(normalize(name), globs)
                self.assertIs(name in among, found, (globs, name))


class ComparableTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        Equal versions have one spelling, and what is no version its own.
        """
        for versions in (("1", "1.0", "v1.0.0"), ("1rc1", "1.0-RC.1"), ("never",)):
            self.assertEqual(1, len({comparable(v) for v in versions}), versions)
        for one, other in (("1.0", "1.0.1"), ("1.0", "1.0+local"), ("never", "Never")):
            self.assertNotEqual(comparable(one), comparable(other))
        self.assertEqual("9" * 5000, comparable("9" * 5000))
