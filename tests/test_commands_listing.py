"""
Tests for :mod:`proxypypi.commands.listing`.
"""

import json
from typing import Any

from proxypypi.cache import inventory
from proxypypi.model import LocalFile
from proxypypi.names import NormalizedName, normalize
from proxypypi.quantities import amount
from proxypypi.rules.inventory import Item, describe
from tests.distributions import make_wheel
from tests.stock_case import INDEX, SEEN_AT, StockTestCase

DAY = 86_400.0


class ListTests(StockTestCase):
    def said(self, *arguments: str) -> list[str]:
        status, out, err = self.run_command("list", *arguments)
        self.assertEqual((0, ""), (status, err))
        return out.splitlines()

    def report(self, *arguments: str) -> Any:
        return json.loads("\n".join(self.said("--json", *arguments)))

    def size(self) -> int:
        files = (self.wheel, self.sdist, self.second)
        return sum(len(built.content) for built in files)

    def test_projects(self) -> None:
        """
        Without a name there is a line for each project.
        """
        attrs = make_wheel("attrs")
        self.put(".", attrs)
        self.remember(attrs, origin=None)
        self.remember(self.wheel, self.sdist)
        self.run_command("claim", "attrs")
        self.run_command("mark", "demo", "archived", "--reason", "a\tb\nc")
        self.assertEqual(
            [
                f"attrs  1 file  {amount(len(attrs.content))}  1 private  claimed",
                f"demo  3 files  {amount(self.size())}  2 cached, 1 not read yet"
                "  archived: a b c",
            ],
            self.said(),
        )

    def test_projects_for_programs(self) -> None:
        """
        With --json it is one object.
        """
        self.remember(self.wheel)
        self.assertEqual(
            {
                "projects": [
                    {
                        "project": "demo",
                        "count": 3,
                        "bytes": self.size(),
                        "private": 0,
                        "cached": 1,
                        "unread": 2,
                        "claimed": False,
                        "denied": False,
                        "status": None,
                        "status-reason": None,
                    }
                ]
            },
            self.report(),
        )

    def test_nothing(self) -> None:
        """
        Where nothing is, nothing is said.
        """
        for path in self.directory.rglob("*"):
            if path.is_file():
                path.unlink()
        self.assertEqual([], self.said())
        self.assertEqual({"projects": []}, self.report())

    def test_denied(self) -> None:
        """
        What the environment or a file denies is told.
        """
        config = self.directory / "c.toml"
        config.write_text('deny = ["de*"]\n')
        (line,) = self.said("--config", str(config))
        self.assertTrue(line.endswith("3 not read yet  denied"), line)
        self.assertTrue(self.report("--config", str(config))["projects"][0]["denied"])

    def test_files(self) -> None:
        """
        With a name, in any spelling, there is a line for each file: where it lies, and
        what is known of it.
        """
        self.remember(self.wheel)
        self.remember(self.sdist, origin=None)
        self.run_command("yank", "demo", "2.0", "--reason", "loses\ndata")
        self.keep_page(self.wheel, yanked=True)
        wheel, sdist, second = self.wheel, self.sdist, self.second
        self.assertEqual(
            [
                f"{wheel.filename}  1.0  {amount(len(wheel.content))}"
                f"  cached from {INDEX}  yanked upstream",
                f"demo/{sdist.filename}  1.0  {amount(len(sdist.content))}  private",
                f"Demo/{second.filename}  2.0  {amount(len(second.content))}"
                "  not read yet  yanked here: loses data",
            ],
            self.said("Demo"),
        )

    def test_on_one_line(self) -> None:
        """
        An address that somebody made up breaks no line, and no terminal.
        """
        self.remember(self.wheel, origin="http://e\x1b[31m\nx/")
        self.assertIn("  cached from http://e [31m x/", self.said("demo")[0])

    def test_removed_upstream(self) -> None:
        """
        What upstream has no longer is told, and what is withheld for that, or would be.
        """
        missed = {"missed_at": SEEN_AT + DAY, "missed_again": True}
        self.remember(self.sdist, self.second, uploaded_at=SEEN_AT, **missed)
        self.remember(self.wheel, uploaded_at=SEEN_AT - 100 * DAY, **missed)
        self.run_command("release", self.second.filename)
        gone = "removed upstream by 2023-11-15T22:13:20Z"
        lines = self.said("demo")
        for line, end in zip(
            lines, (gone, f"{gone}  withheld", f"{gone}  released"), strict=True
        ):
            self.assertTrue(line.endswith(f"  cached from {INDEX}  {end}"), line)

    def test_held_back(self) -> None:
        """
        What is too young is told, and until when, if that is known.
        """
        self.remember(self.wheel, uploaded_at=4_000_000_000.0)
        self.remember(self.sdist)
        path = self.directory / "proxypypi.toml"
        path.write_text("min-age = '7d'\n")
        lines = self.said("demo", "--config", str(path))
        until = "held back until 2096-10-09T07:06:40Z"
        self.assertTrue(lines[0].endswith(f"  {until}"), lines[0])
        self.assertTrue(lines[1].endswith("  held back"), lines[1])
        (project,) = self.report("demo", "--config", str(path))["projects"]
        told = [file["held-back"] for file in project["files"]]
        self.assertEqual(["2096-10-09T07:06:40Z", "9999-12-31T23:59:59Z", None], told)

    def test_files_for_programs(self) -> None:
        """
        With --json, each file has all that is known of it.
        """
        self.remember(self.wheel, uploaded_at=SEEN_AT)
        report = self.report("demo")
        self.assertEqual([], report["missing"])
        (project,) = report["projects"]
        self.assertEqual(("demo", 3), (project["project"], project["count"]))
        self.assertEqual(
            {
                "filename": self.wheel.filename,
                "path": self.wheel.filename,
                "version": "1.0",
                "bytes": len(self.wheel.content),
                "kind": "cached",
                "index": INDEX,
                "sha256": self.wheel.sha256,
                "uploaded": "2023-11-14T22:13:20Z",
                "yanked": None,
                "yanked-here": False,
                "removed-upstream": None,
                "withheld": False,
                "held-back": None,
                "released": False,
            },
            project["files"][0],
        )
        self.assertEqual("unread", project["files"][1]["kind"])

    def test_once(self) -> None:
        """
        What there is to be said of a file is found out once, however it is told.
        """
        described: list[str] = []

        def note(
            name: NormalizedName, file: LocalFile, *rest: Any, **more: Any
        ) -> Item:
            described.append(file.filename)
            return describe(name, file, *rest, **more)

        self.patch(inventory, "describe", note)
        for arguments in ([], ["demo"], ["--json", "demo"]):
            described.clear()
            self.said(*arguments)
            self.assertEqual(3, len(described), arguments)

    def test_no_version(self) -> None:
        """
        A file in whose name there is no version is listed all the same.
        """
        self.put("odd", make_wheel("demo"))
        (line,) = self.said("odd")
        self.assertIn(f"odd/{self.wheel.filename}  no version  ", line)

    def test_unknown(self) -> None:
        """
        A project that is not here is told, and the others are listed.
        """
        status, out, err = self.run_command("list", "other", "demo")
        self.assertEqual((1, 3), (status, len(out.splitlines())))
        said = f"proxypypi: there is no file of other in {self.directory}\n"
        self.assertEqual(said, err)
        status, out, _ = self.run_command("list", "--json", "other")
        self.assertEqual(
            (1, {"projects": [], "missing": ["other"]}), (status, json.loads(out))
        )

    def test_damaged(self) -> None:
        """
        Records that cannot be read are told, as less is known for that; not thousands.
        """
        self.remember(self.wheel)
        path = self.cache / "facts" / "demo.json"
        path.write_bytes(b"{")
        for names in ((), ("demo",)):
            status, out, err = self.run_command("list", *names)
            self.assertEqual(1, status)
            self.assertIn("not read yet", out)
            self.assertIn(f"{path} cannot be read, so its files are read anew", err)
        for n in range(12):
            self.put(f"p{n}", make_wheel(f"p{n}"))
            (self.cache / "facts" / f"p{n}.json").write_bytes(b"{")
        lines = self.run_command("list")[2].splitlines()
        self.assertEqual(11, len(lines))
        self.assertEqual("proxypypi: and 3 more; verify tells them all", lines[-1])

    def test_order(self) -> None:
        """
        Projects are sorted, in whatever order they were put there.
        """
        for name in ("zope", "attrs", "six"):
            self.put(normalize(name), make_wheel(name))
        names = [line.split()[0] for line in self.said()]
        self.assertEqual(["attrs", "demo", "six", "zope"], names)

    def test_misused(self) -> None:
        """
        A name that is none is nonsense.
        """
        self.check_misuse("list", (("../x",), "'../x' is no project name"))

    def test_help(self) -> None:
        """
        It is listed among the commands, and says how it is used.
        """
        self.check_help("list", "[PROJECT...]")
