"""
Tests for :mod:`proxypypi.commands.remove`.
"""

import io
import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from proxypypi.model import RawPage
from proxypypi.names import normalize
from proxypypi.store.claims import ClaimStore
from proxypypi.store.removed import Removed, load_removed
from tests.fake_index import JSON
from tests.stock_case import StockTestCase

DEMO = normalize("demo")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class RemoveTests(StockTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(sys, "stdin", io.StringIO())

    def here(self) -> set[str]:
        return {
            path.name
            for path in self.directory.rglob("*")
            if path.is_file() and ".proxypypi" not in path.parts
        }

    def removed(self) -> Sequence[Removed]:
        return load_removed(self.decisions, DEMO)

    def test_version(self) -> None:
        """
        The files of a version are deleted, and it is on record what they were.
        """
        self.patch(sys.modules["proxypypi.commands.remove"], "getuser", lambda: "ada")
        status, out, err = self.run_command("remove", "demo", "1", "--reason", "bad")
        self.assertEqual((0, ""), (status, err))
        self.assertIn(f"demo/{self.sdist.filename} is removed\n", out)
        self.assertIn(f"{self.wheel.filename} is removed\n", out)
        self.assertEqual({self.second.filename}, self.here())
        first = self.removed()[0]
        self.assertLess(abs(time.time() - first.removed_at), 60)
        self.assertEqual(self.wheel.sha256, first.sha256)
        self.assertEqual(len(self.wheel.content), first.size)
        self.assertEqual(("ada", "bad"), (first.by, first.reason))

    def test_files(self) -> None:
        """
        So are files that are named, and all of a project; the claim stays.
        """
        self.run_command("claim", "demo")
        self.assertEqual(0, self.run_command("remove", "demo", self.sdist.filename)[0])
        self.assertEqual({self.wheel.filename, self.second.filename}, self.here())
        self.assertEqual(0, self.run_command("remove", "demo")[0])
        self.assertEqual(set(), self.here())
        self.assertEqual(3, len(self.removed()))
        self.assertTrue(ClaimStore.of(self.directory).is_claimed(DEMO))

    def test_cached(self) -> None:
        """
        A cached file is deleted only if it is named.
        """
        self.remember(self.wheel)
        self.assertEqual(0, self.run_command("remove", "demo")[0])
        self.assertEqual({self.wheel.filename}, self.here())
        status, _, err = self.run_command("remove", "demo", "1.0")
        self.assertEqual(1, status)
        self.assertIn("there is no private file of demo 1.0 in ", err)
        self.assertEqual(0, self.run_command("remove", "demo", self.wheel.filename)[0])
        self.assertEqual(set(), self.here())

    def test_cached_by_its_page(self) -> None:
        """
        If nothing is remembered of the very file, the page that is kept tells, by the
        digest.
        """
        self.remember(self.second, inode=0)
        files = [
            {"filename": b.filename, "url": "x", "hashes": {"sha256": digest}}
            for b, digest in (
                (self.wheel, self.wheel.sha256),
                (self.sdist, "00" * 32),
            )
        ]
        body = json.dumps({"meta": {"api-version": "1.0"}, "files": files}).encode()
        raw = RawPage(index="", url="http://x/", content_type=JSON, body=body)
        self.pages.save("demo", raw, 1.0)
        self.assertEqual(0, self.run_command("remove", "demo")[0])
        self.assertEqual({self.wheel.filename}, self.here())

    def test_dry_run(self) -> None:
        """
        With --dry-run it is said what would be removed, and nothing is.
        """
        status, out, _ = self.run_command("remove", "--dry-run", "demo", "2.0")
        expected = f"Demo/{self.second.filename} would be removed\n"
        self.assertEqual((0, expected), (status, out))
        self.assertEqual(3, len(self.here()))
        self.assertEqual([], self.removed())

    def test_json(self) -> None:
        """
        With --json, the report is one object.
        """
        _, out, _ = self.run_command("remove", "--json", "demo", "2.0")
        report = json.loads(out)
        self.assertEqual(("demo", False), (report["project"], report["dry-run"]))
        [removed] = report["removed"]
        self.assertEqual(self.second.filename, removed["filename"])
        self.assertEqual(self.second.sha256, removed["sha256"])

    def test_terminal(self) -> None:
        """
        Who sits at a terminal is asked, unless --yes says it all.
        """
        for answer, options, expected in (
            ("\n", (), 1),
            ("no\n", (), 1),
            ("", (), 1),
            ("y\n", (), 0),
            ("", ("--yes",), 0),
        ):
            self.patch(sys, "stdin", Terminal(answer))
            path = self.put("demo", self.sdist)
            name = self.sdist.filename
            status, _, err = self.run_command("remove", "demo", name, *options)
            self.assertEqual((expected, expected == 1), (status, path.exists()), answer)
            self.assertEqual(not options, f"{path}\nRemove these files? [y/N] " in err)
            self.assertEqual(expected == 1, "nothing was removed" in err)

    def test_unknown(self) -> None:
        """
        If one thing is not there, nothing is deleted.
        """
        for operands, word in (
            (("other",), "there is no project other in "),
            (("demo", "3.0"), "there is no private file of demo 3.0 in "),
            (
                ("demo", self.sdist.filename, "demo-9.zip"),
                "there is no file 'demo-9.zip' of demo in ",
            ),
        ):
            status, out, err = self.run_command("remove", *operands)
            self.assertEqual((1, ""), (status, out), operands)
            self.assertIn(word, err)
        self.assertEqual(3, len(self.here()))

    def test_not_removed(self) -> None:
        """
        What cannot be deleted is said, and the rest is deleted.
        """
        unlink = os.unlink

        def fail(path: Any, *rest: Any, **more: Any) -> None:
            if str(path).endswith(self.sdist.filename):
                raise PermissionError(13, "Permission denied")
            unlink(path, *rest, **more)

        self.patch(os, "unlink", fail)
        status, out, err = self.run_command("remove", "demo", "1.0")
        self.assertEqual((1, f"{self.wheel.filename} is removed\n"), (status, out))
        self.assertIn(f"{self.sdist.filename} cannot be removed: Permission", err)
        self.assertEqual([self.wheel.filename], [r.filename for r in self.removed()])

    def test_twice_here(self) -> None:
        """
        If there is another of that name behind it, that is said.
        """
        path = self.put("demo", self.wheel)
        status, _, err = self.run_command("remove", "demo", self.wheel.filename)
        self.assertEqual(1, status)
        self.assertIn(f"there is another {path}: remove it, too", err)

    def test_damaged_record(self) -> None:
        """
        That the record was damaged is said, and no reason to fail.
        """
        record = self.decisions / "removed" / "demo.json"
        record.parent.mkdir(parents=True)
        record.write_bytes(b"{")
        status, _, err = self.run_command("remove", "demo", "2.0")
        self.assertEqual(0, status)
        self.assertIn(f"{record} cannot be read", err)
        self.assertEqual(1, len(self.removed()))

    def test_misused(self) -> None:
        """
        Without a project, or with patterns or names that cannot be, nothing is done.
        """
        self.check_misuse(
            "remove",
            ((), "remove needs a PROJECT"),
            (("demo", "*.whl"), "'*.whl' is a pattern"),
            (("demo", "1.?"), "'1.?' is a pattern"),
            (("*",), "'*' is no project name"),
            (("demo", "a.whl", "../x.whl"), "'../x.whl' is no file name"),
        )

    def test_help(self) -> None:
        """
        It is listed among the commands, and says how it is used.
        """
        self.check_help("remove", "PROJECT [VERSION | FILE...]")
