"""
Tests for :mod:`proxypypi.commands.yank`.
"""

import json

from twisted.internet.defer import maybeDeferred

from proxypypi.model import RawPage
from proxypypi.names import normalize
from proxypypi.store.marks import load_yanks
from proxypypi.store.pages import PageStore
from tests.fake_index import JSON
from tests.project_case import ProjectTestCase


class YankTests(ProjectTestCase):
    def yanked(self, name: str = "demo") -> tuple[dict[str, str], dict[str, str]]:
        yanks = load_yanks(self.decisions, normalize(name))
        return yanks.versions, yanks.files

    def test_release(self) -> None:
        """
        A release is yanked however its version is spelt, and no more after unyank.
        """
        status, out, err = self.run_command("yank", "Demo", "1", "--reason", "broken")
        self.assertEqual((0, "demo 1 is yanked: broken\n", ""), (status, out, err))
        self.assertEqual(({"1": "broken"}, {}), self.yanked())
        self.assertEqual(0, self.run_command("yank", "demo", "1.0.0")[0])
        self.assertEqual(({"1": ""}, {}), self.yanked())
        status, out, err = self.run_command("unyank", "demo", "1.0")
        self.assertEqual((0, "demo 1.0 is no longer yanked\n", ""), (status, out, err))
        self.assertEqual(({}, {}), self.yanked())

    def test_files(self) -> None:
        """
        So are files of it, one by one or together.
        """
        files = (self.wheel.filename, self.sdist.filename)
        status, out, _ = self.run_command("yank", "demo", "1.0", *files, "--reason=old")
        self.assertEqual(0, status)
        self.assertEqual("".join(f"{f} is yanked: old\n" for f in files), out)
        self.assertEqual(({}, dict.fromkeys(files, "old")), self.yanked())
        self.assertEqual(0, self.run_command("unyank", "demo", "1.0", files[0])[0])
        self.assertEqual(({}, {files[1]: "old"}), self.yanked())
        (self.directory / "demo" / files[1]).unlink()
        self.assertEqual(0, self.run_command("unyank", "demo", "1.0")[0])
        self.assertEqual(({}, {}), self.yanked())

    def test_listed(self) -> None:
        """
        What is on the page of an index that is kept may be yanked, unless the name is
        claimed.
        """
        store = PageStore(self.directory / ".proxypypi/cache/pages", maybeDeferred)
        body = json.dumps(
            {
                "meta": {"api-version": "1.0"},
                "name": "theirs",
                "files": [{"filename": "theirs-3.tar.gz", "url": "x", "hashes": {}}],
            }
        ).encode()
        raw = RawPage(index="", url="http://x/", content_type=JSON, body=body)
        store.save(normalize("theirs"), raw, 1.0)
        self.assertEqual(0, self.run_command("yank", "theirs", "3.0")[0])
        self.assertEqual(({"3": ""}, {}), self.yanked("theirs"))
        self.run_command("claim", "theirs")
        self.assertEqual(1, self.run_command("yank", "theirs", "3.0")[0])

    def test_json(self) -> None:
        """
        With --json, the report is one object.
        """
        _, out, _ = self.run_command("yank", "--json", "demo", "1.0", "--reason", "x")
        expected = {"project": "demo", "version": "1.0", "files": [], "reason": "x"}
        self.assertEqual(expected, json.loads(out))
        _, out, _ = self.run_command("unyank", "--json", "demo", "1.0")
        del expected["reason"]
        self.assertEqual(expected, json.loads(out))

    def test_unknown(self) -> None:
        """
        What is not there is not yanked, and what is not yanked not taken back.
        """
        for command, operands, word in (
            ("yank", ("other", "1.0"), "there is no project other in "),
            ("yank", ("demo", "3.0"), "there is no version 3.0 of demo in "),
            ("yank", ("demo", "1.0", self.second.filename), "is no file of demo 1.0"),
            ("unyank", ("demo", "1.0"), "demo 1.0 is not yanked here"),
            ("unyank", ("demo", "1.0", self.wheel.filename), "is not yanked here"),
        ):
            status, out, err = self.run_command(command, *operands)
            self.assertEqual((1, ""), (status, out), operands)
            self.assertIn(word, err)
        self.assertEqual(({}, {}), self.yanked())

    def test_file_of_a_yanked_release(self) -> None:
        """
        A file is not taken out of a release that is yanked as a whole.
        """
        self.run_command("yank", "demo", "1.0")
        status, _, err = self.run_command("unyank", "demo", "1.0", self.wheel.filename)
        self.assertEqual(1, status)
        self.assertIn("all of demo 1.0 is yanked", err)

    def test_damaged_record(self) -> None:
        """
        A damaged record is left alone, and named.
        """
        record = self.decisions / "yanks" / "demo.json"
        record.parent.mkdir(parents=True)
        record.write_bytes(b"{")
        for command in ("yank", "unyank"):
            status, _, err = self.run_command(command, "demo", "1.0")
            self.assertEqual(1, status)
            self.assertIn(f"{record} cannot be read, so all its files count", err)
        self.assertEqual(b"{", record.read_bytes())

    def test_misused(self) -> None:
        """
        Without a version, or with names that cannot be, nothing is done at all.
        """
        for command in ("yank", "unyank"):
            self.check_misuse(
                command,
                ((), f"{command} needs a PROJECT"),
                (("demo",), f"{command} needs a PROJECT and a VERSION"),
                (("../x", "1.0"), "'../x' is no project name"),
                (("demo", "1.0", "../x-1.zip"), "'../x-1.zip' is no file name"),
            )

    def test_help(self) -> None:
        """
        Both are listed among the commands, and say how they are used.
        """
        for command in ("yank", "unyank"):
            self.check_help(command, "PROJECT VERSION [FILE...]")
