"""
Tests for :mod:`proxypypi.bundles.admission`.
"""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.bundles.admission import Admission, Admitted
from proxypypi.bundles.notes import ProjectNote
from proxypypi.settings import Settings
from proxypypi.store.claims import ClaimStore
from tests.bundle_case import DEMO, INDEX, note_of, page_note, remove_on_record
from tests.distributions import make_sdist, make_wheel

WHEEL, SDIST = make_wheel("demo"), make_sdist("demo")
PRIVATE = {WHEEL.filename: note_of(WHEEL)}
CACHED = {SDIST.filename: note_of(SDIST, origin=INDEX)}
DECIDED: dict[str, Any] = {"status": "archived", "yanked_versions": {"1": ""}}


class AdmissionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.decisions = self.root / ".proxypypi" / "decisions"

    def admit(self, note: ProjectNote, **more: Any) -> Admitted:
        """
        :param more: settings.
        """
        return Admission(Settings(directory=self.root, **more)).admit(DEMO, note)

    def claim(self) -> None:
        ClaimStore.of(self.root).claim(DEMO, 1.0, "test")

    def test_anybodys(self) -> None:
        """
        Under a name that is nobody's, all may come.
        """
        note = ProjectNote(files={**PRIVATE, **CACHED}, page=page_note(), **DECIDED)
        more = {"private": ("dem",), "deny": ("ours*",)}
        self.assertEqual(Admitted(note), self.admit(note, **more))

    def test_claimed(self) -> None:
        """
        Under a claimed name private files come, and what was decided of them; of what
        an index has, nothing, and it is told what to do.
        """
        self.claim()
        both = ProjectNote(files={**PRIVATE, **CACHED}, page=page_note(), **DECIDED)
        admitted = self.admit(both)
        self.assertEqual(ProjectNote(files=PRIVATE, **DECIDED), admitted.note)
        why = (
            f"it is from {INDEX}, and demo is claimed here; "
            "to let it in: proxypypi unclaim demo"
        )
        self.assertEqual({SDIST.filename: why}, admitted.refused)
        self.assertEqual({}, self.admit(ProjectNote(files=PRIVATE)).refused)

    def test_decided(self) -> None:
        """
        What is decided of a public project is not said of ours, whose name it has;
        what is decided of a private one is, also if none of its files comes.
        """
        self.claim()
        for public in (
            ProjectNote(files=CACHED, **DECIDED),
            ProjectNote(page=page_note(), **DECIDED),
        ):
            self.assertEqual(ProjectNote(), self.admit(public).note)
        for private in (
            ProjectNote(**DECIDED),
            ProjectNote(files=PRIVATE, **DECIDED),
            ProjectNote(claimed=True, **DECIDED),
        ):
            self.assertEqual(private, self.admit(private).note)

    def test_private(self) -> None:
        """
        A name that is private by --private is as one that is claimed.
        """
        admitted = self.admit(ProjectNote(files=CACHED), private=("d*",))
        self.assertEqual(ProjectNote(), admitted.note)
        self.assertIn("is private here (--private d*)", str(admitted.refused))

    def test_claimed_by_the_bundle(self) -> None:
        """
        So is one that the bundle itself claims, today and when it comes again.
        """
        note = ProjectNote(files={**PRIVATE, **CACHED}, claimed=True)
        for _ in range(2):
            admitted = self.admit(note)
            self.assertEqual(ProjectNote(files=PRIVATE, claimed=True), admitted.note)
            self.assertIn("the bundle claims demo", admitted.refused[SDIST.filename])
            self.claim()

    def test_denied(self) -> None:
        """
        Under a name that is denied no file comes, but what was decided holds.
        """
        note = ProjectNote(files={**PRIVATE, **CACHED}, page=page_note(), **DECIDED)
        admitted = self.admit(note, deny=("x", "d*"))
        self.assertEqual(ProjectNote(**DECIDED), admitted.note)
        self.assertEqual({*PRIVATE, *CACHED}, set(admitted.refused))
        self.assertIn("its name is denied (--deny d*)", str(admitted.refused))

    def remove(self, filename: str, *more: Any) -> None:
        """
        Have it on record.
        """
        (self.root / filename).write_bytes(b"")
        remove_on_record(self.root, filename, *more)

    def test_removed(self) -> None:
        """
        A file that was removed here may not come back; its date is told, and what to
        do. What is known of it may: somebody may have put it here again.
        """
        note = ProjectNote(files={**PRIVATE, **CACHED})
        for at, reason in (1.0, "a"), (86_400.0, "a secret"):
            self.remove(WHEEL.filename, WHEEL.sha256, at, reason)
        self.remove("demo-9.zip", SDIST.sha256, 1.0)
        admitted = self.admit(note)
        self.assertEqual((note, {}), (admitted.note, admitted.remarks))
        why = (
            "it was removed here at 1970-01-02T00:00:00Z (a secret); "
            "to have it back, put it here by hand"
        )
        self.assertEqual({WHEEL.filename: why}, admitted.refused)

    def test_another_removed(self) -> None:
        """
        Another file of that name may come, which is remarked.
        """
        self.remove(WHEEL.filename, "5f" * 32, 1.0)
        admitted = self.admit(ProjectNote(files={**PRIVATE, **CACHED}))
        why = "another was removed here at 1970-01-01T00:00:01Z"
        self.assertEqual({WHEEL.filename: why}, admitted.remarks)
        self.assertEqual({}, admitted.refused)

    def test_damaged(self) -> None:
        """
        While it cannot be known what was removed, nothing comes.
        """
        path = self.decisions / "removed" / "demo.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"{")
        admitted = self.admit(ProjectNote(files=PRIVATE))
        [(name, why)] = admitted.refused.items()
        self.assertEqual(WHEEL.filename, name)
        self.assertIn(f"{path} cannot be read, so it is not known", why)
