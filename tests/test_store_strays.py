"""
Tests for :mod:`proxypypi.store.strays`.
"""

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.store.strays import Stray, find_strays


class StraysTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.outside = Path(self.mktemp()).resolve()
        self.outside.mkdir()

    def put(self, *paths: str) -> None:
        for path in paths:
            whole = self.root / path
            whole.parent.mkdir(parents=True, exist_ok=True)
            whole.touch()

    def strays(self) -> dict[str, Stray]:
        found = list(find_strays(self.root))
        self.assertEqual(len(found), len({stray.path for stray in found}))
        return {stray.path: stray for stray in found}

    def reasons(self) -> dict[str, str]:
        return {path: stray.why for path, stray in self.strays().items()}

    def test_nothing(self) -> None:
        """
        Files that are listed are none, nor is what is ours.
        """
        self.put("demo-1.0.zip", "demo/demo-2.0.zip", "Demo/demo-3.0.zip")
        self.put(".proxypypi/cache/pages/demo.page", ".proxypypi/lock")
        (self.root / "lost+found").mkdir()
        (self.root / "empty").mkdir()
        self.assertEqual({}, self.strays())

    def test_left_out(self) -> None:
        """
        What is left out is told with the reason.
        """
        self.put(".hidden", ".git/config", "demo/.demo-1.zip", "demo/demo-2.zip.part")
        self.put("x.TMP", "README.txt", "noversion.zip", "not-one-/x-1.zip")
        self.put("demo/older/demo-1.zip")
        os.mkfifo(self.root / "demo-3.zip")
        dot, unfinished = "its name starts with a dot", "it is unfinished, by its name"
        self.assertEqual(
            {
                ".git": dot,
                ".hidden": dot,
                "README.txt": "it is no distribution, by its name",
                "demo-3.zip": "it is no file",
                "demo/.demo-1.zip": dot,
                "demo/demo-2.zip.part": unfinished,
                "demo/older": "it is a folder in a project's",
                "not-one-": "no project can be called so",
                "noversion.zip": "its name fits no project",
                "x.TMP": unfinished,
            },
            self.reasons(),
        )

    def test_links(self) -> None:
        """
        Links are left out if they lead out, to nowhere, or round in circles.
        """
        (self.outside / "demo-1.zip").touch()
        self.put("demo-2.zip")
        for link, target in (
            ("demo/demo-1.zip", self.outside / "demo-1.zip"),
            ("demo/demo-3.zip", "nowhere.zip"),
            ("demo/demo-4.zip", "demo-4.zip"),
            ("demo/demo-5.zip", "../demo-2.zip"),
            ("other", self.outside),
        ):
            path = self.root / link
            path.parent.mkdir(exist_ok=True)
            path.symlink_to(target)
        nowhere = "it is a link that leads nowhere"
        self.assertEqual(
            {
                "demo/demo-1.zip": "it is a link that leads out of the directory",
                "demo/demo-3.zip": nowhere,
                "demo/demo-4.zip": nowhere,
                "other": "it is a link that leads out of the directory",
            },
            self.reasons(),
        )

    def test_hidden_by_another(self) -> None:
        """
        Of two files of one name, that which is not served is told, and which is.
        """
        self.put("Foo.Bar/foo_bar-1.0.zip", "foo-bar/foo_bar-1.0.zip")
        self.assertEqual(
            {"foo-bar/foo_bar-1.0.zip": "foo_bar/foo_bar-1.0.zip, of the same name"},
            {
                path: why.replace("Foo.Bar", "foo_bar").removesuffix(", is served")
                for path, why in self.reasons().items()
            },
        )

    def test_misplaced(self) -> None:
        """
        A file of another project's name is told; one that may be of both is not.
        """
        self.put("demo/other-1.0-py3-none-any.whl", "demo/Demo_1.0.zip")
        self.put("demo-extras/demo-extras-1.0.zip", "demo/demo-extras-2.0.zip")
        (stray,) = self.strays().values()
        self.assertEqual("demo/other-1.0-py3-none-any.whl", stray.path)
        self.assertIn("listed for demo, as its folder says", stray.why)
        self.assertEqual("if it is of other, move it to other/", stray.advice)

    def test_projects(self) -> None:
        """
        It is told whose it would be, if that is known.
        """
        self.put("demo/a.txt", "demo-1.zip.part", "b.txt")
        os.mkfifo(self.root / "demo-3.zip")
        found = {path: stray.project for path, stray in self.strays().items()}
        self.assertEqual(
            {
                "b.txt": None,
                "demo-1.zip.part": None,
                "demo-3.zip": "demo",
                "demo/a.txt": "demo",
            },
            found,
        )
