"""
Tests for :mod:`proxypypi.commands.exporting`; with the core behind it, it is tested by
:mod:`tests.e2e.test_bundles`.
"""

import io
import json
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO

from attrs import define, field

from proxypypi.bundles.manifest import file_name, note_name
from proxypypi.bundles.reading import Bundle
from proxypypi.bundles.writing import Piece, Told
from proxypypi.commands import packing
from proxypypi.rules.wanted import Wanted
from proxypypi.settings import Settings
from tests.bundle_case import DEMO, member
from tests.cli_case import CliTestCase

NOTE = b'{"files":{}}'
FILE = b"content of a file"
NAME = file_name(DEMO, "demo-1.zip")
A_DAY = 86_400.0
ALL_THE_SAME = "proxypypi: the bundle was written all the same, without these\n"


@define
class FakeContents:
    """
    In place of :class:`~proxypypi.bundles.contents.Contents`.
    """

    pieces: list[Piece] = field(factory=list)
    missing: list[tuple[str, str]] = field(factory=list)
    left_out: dict[str, str] = field(factory=dict)


class Binary:
    """
    A stdout that takes bytes, too.
    """

    def __init__(self, terminal: bool) -> None:
        self.buffer = io.BytesIO()
        self.isatty = lambda: terminal

    def flush(self) -> None:
        """
        There is nothing to be flushed.
        """

    def write(self, text: str) -> int:
        return self.buffer.write(text.encode())


class ExportTests(CliTestCase):
    """
    :ivar asked: what would have been packed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.base = Path(self.mktemp()).resolve()
        self.directory = self.base / "cache"
        self.directory.mkdir(parents=True)
        self.bundle = self.base / "bundle.tar"
        self.path = self.base / "demo-1.zip"
        self.path.write_bytes(FILE)
        self.contents = FakeContents(
            [
                Piece(member=member(note_name(DEMO), NOTE), moment=0.0),
                Piece(member=member(NAME, FILE), moment=0.0, path=str(self.path)),
            ]
        )
        self.trouble = ""
        self.asked: list[Any] = []
        self.patch(packing, "pack", self.pack)

    def pack(
        self,
        settings: Settings,
        wanted: Collection[Wanted] | None,
        others: BinaryIO,
        since: float,
        all_releases: bool,
        told: Told,
    ) -> tuple[FakeContents, str]:
        self.assertEqual((self.directory, ()), (settings.directory, settings.upstreams))
        said = [one.said for one in wanted] if wanted is not None else None
        self.asked = [said, since, all_releases]
        others.write(NOTE)
        told(3, 17)
        return self.contents, self.trouble

    def run_here(self, *arguments: str) -> tuple[object, str, str]:
        return self.run_main("export", "-d", str(self.directory), *arguments)

    def read(self, content: bytes) -> dict[str, bytes]:
        bundle = Bundle.open(io.BytesIO(content))
        return {m.name: b"".join(bundle.pieces()) for m in bundle.members()}

    def test_all(self) -> None:
        """
        Without more, all goes in; how much that was is told.
        """
        said = self.run_here(str(self.bundle))
        told = f"1 file (17 bytes) of {self.directory}\n"
        self.assertEqual((0, told, ""), said)
        self.assertEqual([None, 0.0, False], self.asked)
        expected = {note_name(DEMO): NOTE, NAME: FILE}
        self.assertEqual(expected, self.read(self.bundle.read_bytes()))
        self.assertEqual(3, len(list(self.base.iterdir())))

    def test_wanted(self) -> None:
        """
        Requirements and files of them say what goes in, as for prefetch.
        """
        lines = self.base / "all.txt"
        lines.write_text("a==1\n-e .\n")
        status, _, err = self.run_here(
            str(self.bundle), "--all-releases", str(lines), "Demo>=1"
        )
        self.assertEqual([["a==1", "Demo>=1"], 0.0, True], self.asked)
        told = f"proxypypi: -e .: names nothing of an index\n{ALL_THE_SAME}"
        self.assertEqual((1, told), (status, err))
        self.assertTrue(self.bundle.exists())

    def test_since(self) -> None:
        """
        A moment is a time, the beginning of a day, or an age.
        """
        for text, expected in (
            ("2026-11-01", 1793491200.0),
            ("2026-11-01T12:00:00Z", 1793534400.0),
            ("7d", time.time() - 7 * A_DAY),
            ("60", time.time() - 60),
        ):
            self.run_here(str(self.bundle), "--force", "--since", text)
            self.assertLess(abs(self.asked[1] - expected), 30, text)

    def test_told(self) -> None:
        """
        What does not go in is told, and why; the status is 1 for what should have.
        """
        self.contents.left_out = {"demo/x.zip": "it is withheld"}
        self.trouble = "something is wrong"
        status, _, err = self.run_here(str(self.bundle))
        self.assertEqual(0, status)
        self.assertEqual(
            "proxypypi: something is wrong\n"
            "proxypypi: demo/x.zip is left out: it is withheld\n",
            err,
        )
        self.contents.missing = [("demo==2", "there is none")]
        self.contents.left_out, self.trouble = {}, ""
        told = (1, f"proxypypi: demo==2: there is none\n{ALL_THE_SAME}")
        status, _, err = self.run_here(str(self.bundle), "--force")
        self.assertEqual(told, (status, err))
        self.contents.missing.clear()
        self.path.unlink()
        status, out, err = self.run_here(str(self.bundle), "-f")
        self.assertEqual(1, status)
        self.assertIn(f"{NAME} went, or was changed", err)
        self.assertIn("0 files (0 bytes)", out)

    def test_json(self) -> None:
        """
        The report for programs has all of that.
        """
        self.contents.left_out = {"demo/x.zip": "it is withheld"}
        self.contents.missing = [("demo==2", "there is none")]
        status, out, _ = self.run_here("--json", str(self.bundle))
        self.assertEqual(1, status)
        self.assertEqual(
            {
                "bundle": str(self.bundle),
                "files": [NAME],
                "size": 17,
                "pages": 0,
                "missing": [{"wanted": "demo==2", "reason": "there is none"}],
                "unparseable": [],
                "lost": [],
                "left-out": {"demo/x.zip": "it is withheld"},
            },
            json.loads(out),
        )

    def test_stdout(self) -> None:
        """
        A dash is stdout, which has the bundle alone; the report goes to stderr.
        """
        binary = Binary(False)
        self.patch(sys, "stdout", binary)
        self.stdout = io.StringIO()
        status, _, err = self.run_here("-")
        self.assertEqual(0, status)
        self.assertIn("1 file (17 bytes)", err)
        self.assertIn(NAME, self.read(binary.buffer.getvalue()))
        self.patch(sys, "stdout", Binary(True))
        status, _, err = self.run_here("-")
        self.assertEqual((2, True), (status, "nothing for a terminal" in err))

    def test_terminal(self) -> None:
        """
        Who sits at a terminal sees how far it has come.
        """
        self.patch(self.stderr, "isatty", lambda: True)
        status, _, err = self.run_here(str(self.bundle))
        self.assertEqual((0, True), (status, "looked through" in err))

    def test_there(self) -> None:
        """
        A file that is there is replaced only by force, and before that nothing is done.
        """
        self.bundle.write_bytes(b"old")
        status, _, err = self.run_here(str(self.bundle))
        self.assertEqual((1, True), (status, "--force replaces it" in err))
        self.assertEqual(([], b"old"), (self.asked, self.bundle.read_bytes()))
        self.assertEqual(0, self.run_here(str(self.bundle), "--force")[0])
        self.assertIn(NAME, self.read(self.bundle.read_bytes()))

    def test_misused(self) -> None:
        """
        What makes no sense is refused before anything is done.
        """
        inside = self.directory / "demo" / "bundle.tar"
        inside.parent.mkdir()
        for arguments, word in (
            ([], "needs the name of a BUNDLE"),
            ([str(self.bundle), "two words"], "is neither"),
            ([str(self.bundle), "--since", "tomorrow"], "'tomorrow' is not a date"),
            ([str(self.bundle), "--since", "tomorrow"], "nor an age, such as 7d"),
            ([str(inside)], "is in the cache directory"),
            ([str(self.base / "no" / "b.tar")], "there is no such directory"),
        ):
            status, out, err = self.run_here(*arguments)
            self.assertEqual((2, ""), (status, out), arguments)
            self.assertIn(word, err, arguments)
        self.assertEqual([], self.asked)

    def test_help(self) -> None:
        """
        It says what it takes, and what goes in.
        """
        _, listed, _ = self.run_main("--help")
        status, out, _ = self.run_main("export", "--help")
        said = " ".join(out.split())
        self.assertEqual(0, status)
        self.assertIn("\n    export ", listed)
        self.assertIn(
            "Usage: proxypypi export [options] BUNDLE [FILE|REQUIREMENT...]", said
        )
        self.assertIn("nothing is fetched", said)
        self.assertIn("no tokens, users, pins or releases", said)
