"""
Tests for :mod:`proxypypi.commands.release`.
"""

import json
import os
from pathlib import Path
from time import time
from typing import Any

from twisted.internet.defer import maybeDeferred

from proxypypi.model import FileFacts, RawPage
from proxypypi.names import normalize
from proxypypi.rules.merge import iso
from proxypypi.store.directory import look
from proxypypi.store.facts import FactsStore
from proxypypi.store.pages import PageStore
from proxypypi.store.releases import load_releases
from tests.cli_case import CliTestCase
from tests.distributions import BuiltDistribution, make_wheel
from tests.fake_index import JSON

DAY = 86_400.0
DEMO = normalize("demo")
INDEX = "https://index.example/simple/"


class ReleaseTests(CliTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = Path(self.mktemp()).resolve()
        self.wheel = make_wheel("demo")
        self.put("demo", self.wheel)

    def put(self, folder: str, built: BuiltDistribution) -> None:
        path = self.directory / folder / built.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(built.content)

    def run_release(self, *arguments: str) -> tuple[object, str, str]:
        return self.run_main("release", "-d", str(self.directory), *arguments)

    def released(self, name: str = "demo") -> dict[str, str]:
        decisions = self.directory / ".proxypypi" / "decisions"
        released = load_releases(decisions, normalize(name))
        return {filename: each.sha256 for filename, each in released.items()}

    def test_release(self) -> None:
        """
        Name and digest of each file are kept, under the project that has it.
        """
        other = make_wheel("other")
        self.put("other", other)
        names = (self.wheel.filename, other.filename, self.wheel.filename)
        expected = (
            f"{self.wheel.filename} of demo is released\n"
            f"{other.filename} of other is released\n"
        )
        self.assertEqual((0, expected, ""), self.run_release(*names))
        self.assertEqual({self.wheel.filename: self.wheel.sha256}, self.released())
        self.assertEqual({other.filename: other.sha256}, self.released("other"))

    def list(self, *built: BuiltDistribution, age: float, **more: object) -> None:
        """
        Keep a page of demo's, as a server does.

        :param age: seconds since the files were uploaded.
        """
        files = [
            {
                "filename": each.filename,
                "url": each.filename,
                "hashes": {"sha256": each.sha256},
                "upload-time": iso(time() - age),
                **more,
            }
            for each in built
        ]
        page = {"meta": {"api-version": "1.0"}, "name": "demo", "files": files}
        raw = RawPage(
            index=INDEX, url=INDEX, content_type=JSON, body=json.dumps(page).encode()
        )
        store = PageStore(self.directory / ".proxypypi/cache/pages", maybeDeferred)
        store.save("demo", raw, 1.0)

    def test_listed(self) -> None:
        """
        What is held back need not be here: that its index lists it is enough, with the
        digest that it has there.
        """
        young, none = make_wheel("demo", "2.0"), make_wheel("other", "2.0")
        self.list(young, age=DAY)
        status, out, err = self.run_release(young.filename)
        self.assertEqual(
            (0, f"{young.filename} of demo is released\n", ""), (status, out, err)
        )
        self.assertEqual({young.filename: young.sha256}, self.released())
        self.assertEqual(1, self.run_release(none.filename)[0])

    def test_listed_without_digest(self) -> None:
        """
        Without a digest nobody knows which file that would be.
        """
        young = make_wheel("demo", "2.0")
        self.list(young, age=DAY, hashes={"md5": "0" * 32})
        status, out, err = self.run_release(young.filename)
        self.assertEqual((1, ""), (status, out))
        self.assertIn("no page that is kept there lists it with a sha256", err)
        self.assertEqual({}, self.released())

    def know(self, **more: Any) -> None:
        """
        Have facts about the wheel, as a server does.
        """
        here = look(self.directory, DEMO)[self.wheel.filename]
        facts = FileFacts(
            **{
                k: getattr(here, k)
                for k in ("size", "modified_at", "inode", "changed_at")
            },
            hashes={"sha256": self.wheel.sha256},
            seen_at=1.0,
            **more,
        )
        state = self.directory / ".proxypypi"
        store = FactsStore(state / "cache", state / "decisions", maybeDeferred)
        store.change_facts(DEMO, lambda _: {self.wheel.filename: facts})

    def test_free_anyway(self) -> None:
        """
        What is given out anyway is released all the same, as it may be held back some
        day; but that is said, if it is certain.
        """
        old, young = time() - 100 * DAY, time() - DAY
        week = {"PROXYPYPI_MIN_AGE": "7d"}
        cases: list[tuple[str, dict[str, Any], dict[str, str], bool]] = [
            ("private", {}, {}, True),
            ("cached, old", {"origin": INDEX, "uploaded_at": old}, {}, True),
            ("cached, young", {"origin": INDEX, "uploaded_at": young}, {}, False),
            ("of no age", {"origin": INDEX}, week, False),
            ("old enough", {"origin": INDEX, "uploaded_at": old}, week, True),
            ("too young", {"origin": INDEX, "uploaded_at": young}, week, False),
            (
                "perhaps withheld",
                {"origin": INDEX, "uploaded_at": old, "missed_at": old},
                *({}, False),
            ),
        ]
        for case, facts, environment, said in cases:
            self.know(**facts)
            self.patch(os, "environ", environment)
            status, _, err = self.run_release(self.wheel.filename)
            self.assertEqual(0, status, case)
            self.assertEqual(said, "is neither withheld nor held back" in err, case)
            self.assertEqual({self.wheel.filename: self.wheel.sha256}, self.released())

    def test_free_and_not_here(self) -> None:
        """
        So it is with what its index lists.
        """
        new = make_wheel("demo", "2.0")
        for age, said in ((100 * DAY, True), (DAY, False)):
            self.list(new, age=age)
            _, _, err = self.run_release(new.filename)
            self.assertEqual(said, "is neither withheld nor held back" in err)

    def test_directory(self) -> None:
        """
        Which directory it is may be said where a server is told.
        """
        config = Path(self.mktemp())
        config.write_text(f"dir = '{self.directory}'\n")
        for environment, options in (
            ({"PROXYPYPI_DIR": str(self.directory)}, []),
            ({}, ["--config", str(config)]),
        ):
            self.patch(os, "environ", environment)
            status, _, err = self.run_main("release", *options, self.wheel.filename)
            self.assertEqual((0, ""), (status, err))
            self.assertEqual({self.wheel.filename: self.wheel.sha256}, self.released())
            (self.directory / ".proxypypi/decisions/releases/demo.json").unlink()

    def test_json(self) -> None:
        """
        With --json, the report is one object; a file that is not here is an error.
        """
        status, out, err = self.run_release("--json", self.wheel.filename, "x-1.zip")
        self.assertEqual(1, status)
        self.assertEqual(
            {
                "released": [
                    {
                        "project": "demo",
                        "filename": self.wheel.filename,
                        "sha256": self.wheel.sha256,
                    }
                ],
                "missing": ["x-1.zip"],
            },
            json.loads(out),
        )
        self.assertIn("'x-1.zip'", err)

    def test_damaged_record(self) -> None:
        """
        That a record was damaged is said, and no reason to fail.
        """
        releases = self.directory / ".proxypypi" / "decisions" / "releases"
        releases.mkdir(parents=True)
        (releases / "demo.json").write_bytes(b"{")
        status, _, err = self.run_release(self.wheel.filename)
        self.assertEqual(0, status)
        self.assertIn("demo.json cannot be read", err)
        self.assertEqual({self.wheel.filename: self.wheel.sha256}, self.released())

    def test_misused(self) -> None:
        """
        Without a file, or with a name that files cannot have, nothing is done at all.
        """
        for names, word in (
            ([], "release needs the name of a FILE"),
            ([self.wheel.filename, "../x-1.zip"], "'../x-1.zip' is no file name"),
            ([self.wheel.filename, ""], "'' is no file name"),
        ):
            status, out, err = self.run_release(*names)
            self.assertEqual((2, ""), (status, out), names)
            self.assertIn(word, err)
        self.assertFalse((self.directory / ".proxypypi").exists())

    def test_no_pattern(self) -> None:
        """
        A name stands for itself, whatever a shell would make of it.
        """
        status, _, err = self.run_release("*")
        self.assertEqual(1, status)
        self.assertIn("there is no file '*'", err)

    def test_hidden(self) -> None:
        """
        What lies in hidden directories is nobody's file.
        """
        hidden = make_wheel("hidden")
        self.put(".proxypypi", hidden)
        self.assertEqual(1, self.run_release(hidden.filename)[0])

    def test_help(self) -> None:
        """
        It is listed among the commands, and says how it is used.
        """
        _, listed, _ = self.run_main("--help")
        self.assertIn("\n    release ", listed)
        status, out, _ = self.run_main("release", "--help")
        self.assertEqual(0, status)
        self.assertIn("Usage: proxypypi release [options] FILE...\n", out)
