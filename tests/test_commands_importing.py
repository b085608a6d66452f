"""
Tests for :mod:`proxypypi.commands.importing`.
"""

import io
import json
import os
import sys
import time
from pathlib import Path

from proxypypi.bundles.notes import ProjectNote
from proxypypi.quantities import amount
from proxypypi.settings import DEFAULT_INDEX
from tests.bundle_case import (
    Packed,
    contents_of,
    make_bundle,
    make_tar,
    member,
    note_of,
    packed,
    page_note,
)
from tests.cli_case import CliTestCase
from tests.distributions import make_sdist, make_wheel

WHEEL, SDIST = make_wheel("demo"), make_sdist("demo")
NAMES = [f"demo/{built.filename}" for built in (WHEEL, SDIST)]
SIZE = sum(len(built.content) for built in (WHEEL, SDIST))


def in_a_month() -> float:
    return time.time() + 31 * 86_400.0


class Binary(io.StringIO):
    """
    A stdin of bytes.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.bytes = io.BytesIO(content)

    @property
    def buffer(self) -> io.BytesIO:
        return self.bytes


class ImportTests(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.base = Path(self.mktemp()).resolve()
        self.directory = self.base / "cache"
        self.directory.mkdir(parents=True)
        self.patch(os, "environ", {"PROXYPYPI_MIN_FREE": "0"})

    def run_here(self, *arguments: str) -> tuple[object, str, str]:
        return self.run_main("import", "-d", str(self.directory), *arguments)

    def write(self, content: bytes, name: str = "bundle.tar") -> str:
        path = self.base / name
        path.write_bytes(content)
        return str(path)

    def here(self) -> list[str]:
        return sorted(
            str(path.relative_to(self.directory))
            for path in self.directory.rglob("*")
            if path.is_file() and ".proxypypi" not in path.parts
        )

    def test_brought(self) -> None:
        """
        What was brought is told, and what was here.
        """
        bundle = self.write(make_bundle(packed(WHEEL, SDIST)))
        told = f"2 files brought ({amount(SIZE)}), 0 were here\n"
        self.assertEqual((0, told, ""), self.run_here(bundle))
        self.assertEqual(sorted(NAMES), self.here())
        told = "0 files brought (0 bytes), 2 were here\n"
        self.assertEqual((0, told, ""), self.run_here(bundle))

    def test_not_unused(self) -> None:
        """
        What was brought has just come, and not when it was first seen elsewhere: it is
        not taken for what nobody has used for years.
        """
        notes = {b.filename: note_of(b, origin=DEFAULT_INDEX) for b in (WHEEL, SDIST)}
        self.run_here(self.write(make_bundle(packed(WHEEL, SDIST, files=notes))))
        pruning = ("prune", "--json", "-d", str(self.directory), "--unused-for")
        _, out, _ = self.run_main(*pruning, "30d")
        self.assertEqual([], json.loads(out)["removed"])
        self.patch(sys.modules["proxypypi.commands.prune"], "time", in_a_month)
        _, out, _ = self.run_main(*pruning, "30d")
        self.assertEqual(2, len(json.loads(out)["removed"]))

    def test_several(self) -> None:
        """
        Several bundles are taken one after the other, also if one of them is none.
        """
        bundles = [
            self.write(make_bundle(packed(built)), f"{number}.tar")
            for number, built in enumerate((WHEEL, SDIST))
        ]
        bad = self.write(b"x" * 600, "bad.tar")
        status, out, err = self.run_here(bundles[0], bad, bundles[1], bundles[0])
        self.assertEqual(1, status)
        self.assertEqual(f"2 files brought ({amount(SIZE)}), 0 were here\n", out)
        self.assertIn(f"{bad}: it is no bundle", err)
        self.assertEqual(sorted(NAMES), self.here())

    def test_stdin(self) -> None:
        """
        A dash is stdin.
        """
        self.patch(sys, "stdin", Binary(make_bundle(packed(WHEEL))))
        self.assertEqual(0, self.run_here("-")[0])
        self.assertEqual([NAMES[0]], self.here())

    def test_dry_run(self) -> None:
        """
        What would be brought can be known before, and nothing is written.
        """
        bundle = self.write(make_bundle(packed(WHEEL, SDIST)))
        said = self.run_here("--dry-run", bundle)
        lines = [f"{name} would be brought" for name in NAMES]
        lines.append(f"2 files would be brought ({amount(SIZE)}), 0 were here")
        self.assertEqual((0, "\n".join([*lines, ""]), ""), said)
        self.assertEqual([], os.listdir(self.directory))

    def test_json(self) -> None:
        """
        The report for programs has the names.
        """
        (self.directory / SDIST.filename).write_bytes(SDIST.content)
        bundle = self.write(make_bundle(packed(WHEEL, SDIST)))
        bad = self.write(b"", "bad.tar")
        status, out, _ = self.run_here("--json", bundle, bad)
        self.assertEqual(1, status)
        self.assertEqual(
            {
                "brought": [NAMES[0]],
                "already": [NAMES[1]],
                "others": [],
                "damaged": [],
                "missing": [],
                "left-out": {},
                "remarks": {},
                "size": len(WHEEL.content),
                "pages": 0,
                "bad": {
                    bad: "it is no bundle, or was not copied whole: "
                    "it does not begin with manifest.json"
                },
                "dry-run": False,
            },
            json.loads(out),
        )

    def test_told(self) -> None:
        """
        What is not brought, and should be, is told; the status is 1.
        """
        contents = contents_of(packed(WHEEL, SDIST, make_wheel("demo", "3")))
        members = [member(*each) for each in contents.items()]
        (self.directory / WHEEL.filename).write_bytes(b"another")
        contents[NAMES[1]] = b"\0" * len(SDIST.content)
        del contents["demo/demo-3-py3-none-any.whl"]
        status, out, err = self.run_here(self.write(make_tar(contents, members)))
        self.assertEqual((1, "0 files brought (0 bytes), 0 were here\n"), (status, out))
        for said in (
            f"{NAMES[0]}: there is another file of that name here, which stays",
            f"{NAMES[1]} is damaged in the bundle, and was not brought",
            "demo/demo-3-py3-none-any.whl is not in the bundle, although its manifest",
        ):
            self.assertIn(f"proxypypi: {said}", err)

    def test_left_out(self) -> None:
        """
        What may not come is told, and why, whether it is brought or foreseen.
        """
        os.environ["PROXYPYPI_DENY"] = "demo"
        bundle = self.write(make_bundle(packed(WHEEL)))
        reason = "demo is refused here: its name is denied (--deny demo)"
        for flags in ([], ["--dry-run"]):
            status, _, err = self.run_here(bundle, *flags)
            told = f"proxypypi: {NAMES[0]} is left out: {reason}\n"
            self.assertEqual((1, told), (status, err))
        _, out, _ = self.run_here("--json", bundle)
        self.assertEqual({NAMES[0]: reason}, json.loads(out)["left-out"])
        self.assertEqual([], self.here())

    def test_removed(self) -> None:
        """
        What was removed does not come back; other bytes of its name do, which is told
        on one line, and is no failure.
        """
        where = ["-d", str(self.directory), "demo", WHEEL.filename]
        self.run_here(self.write(make_bundle(packed(WHEEL))))
        self.run_main("remove", *where, "--reason", "a\nleak")
        status, out, err = self.run_here("--json", str(self.base / "bundle.tar"))
        self.assertEqual((1, []), (status, json.loads(out)["brought"]))
        self.assertIn(f"{NAMES[0]} is left out: it was removed here at 20", err)
        self.assertIn(" (a leak); to have it back, put it here by hand", err)
        self.assertEqual([], self.here())
        other = make_wheel("demo", payload=5)
        status, _, err = self.run_here(self.write(make_bundle(packed(other))))
        self.assertEqual((0, [NAMES[0]]), (status, self.here()))
        self.assertIn(f"{NAMES[0]} brought, and another was removed here at 20", err)

    def test_troubles(self) -> None:
        """
        So is what is wrong with a page or a record; the files are brought.
        """
        note = ProjectNote(files={WHEEL.filename: note_of(WHEEL)}, page=page_note())
        project = Packed(note=note, files=[WHEEL], body=b"<html>")
        status, out, err = self.run_here(self.write(make_bundle(project)))
        self.assertEqual((1, True), (status, out.startswith("1 file brought")))
        self.assertIn("the page of demo in it is none", err)

    def test_no_room(self) -> None:
        """
        What does not fit is not begun, and it is told how much room there is.
        """
        self.patch(os, "environ", {"PROXYPYPI_MIN_FREE": "1000000TB"})
        bundle = self.write(make_bundle(packed(WHEEL)))
        status, _, err = self.run_here(bundle)
        self.assertEqual((1, []), (status, self.here()))
        self.assertIn(
            f"{bundle}: it brings {len(WHEEL.content):,} bytes, which do", err
        )

    def test_record(self) -> None:
        """
        Of a record that cannot be written it is told which it is.
        """
        bundle = self.write(make_bundle(packed(WHEEL)))
        for kind in ("decisions/first-seen", "cache/facts"):
            record = self.directory / ".proxypypi" / kind / "demo.json"
            record.mkdir(parents=True)
            status, _, err = self.run_here(bundle)
            told = f"proxypypi: {bundle}: {record}: Is a directory\n"
            self.assertEqual((1, told), (status, err))
            record.rmdir()

    def test_unreadable(self) -> None:
        """
        A bundle that is not there, or no file, is told.
        """
        os.mkfifo(self.base / "pipe")
        for name, word in (
            ("none.tar", "No such file"),
            ("cache", "Is a directory"),
            ("pipe", "it is no file"),
        ):
            status, _, err = self.run_here(str(self.base / name))
            self.assertEqual((1, True), (status, word in err), err)

    def test_misused(self) -> None:
        """
        Without a bundle, or a directory, nothing is done.
        """
        status, _, err = self.run_here()
        self.assertEqual((2, True), (status, "needs the name of a BUNDLE" in err))
        status, _, err = self.run_main("import", "-d", str(self.base / "no"), "x")
        self.assertEqual((2, True), (status, "no such directory" in err))

    def test_help(self) -> None:
        """
        It says what it takes, and what becomes of what is here.
        """
        _, listed, _ = self.run_main("--help")
        status, out, _ = self.run_main("import", "--help")
        said = " ".join(out.split())
        self.assertEqual(0, status)
        self.assertIn("\n    import ", listed)
        self.assertIn("Usage: proxypypi import [options] BUNDLE...", said)
        self.assertIn("none takes the place of another", said)
