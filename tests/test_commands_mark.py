"""
Tests for :mod:`proxypypi.commands.mark`.
"""

import json

from twisted.internet.defer import maybeDeferred

from proxypypi.model import Marks
from proxypypi.names import normalize
from proxypypi.store.marks import MarkStore
from tests.project_case import ProjectTestCase

USAGE = "PROJECT active|archived|quarantined|deprecated"


class MarkTests(ProjectTestCase):
    def marks(self, name: str = "demo") -> Marks:
        store = MarkStore(self.decisions, maybeDeferred)
        marks: Marks = self.successResultOf(store.load(normalize(name)))[0]
        return marks

    def test_mark(self) -> None:
        """
        The status is kept with its reason, until the project is active again.
        """
        mark = ("mark", "Demo", "archived", "--reason", "done")
        self.assertEqual((0, "demo is archived: done\n", ""), self.run_command(*mark))
        expected = Marks(status="archived", status_reason="done")
        self.assertEqual(expected, self.marks())
        status, out, _ = self.run_command("mark", "demo", "deprecated")
        self.assertEqual((0, "demo is deprecated\n"), (status, out))
        self.assertEqual(Marks(status="deprecated"), self.marks())
        self.assertEqual(0, self.run_command("mark", "demo", "active")[0])
        self.assertEqual(Marks(), self.marks())

    def test_claimed(self) -> None:
        """
        A claimed project can be marked before it has any files.
        """
        self.run_command("claim", "soon")
        self.assertEqual(0, self.run_command("mark", "soon", "quarantined")[0])
        self.assertTrue(self.marks("soon").quarantined)

    def test_unknown(self) -> None:
        """
        A project that is not there is an error, but an old mark can be taken back.
        """
        status, out, err = self.run_command("mark", "other", "archived")
        self.assertEqual((1, ""), (status, out))
        self.assertIn("there is no project other in ", err)
        self.assertIn("an index's is known once its page has been asked for", err)
        self.assertEqual(0, self.run_command("mark", "other", "active")[0])

    def test_json(self) -> None:
        """
        With --json, the report is one object.
        """
        _, out, _ = self.run_command("mark", "--json", "demo", "archived")
        expected = {"project": "demo", "status": "archived", "reason": None}
        self.assertEqual(expected, json.loads(out))

    def test_misused(self) -> None:
        """
        Without a status, or with another one, nothing is done at all.
        """
        allowed = "active, archived, quarantined or deprecated"
        self.check_misuse(
            "mark",
            ((), "mark needs a PROJECT"),
            (("demo",), f"mark needs a PROJECT and {allowed}"),
            (("demo", "gone"), f"mark needs a PROJECT and {allowed}"),
            (("demo", "archived", "active"), f"mark needs a PROJECT and {allowed}"),
        )

    def test_help(self) -> None:
        """
        It is listed among the commands, and says how it is used.
        """
        self.check_help("mark", USAGE)
