"""
Tests for :mod:`proxypypi.commands.verify`.
"""

import json
import os
import sys
import time
from importlib import import_module
from typing import Any

from attrs import evolve

from proxypypi.quantities import amount
from proxypypi.rules.asking import Asking
from proxypypi.store.asking import AskingStore
from tests.stock_case import INDEX, StockTestCase

MODULE = sys.modules["proxypypi.commands.verify"]
VERIFYING: Any = import_module("proxypypi.cache.verifying")


class VerifyTests(StockTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(MODULE, "time", lambda: time.time() + 10.0)  # all has settled
        self.patch(MODULE, "sleep", lambda _: None)
        AskingStore.of(self.directory).save(Asking(indexes={INDEX: ("*",)}))
        self.size = sum(len(b.content) for b in (self.wheel, self.sdist, self.second))

    def rot(self) -> None:
        """
        Have a cached file of demo be damaged, which its index lists.
        """
        rotten = self.sdist.content[:-3] + b"???"
        self.put("demo", evolve(self.sdist, content=rotten))
        self.remember(self.sdist)
        self.keep_page(self.sdist)

    def verify(self, *arguments: str) -> tuple[object, list[str], str]:
        status, out, err = self.run_command("verify", *arguments)
        return status, out.splitlines(), err

    def report(self, *arguments: str) -> Any:
        return json.loads(self.run_command("verify", "--json", *arguments)[1])

    def test_sound(self) -> None:
        """
        If nothing is wrong, that is said in one line.
        """
        self.remember(self.wheel)
        expected = [f"3 files, {amount(self.size)}: all is well"]
        self.assertEqual((0, expected, ""), self.verify())

    def test_damaged(self) -> None:
        """
        What is wrong is a line, and the status 1; nothing is changed.
        """
        self.rot()
        status, (line, summary), err = self.verify()
        self.assertEqual((1, ""), (status, err))
        name = self.sdist.filename
        start = f"error: demo/{name}: its bytes are not what they were"
        self.assertTrue(line.startswith(start), line)
        self.assertIn("; have it removed by --repair, and fetched again", line)
        self.assertEqual(f"3 files, {amount(self.size)}: 1 error, 0 warnings", summary)
        self.assertTrue((self.directory / "demo" / name).exists())

    def test_repair(self) -> None:
        """
        With --repair it is removed, and then all is well.
        """
        self.rot()
        left = self.cache / "partial" / "demo" / "demo-9.zip.5f"
        left.parent.mkdir(parents=True)
        left.write_bytes(b"x")
        status, lines, _ = self.verify("--repair")
        self.assertEqual(0, status)
        self.assertEqual(3, len(lines))
        for line in lines[:-1]:
            self.assertTrue(line.startswith("repaired: "), line)
            self.assertNotIn(";", line)
        self.assertTrue(lines[-1].endswith(": all is well"), lines[-1])
        self.assertFalse((self.directory / "demo" / self.sdist.filename).exists())
        self.assertFalse(left.exists())
        self.assertEqual(0, self.verify()[0])

    def test_beyond_repair(self) -> None:
        """
        Private files and decisions are told by --repair as without it, and stay.
        """
        self.rot()
        self.remember(self.sdist, origin=None)
        self.keep_page()
        claim = self.decisions / "claims" / "demo.json"
        claim.parent.mkdir(parents=True)
        claim.write_bytes(b"{")
        status, lines, _ = self.verify("--repair")
        self.assertEqual((1, 3), (status, len(lines)))
        self.assertTrue(claim.exists())
        self.assertTrue((self.directory / "demo" / self.sdist.filename).exists())
        self.assertEqual(lines, self.verify()[1])

    def test_nobody_is_asked(self) -> None:
        """
        Where no index is asked, by the environment or a file, nothing is removed that
        one would have to give again.
        """
        self.rot()
        config = self.directory.with_name("c.toml")
        others = f'[[upstream]]\nname = "x"\nurl = "{INDEX}"\nprojects = ["acme-*"]'
        for text in (
            *("no-proxy = true", 'private = ["de*"]', 'deny = ["demo"]'),
            *(others, 'index-url = "https://another.example/simple/"'),
        ):
            config.write_text(text + "\n")
            status, _, _ = self.verify("--repair", "--config", str(config))
            self.assertEqual(1, status, text)
        self.assertEqual(0, self.verify("--repair")[0])

    def test_server_asks_others(self) -> None:
        """
        So it is if the server was told that by its command line alone.
        """
        self.rot()
        AskingStore.of(self.directory).save(Asking())
        status, (line, _), _ = self.verify("--repair")
        self.assertEqual(1, status)
        self.assertIn("; no index is known to have it: ", line)
        self.assertTrue((self.directory / "demo" / self.sdist.filename).exists())

    def test_cannot_repair(self) -> None:
        """
        What cannot be removed is an error that is left, with the reason.
        """
        self.rot()

        def fail(path: Any) -> None:
            raise PermissionError(13, "Permission denied")

        self.patch(os, "unlink", fail)
        status, (line, _), _ = self.verify("--repair")
        self.assertEqual(1, status)
        self.assertIn("; it cannot be removed: Permission denied", line)
        self.assertTrue(line.startswith("error: "), line)

    def test_repaired_by_others(self) -> None:
        """
        What was put right by somebody else meanwhile is not told.
        """
        self.rot()
        find_strays = VERIFYING.find_strays

        def meanwhile(root: Any) -> Any:
            self.put("demo", self.sdist)
            return find_strays(root)

        self.patch(VERIFYING, "find_strays", meanwhile)
        status, lines, _ = self.verify("--repair")
        self.assertEqual((0, 1), (status, len(lines)))

    def test_strays(self) -> None:
        """
        What is left out is a warning, which the status does not tell.
        """
        (self.directory / "demo" / "a\nb.txt").touch()
        status, (line, summary), _ = self.verify()
        self.assertEqual(0, status)
        said = "warning: demo/a b.txt: it is no distribution, by its name"
        self.assertEqual(said, line)
        self.assertTrue(summary.endswith(": 0 errors, 1 warning"), summary)

    def test_json(self) -> None:
        """
        With --json, the report is one object.
        """
        self.rot()
        name = f"demo/{self.sdist.filename}"
        for arguments, repaired in (((), False), (("--repair",), True)):
            report = self.report(*arguments)
            (fault,) = report.pop("faults")
            expected = {"files": 3, "bytes": self.size, "missing": []}
            self.assertEqual(expected, report)
            self.assertEqual(
                ("error", name, repaired),
                (fault["grade"], fault["path"], fault["repaired"]),
            )
            self.assertTrue(fault["what"])
            self.assertTrue(fault["advice"])

    def test_named(self) -> None:
        """
        Of named projects, only theirs is looked at; one that is not here is told.
        """
        self.rot()
        (self.directory / "other").mkdir()
        (self.directory / "other" / "x.txt").touch()
        self.assertEqual(1, self.verify("Demo")[0])
        status, lines, err = self.verify("other")
        self.assertEqual(1, status)
        self.assertEqual(2, len(lines))
        self.assertIn("other/x.txt", lines[0])
        said = f"proxypypi: there is no file of other in {self.directory}\n"
        self.assertEqual(said, err)
        self.assertEqual(["other"], self.report("other", "demo")["missing"])

    def test_misused(self) -> None:
        """
        A name that is none is nonsense.
        """
        self.check_misuse("verify", (("../x",), "'../x' is no project name"))

    def test_help(self) -> None:
        """
        It is listed among the commands, and says how it is used.
        """
        self.check_help("verify", "[PROJECT...]")
