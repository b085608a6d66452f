"""
Tests for :mod:`proxypypi.bundles.notes`.
"""

import json
from typing import Any

from msgspec import Raw
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.bundles.notes import (
    FileNote,
    PageNote,
    ProjectNote,
    parse_note,
    render_note,
)
from proxypypi.errors import BadBundle
from tests.attested import attestation_of
from tests.bundle_case import INDEX, note_of, page_note
from tests.distributions import make_wheel
from tests.store_contract import BARE_FACTS, FULL_FACTS, FULL_PAGE

WHEEL = make_wheel("demo")
CONTROLS = ("\x1b[31m", "\n", "\r", "\0", "\x7f", "\x9b")
SAID = ("index", "url", "content_type", "etag", "last_modified", "last_serial")
ATTESTATION = Raw(json.dumps(attestation_of(WHEEL)).encode())


class NoteTests(SynchronousTestCase):
    def changed(self, **more: Any) -> bytes:
        """
        :param more: in place of what a note says of a file.
        """
        note = ProjectNote(files={WHEEL.filename: note_of(WHEEL)})
        said = json.loads(render_note(note))
        said["files"][WHEEL.filename].update(more)
        return json.dumps(said).encode()

    def page(self, **more: Any) -> bytes:
        """
        :param more: in place of what a note says of a page.
        """
        return render_note(ProjectNote(page=page_note(**more)))

    def test_round_trip(self) -> None:
        """
        What is known of a project comes back as it was.
        """
        full = ProjectNote(
            files={
                WHEEL.filename: note_of(WHEEL, attestations=(ATTESTATION,)),
                "demo-2.zip": FileNote.of(FULL_FACTS),
            },
            page=page_note(etag='"1"'),
            claimed=True,
            yanked_versions={"1": "old"},
            yanked_files={"demo-2.zip": ""},
            status="archived",
            status_reason="no more",
        )
        for note in (full, ProjectNote()):
            self.assertEqual(note, parse_note(render_note(note)))

    def test_same_bytes(self) -> None:
        """
        It is the same bytes in whatever order it was put together.
        """
        one, other = note_of(WHEEL), FileNote.of(FULL_FACTS)
        notes = (
            ProjectNote(files={"a.zip": one, "b.zip": other}),
            ProjectNote(files={"b.zip": other, "a.zip": one}),
        )
        self.assertEqual(*map(render_note, notes))

    def test_facts(self) -> None:
        """
        Of facts, all is told that cannot be found out from the file.
        """
        note = FileNote.of(FULL_FACTS, (ATTESTATION,))
        hashes = {"sha256": note.sha256, **note.hashes}
        self.assertEqual(FULL_FACTS.hashes, hashes)
        for name in ("seen_at", "origin", "uploaded_at", "missed_at", "missed_again"):
            self.assertEqual(getattr(FULL_FACTS, name), getattr(note, name), name)
        self.assertEqual((ATTESTATION,), note.attestations)
        self.assertEqual(FULL_FACTS.uploaded_at, note.moment)
        self.assertEqual(BARE_FACTS.seen_at, FileNote.of(BARE_FACTS).moment)

    def test_page(self) -> None:
        """
        A page is the one that the index sent.
        """
        note = PageNote.of(FULL_PAGE, 2.5)
        self.assertEqual(FULL_PAGE, note.page(FULL_PAGE.body))
        self.assertEqual(2.5, note.checked_at)

    def test_damaged(self) -> None:
        """
        What is none is refused.
        """
        name = WHEEL.filename.encode()
        of_another = json.dumps([attestation_of(make_wheel("demo", "2"))])
        for content in (
            *(b"", b"[]", b"\xff", b"{", b'{"files":' + b"[" * 100_000),
            self.changed(sha256="5f"),
            self.changed(sha256="5f" * 32 + "\n"),
            self.changed(seen_at=-1),
            self.changed(seen_at=1e18),
            self.changed(missed_at="yesterday"),
            self.changed(hashes={"md5": "../x"}),
            self.changed(hashes={"md5": "5f" * 16 + "\n"}),
            *(self.changed(origin=f"https://x/{c}y/") for c in CONTROLS),
            self.changed(origin="file:///x/"),
            self.changed(attestations=[{"version": 1}]),
            self.changed(attestations=json.loads(of_another)),
            self.changed().replace(name, b"../x.zip"),
            self.changed().replace(name, b".x.zip"),
            b'{"page":{"index":"x"}}',
            *(self.page(**{what: f"{INDEX}{c}"}) for what in SAID for c in CONTROLS),
            *(self.page(**{what: "x"}) for what in ("index", "url")),
            *(json.dumps({"yanked_versions": {c: ""}}).encode() for c in CONTROLS),
            b'{"yanked_files":{"../x.zip":""}}',
            b'{"yanked_versions":{"1":null}}',
        ):
            error = self.assertRaises(BadBundle, parse_note, content)
            self.assertIn("what is known is damaged", str(error), content[:99])

    def test_status(self) -> None:
        """
        A status that there is not is refused.
        """
        error = self.assertRaises(BadBundle, parse_note, b'{"status":"gone"}')
        self.assertIn("there is no status 'gone'", str(error))
