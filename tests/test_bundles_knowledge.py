"""
Tests for :mod:`proxypypi.bundles.knowledge`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve
from msgspec import Raw
from twisted.internet.defer import fail, maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.bundles.knowledge import Knowledge, at_once
from proxypypi.bundles.notes import ProjectNote
from proxypypi.model import Change, Doubt, FileFacts, Marks
from proxypypi.store.attestations import AttestationStore
from proxypypi.store.claims import ClaimStore
from proxypypi.store.directory import look
from proxypypi.store.facts import FactsStore
from proxypypi.store.marks import Yanks, change_yanks, load_marks
from proxypypi.store.pages import PageStore
from proxypypi.store.wishes import Wishes
from tests.attested import attestation_of
from tests.bundle_case import DEMO, INDEX, note_of, page_note
from tests.distributions import make_sdist, make_wheel

WHEEL = make_wheel("demo", requires_python=">=3.8")
SDIST = make_sdist("demo")
PAGE = json.dumps({"meta": {"api-version": "1.0"}, "name": "demo", "files": []})


class KnowledgeTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.decisions = self.root / ".proxypypi" / "decisions"
        cache = self.root / ".proxypypi" / "cache"
        self.knowledge = Knowledge(self.root)
        self.facts = FactsStore(cache, self.decisions, maybeDeferred)
        self.pages = PageStore(cache / "pages", maybeDeferred)

    def is_told(self) -> bool:
        """
        Will a running server read anew what is on disk?
        """
        return Wishes.to_reread(self.root).take(DEMO)


class DecideTests(KnowledgeTestCase):
    def decide(self, **said: Any) -> Marks:
        """
        :returns: what is decided then.
        """
        self.knowledge.decide(DEMO, ProjectNote(**said), 5.0)
        return load_marks(self.decisions, DEMO)[0]

    def test_claim(self) -> None:
        """
        A project that is claimed there is claimed here, and one that is not stays so.
        """
        claims = ClaimStore.of(self.root)
        self.decide()
        self.assertFalse(claims.is_claimed(DEMO))
        for claimed in (True, False):
            self.decide(claimed=claimed)
            self.assertTrue(claims.is_claimed(DEMO))

    def test_yanks(self) -> None:
        """
        What is yanked on either side is; of two reasons, ours stays.
        """

        def yank(yanks: Yanks) -> None:
            yanks.versions["1"] = "ours"

        change_yanks(self.decisions, DEMO, yank)
        marks = self.decide(
            yanked_versions={"1.0": "theirs", "2.0": "old"}, yanked_files={"x.zip": ""}
        )
        self.assertEqual({"1": "ours", "2": "old"}, marks.versions)
        self.assertEqual({"x.zip": ""}, marks.files)
        self.assertEqual(marks, self.decide())

    def test_status(self) -> None:
        """
        Of two statuses, the stricter one holds.
        """
        for theirs, expected in (
            ("archived", "archived"),
            (None, "archived"),
            ("deprecated", "archived"),
            ("quarantined", "quarantined"),
            ("archived", "quarantined"),
        ):
            marks = self.decide(status=theirs, status_reason=theirs)
            self.assertEqual((expected, expected), (marks.status, marks.status_reason))

    def test_nothing_new(self) -> None:
        """
        Where nothing is added, nothing is written.
        """
        said = {"yanked_versions": {"1": ""}, "status": "archived", "claimed": True}
        self.decide(**said)
        before = {path: path.stat() for path in self.decisions.rglob("*")}
        self.decide(**said)
        after = {path: path.stat() for path in self.decisions.rglob("*")}
        self.assertEqual(before, after)

    def test_damaged(self) -> None:
        """
        A damaged record of yanks, which count for everything then, is told and left.
        """
        path = self.decisions / "yanks" / "demo.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"{")
        self.assertIsNotNone(self.decide(yanked_versions={"1": ""}).everything)
        [trouble] = self.knowledge.troubles
        self.assertIn(f"{path} cannot be read", trouble)
        self.assertEqual(b"{", path.read_bytes())


class LearnTests(KnowledgeTestCase):
    def learn(self, *coming: str, **said: Any) -> Mapping[str, FileFacts]:
        note = ProjectNote(files={WHEEL.filename: note_of(WHEEL, **said)})
        self.knowledge.learn(DEMO, note, coming)
        return self.knowledge.facts_about(DEMO)

    def known(self, **more: Any) -> FileFacts:
        """
        Have the wheel here, and known.
        """
        path = self.root / WHEEL.filename
        path.write_bytes(WHEEL.content)
        file = look(self.root, DEMO)[WHEEL.filename]
        note = ProjectNote(files={WHEEL.filename: note_of(WHEEL, **more)})
        self.knowledge.describe(DEMO, {file: {"sha256": WHEEL.sha256}}, note)
        self.is_told()
        return self.knowledge.facts_about(DEMO)[WHEEL.filename]

    def test_foretold(self) -> None:
        """
        A file that will come is known before it is there, whose it is and since when;
        one that will not is not.
        """
        self.assertEqual({}, self.learn(origin=INDEX))
        self.assertFalse(self.is_told())
        facts = self.learn(WHEEL.filename, origin=INDEX, uploaded_at=2.0)
        foretold = facts[WHEEL.filename]
        self.assertEqual(WHEEL.sha256, foretold.hashes["sha256"])
        self.assertEqual((INDEX, 2.0), (foretold.origin, foretold.uploaded_at))
        (self.root / WHEEL.filename).write_bytes(WHEEL.content)
        self.assertFalse(foretold.describe(look(self.root, DEMO)[WHEEL.filename]))
        self.assertTrue(self.is_told())

    def test_first_seen(self) -> None:
        """
        When a private file was first seen is kept for good; of a cached one it is not.
        """
        self.learn(WHEEL.filename, origin=INDEX)
        loaded = self.successResultOf(self.facts.load_first_seen(DEMO))
        self.assertEqual({}, loaded)
        self.learn(WHEEL.filename, seen_at=3.5)
        self.learn(WHEEL.filename, seen_at=4.5)
        loaded = self.successResultOf(self.facts.load_first_seen(DEMO))
        self.assertEqual({WHEEL.filename: {WHEEL.sha256: 3.5}}, loaded)

    def test_attestations(self) -> None:
        """
        Attestations of a file come with it.
        """
        store = AttestationStore(self.decisions, maybeDeferred)
        raw = Raw(json.dumps(attestation_of(WHEEL)).encode())
        for coming, expected in ((), ()), ((WHEEL.filename,), (raw,)):
            facts = self.learn(*coming, attestations=(raw,))
            kept = self.successResultOf(store.load(DEMO, WHEEL.sha256))
            self.assertEqual(expected, kept)
            attested = WHEEL.filename in facts and facts[WHEEL.filename].attested
            self.assertEqual(bool(expected), attested)

    def test_here(self) -> None:
        """
        What is said of a file that is here is added to what is known of it, also if it
        is not in the bundle; of another of its name nothing is.
        """
        known = self.known(origin=INDEX)
        facts = self.learn(origin=INDEX, missed_at=9.0, missed_again=True)
        expected = evolve(known, missed_at=9.0, missed_again=True)
        self.assertEqual({WHEEL.filename: expected}, facts)
        self.assertTrue(self.is_told())
        self.assertEqual(facts, self.learn(sha256="5f" * 32, missed_at=10.0))
        self.assertFalse(self.is_told())

    def test_replaced(self) -> None:
        """
        What was known of another file of that name is forgotten if that one has gone.
        """
        self.known()
        facts = self.learn(WHEEL.filename, sha256="5f" * 32)
        self.assertEqual("5f" * 32, facts[WHEEL.filename].hashes["sha256"])


class DescribeTests(KnowledgeTestCase):
    def test_described(self) -> None:
        """
        A file that came is known, with what it says of itself, and is not read again.
        """
        note = ProjectNote(
            files={
                built.filename: note_of(built, origin=INDEX, missed_at=7.0)
                for built in (WHEEL, SDIST)
            }
        )
        self.knowledge.learn(DEMO, note, [WHEEL.filename, SDIST.filename])
        files = {}
        for built in (WHEEL, SDIST):
            (self.root / built.filename).write_bytes(built.content)
            file = look(self.root, DEMO)[built.filename]
            files[file] = {"sha256": built.sha256, "md5": "5f"}
        self.assertTrue(self.is_told())
        self.knowledge.describe(DEMO, files, note)
        self.assertTrue(self.is_told())
        facts = self.knowledge.facts_about(DEMO)
        for file, hashes in files.items():
            known = facts[file.filename]
            self.assertTrue(known.describe(file))
            self.assertEqual(hashes, known.hashes)
            self.assertEqual((INDEX, 7.0), (known.origin, known.missed_at))
        self.assertEqual(">=3.8", facts[WHEEL.filename].requires_python)
        self.assertIsNotNone(facts[WHEEL.filename].metadata_sha256)

    def test_forgotten(self) -> None:
        """
        If a server has forgotten meanwhile what was foretold, it is known all the same.
        """
        (self.root / WHEEL.filename).write_bytes(WHEEL.content)
        file = look(self.root, DEMO)[WHEEL.filename]
        note = ProjectNote(files={WHEEL.filename: note_of(WHEEL, origin=INDEX)})
        self.knowledge.describe(DEMO, {file: {"sha256": WHEEL.sha256}}, note)
        known = self.knowledge.facts_about(DEMO)[WHEEL.filename]
        self.assertEqual((INDEX, True), (known.origin, known.describe(file)))


class PageTests(KnowledgeTestCase):
    def take(self, at: float, body: str = PAGE) -> bool:
        note = page_note(checked_at=at)
        return self.knowledge.take_page(DEMO, note, body.encode())

    def test_newer(self) -> None:
        """
        The page that was known to hold later is kept; with the older one, a doubt
        about it goes.
        """
        self.assertTrue(self.take(100.25, PAGE))
        self.assertTrue(self.is_told())
        self.pages.save_doubt("demo", Doubt(change=Change.GONE, since=3.0))
        for at, taken in ((100.25, False), (99.0, False), (100.5, True)):
            self.assertEqual(taken, self.take(at, PAGE.replace(": ", ":")))
            self.assertEqual(taken, self.is_told())
            doubt = self.successResultOf(self.pages.load_doubt("demo"))
            self.assertEqual(taken, doubt is None)
        raw, at = self.successResultOf(self.pages.load("demo")) or self.fail()
        self.assertEqual((INDEX, 100.5), (raw.index, at))
        self.assertEqual(PAGE.replace(": ", ":").encode(), raw.body)

    def test_unreadable(self) -> None:
        """
        What is no page is told, and takes the place of none.
        """
        self.take(100.0)
        self.assertFalse(self.take(200.0, "<html>"))
        [trouble] = self.knowledge.troubles
        self.assertIn("the page of demo in it is none", trouble)
        raw, _ = self.successResultOf(self.pages.load("demo")) or self.fail()
        self.assertEqual(PAGE.encode(), raw.body)


class AtOnceTests(SynchronousTestCase):
    def test_result(self) -> None:
        """
        A result comes back, and what went wrong is raised.
        """
        self.assertEqual(7, at_once(maybeDeferred(lambda: 7)))
        self.assertRaises(OSError, at_once, fail(OSError("no")))
