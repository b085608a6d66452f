"""
Tests for :mod:`proxypypi.commands.prune`.
"""

import json
import os
import shutil
from typing import Any
from unittest import mock

from proxypypi.commands import prune
from proxypypi.rules.asking import Asking
from proxypypi.store.asking import AskingStore
from proxypypi.store.locked import open_locked
from proxypypi.store.pins import PinStore
from proxypypi.store.tally import Tally
from tests.cli_case import CliTestCase
from tests.distributions import make_wheel
from tests.eviction_case import LONG, EvictionTestCase
from tests.proxy_case import INDEX_URL


class PruneTests(CliTestCase, EvictionTestCase):
    """
    Of demo, 1 to 4 have been fetched, in this order, and there is a private file.
    """

    def setUp(self) -> None:
        CliTestCase.setUp(self)
        EvictionTestCase.setUp(self)
        self.patch(prune, "time", self.clock.seconds)
        self.patch(os, "environ", {"HOME": os.environ.get("HOME", "")})
        self.fetch("1234")
        self.drop(make_wheel("ours"))
        self.leave_word(INDEX_URL)

    def prune(self, *arguments: str) -> tuple[object, str, str]:
        return self.run_main("prune", "-d", str(self.directory), *arguments)

    def report(self, *arguments: str) -> Any:
        status, out, err = self.prune("--json", *arguments)
        self.assertEqual((0, ""), (status, err))
        return json.loads(out)

    def versions(self, report: Any) -> str:
        return "".join(f["filename"].split("-")[1] for f in report["removed"])

    def bytes_of(self, files: float) -> str:
        return str(round(files * self.size))

    def leave_word(self, *indexes: str) -> None:
        """
        A server has run here that asks these.
        """
        asking = Asking(indexes=dict.fromkeys(indexes, ("*",)))
        AskingStore.of(self.directory).save(asking)

    def leave(self, name: str, content: bytes = b"partial") -> None:
        """
        A crash leaves a file that was on its way.
        """
        partial = self.directory / ".proxypypi" / "cache" / "partial" / "demo" / name
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)

    def test_by_size(self) -> None:
        """
        What was not used for longest goes until the rest fits; private files stay.
        """
        self.fetch("1", pause=LONG)
        report = self.report("--max-size", self.bytes_of(2.5))
        self.assertEqual("23", self.versions(report))
        self.assertEqual(2 * self.size, report["freed"])
        self.assertEqual(2 * self.size, report["left"])
        self.assertEqual("14", self.here())
        self.assertEqual(3, len(self.kept()))
        self.assertEqual("", self.versions(self.report("--max-size", "1TB")))

    def test_unused(self) -> None:
        """
        Or whatever was not used for so long, however much there is.
        """
        self.fetch("1", pause=LONG)
        report = self.report("--unused-for", f"{2.5 * LONG}")
        self.assertEqual("23", self.versions(report))
        self.assertEqual("14", self.here())
        self.assertEqual("14", self.versions(self.report("--unused-for", "1m"))[::-1])

    def test_both(self) -> None:
        """
        Or both.
        """
        bounds = ("--unused-for", f"{3.5 * LONG}", "--max-size", self.bytes_of(2.5))
        self.assertEqual("12", self.versions(self.report(*bounds)))
        self.assertEqual("34", self.here())

    def test_dry_run(self) -> None:
        """
        What would go is listed, with its size and last use, and nothing does.
        """
        self.leave("demo-9.whl.5f")
        before = {str(p): p.stat().st_mtime_ns for p in self.directory.rglob("*")}
        status, out, err = self.prune("--dry-run", "--max-size", self.bytes_of(2.5))
        self.assertEqual((0, ""), (status, err))
        lines = out.splitlines()
        self.assertEqual(4, len(lines))
        self.assertRegex(lines[0], rf"^ +{self.size:,}  20..-..-.. ..:..  demo-1-py3")
        self.assertRegex(lines[1], rf"^ +{self.size:,}  20..-..-.. ..:..  demo-2-py3")
        self.assertRegex(lines[2], r"^ +7  left over         demo/demo-9\.whl\.5f$")
        self.assertEqual(
            f"files that would be removed: 3, {2 * self.size + 7:,} bytes; "
            f"cached files of {2 * self.size:,} bytes stay",
            lines[3],
        )
        after = {str(p): p.stat().st_mtime_ns for p in self.directory.rglob("*")}
        self.assertEqual(before, after)
        report = self.report("--dry-run", "--unused-for", "1m")
        self.assertTrue(report["dry-run"])
        self.assertEqual(4, len(report["removed"]))
        _, out, _ = self.prune("--max-size", self.bytes_of(2.5))
        self.assertIn("files that are removed: 3, ", out)
        self.assertEqual("34", self.here())

    def test_left_over(self) -> None:
        """
        What crashes left goes, but not what is on its way now.
        """
        self.leave("demo-9.whl.5f")
        self.index.add(make_wheel("other", payload=100_000))
        self.threads.hold("_publish")
        self.get("/simple/other/")
        transfer = self.start("/files/other/other-1.0-py3-none-any.whl")
        (_, held) = self.partials()
        report = self.report("--max-size", "1TB")
        self.assertEqual(
            ["demo/demo-9.whl.5f"], [f["path"] for f in report["left-over"]]
        )
        self.assertEqual([held], self.partials())
        self.threads.release()
        self.flush()
        self.assertTrue(transfer.is_complete)

    def test_pinned(self) -> None:
        """
        What is pinned stays; if that is too much it is told.
        """
        PinStore.of(self.directory).pin(["demo"], 1.0)
        status, out, err = self.prune("--max-size", "1")
        self.assertEqual(0, status)
        self.assertIn("files that are removed: 0, ", out)
        self.assertIn("pinned", err)
        self.assertEqual("1234", self.here())

    def test_nobody_is_asked(self) -> None:
        """
        Of a stand-alone index everything stays, as nothing could be fetched again.
        """
        _, _, err = self.run_with("PROXYPYPI_NO_PROXY", "yes", "--max-size", "1")
        self.assertIn("could not be fetched again", err)
        self.assertEqual("1234", self.here())

    def test_server_asks_others(self) -> None:
        """
        So it does if the server was told by its command line alone that it is one, or
        to ask another index than the one that they came from.
        """
        for indexes in ((), ("http://mirror.example/simple/",)):
            self.leave_word(*indexes)
            _, _, err = self.prune("--max-size", "1")
            self.assertIn("could not be fetched again", err)
            self.assertEqual("1234", self.here())

    def run_with(
        self, variable: str, value: str, *arguments: str
    ) -> tuple[object, str, str]:
        with mock.patch.dict(os.environ, {variable: value}):
            return self.prune(*arguments)

    def test_configured(self) -> None:
        """
        Without an option, the server's bound counts; an option beats it.
        """
        name, value = "PROXYPYPI_MAX_SIZE", self.bytes_of(2.5)
        self.assertEqual(0, self.run_with(name, "1", "--max-size", "1GB")[0])
        self.assertEqual("1234", self.here())
        self.assertEqual(0, self.run_with(name, value)[0])
        self.assertEqual("34", self.here())

    def test_counted(self) -> None:
        """
        A server that counts knows of it.
        """
        self.report("--max-size", self.bytes_of(2.5))
        count = Tally.of(self.directory).read()
        assert count is not None
        self.assertEqual(2 * self.size, count.size)

    def test_beside_a_server(self) -> None:
        """
        A running server serves on: what has gone it fetches again.
        """
        self.get(self.url("1"))
        self.advance(LONG)
        self.files("demo")
        self.report("--max-size", "0")
        self.assertEqual("", self.here())
        for version in "1234":
            answer = self.get(self.url(version))
            self.assertEqual((200, self.wheels[version].content),
                             (answer.code, answer.body))  # fmt: skip

    def test_another_is_at_it(self) -> None:
        """
        Whoever evicts is waited for, but not for ever.
        """
        waited: list[float] = []
        self.patch(prune, "sleep", waited.append)
        turn = self.directory / ".proxypypi" / "cache" / "turns" / "eviction.turn"
        turn.parent.mkdir()
        lock = open_locked(turn)
        status, out, err = self.prune("--max-size", "0")
        self.assertEqual((1, ""), (status, out))
        self.assertIn("try again", err)
        self.assertEqual(60, round(sum(waited)))
        os.close(lock)
        self.assertEqual(0, self.prune("--max-size", "0")[0])

    def test_trouble(self) -> None:
        """
        What cannot be removed, or known, is told, and the status is 1.
        """
        record = self.directory / ".proxypypi" / "decisions" / "pins" / "pins.json"
        record.parent.mkdir(parents=True)
        record.write_bytes(b"nonsense")
        status, _, err = self.prune("--max-size", "0")
        self.assertEqual(1, status)
        self.assertIn("everything counts as pinned", err)
        shutil.rmtree(record.parent)

        def refuse(path: Any, *more: Any, **options: Any) -> None:
            if str(path).endswith(".whl"):
                raise PermissionError(1, "Operation not permitted", str(path))

        self.patch(os, "unlink", refuse)
        status, out, err = self.prune("--max-size", "0")
        self.assertEqual(1, status)
        self.assertIn("files that are removed: 0, ", out)
        self.assertIn("cannot be removed: Operation not permitted", err)

    def test_misuse(self) -> None:
        """
        It has to be said what is too much, in sizes and durations.
        """
        for arguments, word in (
            ((), "needs --max-size or --unused-for"),
            (("--max-size", "much"), "--max-size: 'much' is not a number of bytes"),
            (("--unused-for", "long"), "--unused-for: 'long' is not a number of"),
            (("--max-size", "1", "demo"), "arguments"),
        ):
            status, out, err = self.prune(*arguments)
            self.assertEqual((2, ""), (status, out), arguments)
            self.assertIn(word, err)
        self.assertEqual("1234", self.here())

    def test_help(self) -> None:
        """
        It is listed among the commands, and says what its options are.
        """
        _, listed, _ = self.run_main("--help")
        self.assertIn("\n    prune ", listed)
        status, out, _ = self.run_main("prune", "--help")
        self.assertEqual(0, status)
        for option in ("--max-size=", "--unused-for=", "--dry-run"):
            self.assertIn(option, out)
