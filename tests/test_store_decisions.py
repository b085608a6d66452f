"""
Tests for :mod:`proxypypi.store.decisions`.
"""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import Release
from proxypypi.store.claims import ClaimStore
from proxypypi.store.decisions import load_decisions, recorded
from proxypypi.store.marks import Yanks, change_yanks, set_status
from proxypypi.store.releases import add_release
from proxypypi.store.removed import Removed, remove_file
from tests.store_contract import DEMO, OTHER


class DecisionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.decisions = self.root / ".proxypypi" / "decisions"

    def decide(self) -> None:
        """
        Decide everything about demo, and claim another.
        """

        def yank(yanks: Yanks) -> None:
            yanks.versions["1"] = "broken"

        for name in (OTHER, DEMO):
            ClaimStore.of(self.root).claim(name, 5.0, "why")
        change_yanks(self.decisions, DEMO, yank)
        set_status(self.decisions, DEMO, "archived", None)
        add_release(self.decisions, DEMO, "demo-1.0.zip", "5f", 1.0)
        (self.root / "demo-2.0.zip").touch()
        removed = Removed(
            filename="demo-2.0.zip",
            path="demo-2.0.zip",
            sha256="af",
            size=0,
            removed_at=6.0,
            by="ada",
            reason="old",
        )
        remove_file(self.root, self.decisions, DEMO, removed)

    def test_all(self) -> None:
        """
        All that was decided is there, by projects that are sorted.
        """
        self.decide()
        found = load_decisions(self.decisions)
        self.assertEqual([DEMO, OTHER], list(found.claims))
        claim = found.claims[DEMO]
        self.assertEqual(("why", 5.0), (claim.reason, claim.claimed_at))
        self.assertEqual({"1": "broken"}, found.yanks[DEMO].versions)
        self.assertEqual("archived", found.statuses[DEMO].status)
        self.assertEqual({"demo-1.0.zip": Release("5f", 1.0)}, found.released[DEMO])
        self.assertEqual(["ada"], [each.by for each in found.removed[DEMO]])
        self.assertEqual([], found.damaged)

    def test_named(self) -> None:
        """
        Of some projects, what is decided of those.
        """
        self.decide()
        found = load_decisions(self.decisions, [OTHER])
        self.assertEqual([OTHER], list(found.claims))
        self.assertEqual(({}, {}), (found.yanks, found.removed))

    def test_nothing(self) -> None:
        """
        Where nothing was decided, there is nothing, and it stays so.
        """
        found = load_decisions(self.decisions)
        self.assertEqual(({}, []), (found.claims, found.damaged))
        self.assertFalse(self.decisions.exists())

    def test_damaged(self) -> None:
        """
        What cannot be read any more is told by its path, and what that means.
        """
        self.decide()
        for folder, word in (
            ("claims", "it is claimed nevertheless"),
            ("yanks", "all its files count as yanked"),
            ("status", "it counts as quarantined"),
            ("releases", "it frees nothing"),
            ("removed", "it is not known what was removed"),
        ):
            path = self.decisions / folder / f"{DEMO}.json"
            for content in (b"{", b'{"format": 99}'):
                whole = path.read_bytes()
                path.write_bytes(content)
                (trouble,) = load_decisions(self.decisions).damaged
                self.assertEqual((str(path), word), (trouble.path, trouble.so))
                path.write_bytes(whole)

    def test_other_formats(self) -> None:
        """
        A claim of a format that is not known is damaged, too.
        """
        self.decide()
        path = self.decisions / "claims" / f"{DEMO}.json"
        path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":2'))
        (trouble,) = load_decisions(self.decisions).damaged
        self.assertEqual("it has format 2", trouble.reason)

    def test_other_files(self) -> None:
        """
        What is no record of a project is left alone.
        """
        folder = self.decisions / "claims"
        folder.mkdir(parents=True)
        for filename in (".x.tmp", "Demo.json", "demo", "demo.json.damaged", ".json"):
            (folder / filename).touch()
        self.assertEqual([], recorded(folder, ".json"))
        self.assertEqual({}, load_decisions(self.decisions).claims)
