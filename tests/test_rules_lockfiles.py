"""
Tests for :mod:`proxypypi.rules.lockfiles`.
"""

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadLockFile
from proxypypi.rules.lockfiles import Locked, parse_lock_file

A, B = "a" * 64, "b" * 64

PYLOCK = f"""
lock-version = "1.0"
created-by = "a tool"
requires-python = ">=3.9"

[[packages]]
name = "Demo.X"
version = "1.0"
marker = "python_version < '3.9'"
index = "https://index.example/simple"
sdist = {{ url = "https://x.example/demo_x-1.0.tar.gz", hashes = {{ sha256 = "{A}" }} }}

[[packages.wheels]]
name = "demo_x-1.0-py3-none-any.whl"
url = "https://files.example/other-name"
upload-time = 2024-01-01T00:00:00Z
size = 12
hashes = {{ SHA256 = "{B.upper()}", sha512 = "cc" }}

[[packages]]
name = "mine"
directory = {{ path = ".", editable = true }}

[[packages]]
name = "forked"
version = "3"
vcs = {{ type = "git", url = "https://git.example/forked", commit-id = "abc" }}

[[packages]]
name = "zipped"
archive = {{ url = "https://files.example/zipped.zip", hashes = {{ sha256 = "{A}" }} }}
"""

UV = f"""
version = 1
revision = 3
requires-python = ">=3.9"

[[package]]
name = "demo-x"
version = "1.0"
source = {{ registry = "https://index.example/simple" }}
dependencies = [{{ name = "other", marker = "sys_platform == 'win32'" }}]
sdist = {{ url = "https://x.example/a/demo_x-1.0.tar.gz", hash = "sha256:{A}" }}
wheels = [
    {{ url = "https://x/demo_x-1.0%2Bl-py3-none-any.whl", hash = "sha256:{B}" }},
]

[[package]]
name = "flat"
version = "2"
source = {{ registry = "../wheels" }}
wheels = [{{ path = "flat-2-py3-none-any.whl", hash = "sha256:{A}" }}]

[[package]]
name = "mine"
version = "0.1"
source = {{ editable = "." }}

[[package]]
name = "forked"
version = "3"
source = {{ git = "https://git.example/forked#abc" }}
"""

POETRY = f"""
[[package]]
name = "demo-x"
version = "1.0"
description = ""
optional = false
python-versions = ">=3.9"
groups = ["main"]
files = [
    {{file = "demo_x-1.0.tar.gz", hash = "sha256:{A}"}},
    {{file = "demo_x-1.0-py3-none-any.whl", hash = "sha256:{B}"}},
]

[[package]]
name = "company"
version = "2"
files = [{{file = "company-2.zip", hash = "md5:aa"}}]

[package.source]
type = "legacy"
url = "https://index.example/simple"
reference = "company"

[[package]]
name = "forked"
version = "3"
files = []

[package.source]
type = "git"
url = "https://git.example/forked"

[[package]]
name = "bare"
version = "1"

[metadata]
lock-version = "2.1"
python-versions = ">=3.9"
content-hash = "{A}"
"""

OLD_POETRY = f"""
[[package]]
name = "demo-x"
version = "1.0"
category = "main"

[metadata]
lock-version = "1.1"

[metadata.files]
demo-x = [{{file = "demo_x-1.0.tar.gz", hash = "sha256:{A}"}}]
"""


def files_of(locked: Locked) -> dict[str, dict[str, dict[str, str]]]:
    return {
        wanted.project: {name: dict(hashes) for name, hashes in wanted.files.items()}
        for wanted in locked.wanted
    }


class ParseLockFileTests(SynchronousTestCase):
    def test_pylock(self) -> None:
        """
        Files of packages from an index are wanted, whatever their markers; what comes
        from elsewhere is reported, and the project itself is neither.
        """
        locked = parse_lock_file(PYLOCK)
        self.assertEqual(
            {
                "demo-x": {
                    "demo_x-1.0-py3-none-any.whl": {"sha256": B, "sha512": "cc"},
                    "demo_x-1.0.tar.gz": {"sha256": A},
                }
            },
            files_of(locked),
        )
        self.assertEqual(["Demo.X==1.0"], [wanted.said for wanted in locked.wanted])
        self.assertEqual(("forked==3 (vcs)", "zipped (archive)"), locked.unparseable)

    def test_uv(self) -> None:
        """
        As that of uv has them, file names decoded.
        """
        locked = parse_lock_file(UV)
        self.assertEqual(
            {
                "demo-x": {
                    "demo_x-1.0+l-py3-none-any.whl": {"sha256": B},
                    "demo_x-1.0.tar.gz": {"sha256": A},
                },
                "flat": {"flat-2-py3-none-any.whl": {"sha256": A}},
            },
            files_of(locked),
        )
        self.assertEqual(("forked==3 (git)",), locked.unparseable)

    def test_poetry(self) -> None:
        """
        As that of poetry has them, now and before 2023; a package without any is
        reported.
        """
        locked = parse_lock_file(POETRY)
        self.assertEqual(
            {
                "demo-x": {
                    "demo_x-1.0.tar.gz": {"sha256": A},
                    "demo_x-1.0-py3-none-any.whl": {"sha256": B},
                },
                "company": {"company-2.zip": {"md5": "aa"}},
            },
            files_of(locked),
        )
        self.assertEqual(("forked==3 (git)", "bare==1 (no files)"), locked.unparseable)
        self.assertEqual(
            {"demo-x": {"demo_x-1.0.tar.gz": {"sha256": A}}},
            files_of(parse_lock_file(OLD_POETRY)),
        )

    def test_nothing_locked(self) -> None:
        """
        A lock file may have nothing in it.
        """
        for text in ("lock-version = '1.0'", "package = []\nmetadata = {}"):
            self.assertEqual((), parse_lock_file(text).wanted)

    def test_none(self) -> None:
        """
        What is no lock file, or has what none can have, is refused with a reason.
        """
        package = "[[packages]]\nname = 'demo'\n"
        head = "lock-version = '1.0'\n"
        for text in (
            "",
            "demo==1.0",
            "[project]\nname = 'demo'",
            "version = 1",
            head + "packages = 3",
            head + "packages = [3]",
            head + "[[packages]]\nname = 3",
            head + "[[packages]]\nname = '../x'\nwheels = [{ name = 'x.whl' }]",
            head + "[[packages]]\nversion = '1'",
            head + package + "wheels = {}",
            head + package + "wheels = [{}]",
            head + package + "wheels = [{ name = '../x.whl' }]",
            head + package + "wheels = [{ url = 'https://x/' }]",
            head + package + "wheels = [{ name = 'x.whl', hash = 'nonsense' }]",
            head + package + "wheels = [{ name = 'x.whl', hashes = [1] }]",
            head + package + "wheels = [{ url = 'https://[x/x.whl' }]",
            "metadata = 3\npackage = [{ name = 'demo' }]",
            "metadata = { files = { demo = 3 } }\npackage = [{ name = 'demo' }]",
            "version = 1\npackage = [{ name = 'demo', source = 3 }]",
            "a = " + "[" * 5000,
        ):
            error = self.assertRaises(BadLockFile, parse_lock_file, text)
            self.assertIn("no lock file", str(error), text[:80])

    @given(
        st.recursive(
            st.none() | st.integers(0, 3) | st.text("ab./:", max_size=4),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["name", "url", "hash", "files", "type", "sdist"]),
                    inner,
                    max_size=3,
                )
            ),
            max_leaves=8,
        )
    )
    def test_anything(self, package: object) -> None:
        """
        Whatever stands in the place of a package, no other error comes of it.
        """
        for head in ("lock-version = '1'\npackages", "version = 1\npackage"):
            with contextlib.suppress(BadLockFile):
                parse_lock_file(f"{head} = [{_toml(package)}]")


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value or 0)
