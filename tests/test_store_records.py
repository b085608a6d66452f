"""
Tests for :mod:`proxypypi.store.records`.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.defer import maybeDeferred, succeed

from proxypypi.model import Change, Doubt, Grade, RawPage
from proxypypi.names import normalize
from proxypypi.store.attestations import AttestationStore
from proxypypi.store.claims import ClaimStore
from proxypypi.store.facts import FactsStore
from proxypypi.store.lists import ListStore
from proxypypi.store.locked import open_locked
from proxypypi.store.marks import change_yanks, set_status
from proxypypi.store.mending import Fault
from proxypypi.store.pages import PageStore
from proxypypi.store.pins import PinStore
from proxypypi.store.records import check_records
from proxypypi.store.releases import add_release
from proxypypi.store.tokens import Token, TokenStore
from tests.stock_case import INDEX, SEEN_AT, StockTestCase

DEMO = normalize("demo")


class RecordsTests(StockTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ours = self.directory / ".proxypypi"

    def faults(self, *names: str) -> Sequence[Fault]:
        meant = tuple(map(normalize, names))
        return list(check_records(self.directory, meant, time.time()))

    def fault(self, path: Path) -> Fault:
        (found,) = self.faults()
        self.assertEqual(str(path.relative_to(self.directory)), found.finding.subject)
        return found

    def put_record(self, path: str, content: bytes = b"{") -> Path:
        whole = self.ours / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(content)
        return whole

    def keep_everything(self) -> None:
        """
        Have a record of each kind.
        """
        self.remember(self.wheel)
        doubt = Doubt(change=Change.GONE, since=SEEN_AT, believed=False)
        self.keep_page(self.wheel, doubt=doubt)
        raw = RawPage(index=INDEX, url=INDEX, content_type="x", body=b"{}")
        PageStore(self.cache / "documents", maybeDeferred).save("demo@1.0", raw, 1.0)
        lists = ListStore(
            self.cache / "lists", maybeDeferred, lambda order: succeed(None)
        )
        arriving = lists.begin(INDEX)
        arriving.write(b'{"projects": []}')
        arriving.keep(raw, 1.0)
        ClaimStore.of(self.directory).claim(normalize("acme"), 1.0, "why")
        change_yanks(
            self.decisions, DEMO, lambda yanks: yanks.versions.update({"1": ""})
        )
        set_status(self.decisions, DEMO, "archived", None)
        add_release(self.decisions, DEMO, self.wheel.filename, "5f", 1.0)
        facts = FactsStore(self.cache, self.decisions, maybeDeferred)
        facts.add_first_seen(DEMO, {self.wheel.filename: {"5f": 1.0}})
        attested = AttestationStore(self.decisions, maybeDeferred)
        attested.keep(DEMO, "5f", (msgspec.Raw(b"{}"),))
        PinStore.of(self.directory).pin(["demo"], 1.0)
        TokenStore.of(self.directory).add(Token(name="ci", created_at=1.0))

    def test_sound(self) -> None:
        """
        Records that can be read are no fault, nor is what nobody knows.
        """
        self.assertEqual([], self.faults())
        self.keep_everything()
        self.put_record("cache/other/demo.json")
        self.put_record("decisions/other/demo.json")
        self.put_record("lock")
        self.assertEqual([], self.faults())

    def test_damaged(self) -> None:
        """
        Each record that is damaged is told, with what that means; those of the cache
        can go, and of decisions nothing does.
        """
        self.keep_everything()
        for pattern, word in (
            ("cache/facts/demo.json", "its files are read anew"),
            ("cache/pages/demo.page", "the index is asked anew"),
            ("cache/pages/demo.doubt", "the index is asked anew"),
            ("cache/documents/demo@1.0.page", "the index is asked anew"),
            ("cache/lists/*.list", "it is fetched anew"),
            ("decisions/claims/acme.json", "it is claimed nevertheless"),
            ("decisions/yanks/demo.json", "all its files count as yanked"),
            ("decisions/status/demo.json", "it counts as quarantined"),
            ("decisions/releases/demo.json", "it frees nothing"),
            ("decisions/pins/pins.json", "everything counts as pinned"),
            ("decisions/first-seen/demo.json", "its files count as new"),
            ("decisions/attestations/demo/5f.json", "none are given out"),
            ("decisions/tokens/*.json", "grants nothing"),
        ):
            (path,) = self.ours.glob(pattern)
            whole = path.read_bytes()
            path.write_bytes(whole[:-1])
            fault = self.fault(path)
            self.assertEqual(Grade.ERROR, fault.finding.grade)
            self.assertIn(word, fault.finding.what, pattern)
            is_expendable = pattern.startswith("cache/")
            self.assertEqual(is_expendable, fault.mend is not None, pattern)
            if fault.mend is not None:
                self.assertTrue(fault.mend())
                self.assertFalse(path.exists())
                self.assertEqual([], self.faults())
            path.write_bytes(whole)

    def test_rot(self) -> None:
        """
        A flipped bit in what is compressed is damage.
        """
        self.keep_everything()
        (kept,) = self.cache.glob("lists/*.list")
        for path in (kept, self.cache / "pages" / "demo.page"):
            content = bytearray(path.read_bytes())
            content[-12] ^= 0x10
            path.write_bytes(content)
            self.assertEqual(Grade.ERROR, self.fault(path).finding.grade)
            content[-12] ^= 0x10
            path.write_bytes(content)

    def test_unreadable_page(self) -> None:
        """
        A page that is kept well, but says nothing, is damaged, too.
        """
        self.keep_page(said={"files": 5})
        fault = self.fault(self.cache / "pages" / "demo.page")
        self.assertIn("the index is asked anew", fault.finding.what)

    def test_written_anew(self) -> None:
        """
        A damaged record that a server has written anew meanwhile is not removed.
        """
        self.put_record("cache/facts/demo.json")
        (fault,) = self.faults()
        (self.cache / "facts" / "demo.json").unlink()
        self.remember(self.wheel)
        assert fault.mend is not None
        self.assertFalse(fault.mend())
        self.assertTrue((self.cache / "facts" / "demo.json").exists())

    def test_left_unfinished(self) -> None:
        """
        Downloads and uploads that nobody is at are told, and can go.
        """
        partial = self.put_record("cache/partial/demo/demo-1.zip.5f", b"x")
        upload = self.put_record("cache/uploads/5f.part", b"x")
        fds = [open_locked(path) for path in (partial, upload)]
        self.assertEqual([], self.faults())
        for fd in fds:
            os.close(fd)
        download, sent = self.faults()
        self.assertIn("a download was left unfinished", download.finding.what)
        self.assertIn("an upload was left unfinished", sent.finding.what)
        self.assertEqual(("demo", None), (download.project, sent.project))
        for fault in (download, sent):
            assert fault.mend is not None
            self.assertTrue(fault.mend())
        self.assertEqual([], self.faults())

    def test_taken_up(self) -> None:
        """
        One that somebody has taken up meanwhile stays.
        """
        path = self.put_record("cache/partial/demo/demo-1.zip.5f", b"x")
        (fault,) = self.faults()
        fd = open_locked(path)
        self.addCleanup(os.close, fd)
        assert fault.mend is not None
        self.assertFalse(fault.mend())
        self.assertTrue(path.exists())

    def test_left_unwritten(self) -> None:
        """
        Records that were never finished can go after an hour.
        """
        path = self.put_record("cache/pages/.x.tmp")
        self.assertEqual([], self.faults())
        os.utime(path, (time.time() - 4000,) * 2)
        fault = self.fault(path)
        assert fault.mend is not None
        self.assertTrue(fault.mend())

    def test_set_aside(self) -> None:
        """
        A decision that was set aside when it was found damaged is worth knowing.
        """
        path = self.put_record("decisions/releases/demo.json.damaged")
        fault = self.fault(path)
        self.assertEqual(Grade.WARNING, fault.finding.grade)
        self.assertIsNone(fault.mend)

    def test_cannot_be_looked_into(self) -> None:
        """
        Folders that may not be looked into are told.
        """
        self.keep_everything()
        access = os.access
        locked = self.ours / "decisions"
        self.patch(os, "access", lambda p, mode: p != locked and access(p, mode))
        fault = self.fault(locked)
        self.assertEqual("it cannot be looked into", fault.finding.what)

    def test_cannot_be_searched(self) -> None:
        """
        Of a folder that says what is in it, but lets nobody look at that, no more is
        told.
        """
        self.keep_everything()
        self.put_record("cache/partial/demo/x.5f")
        faults = self.faults()
        for place in ("", "cache", "cache/facts", "decisions/attestations/demo"):
            folder = self.ours / place
            with self.closed(folder):
                found = self.faults()
            others = [f for f in faults if place not in f.finding.subject]
            what = {f.finding.subject: f.finding.what for f in found}
            subject = str(folder.relative_to(self.directory))
            self.assertEqual("it cannot be looked into", what.pop(subject))
            self.assertEqual([f.finding.subject for f in others], list(what))

    @contextmanager
    def closed(self, folder: Path) -> Iterator[None]:
        """
        A context in which the names in a folder can be had, and no more.
        """
        stat, access = os.stat, os.access

        def stat_elsewhere(path: Any, **more: Any) -> os.stat_result:
            if folder in Path(path).parents:
                raise PermissionError(13, "Permission denied", str(path))
            return stat(path, **more)

        patches = [
            self.patch(os, "stat", stat_elsewhere),
            self.patch(os, "access", lambda p, mode: p != folder and access(p, mode)),
        ]
        yield
        for patch in patches:
            patch.restore()

    def test_link_to_itself(self) -> None:
        """
        Of a record that cannot be looked at it is told why.
        """
        path = self.ours / "cache" / "facts" / "demo.json"
        path.parent.mkdir(parents=True)
        path.symlink_to(path)
        self.assertIn("symbolic links", self.fault(path).finding.what)

    def test_not_ours(self) -> None:
        """
        A record that another user's server keeps to itself is not damaged for that.
        """
        self.keep_everything()
        path = self.cache / "facts" / "demo.json"
        open_one = os.open

        def fail(name: Any, *rest: Any, **more: Any) -> int:
            if name == path:
                raise PermissionError(13, "Permission denied")
            return open_one(name, *rest, **more)

        self.patch(os, "open", fail)
        fault = self.fault(path)
        self.assertEqual("the record is not ours to read", fault.finding.what)
        self.assertIsNone(fault.mend)

    def test_named(self) -> None:
        """
        Of named projects, only their own are told.
        """
        for path in (
            "cache/facts/demo.json",
            "cache/facts/other.json",
            "cache/partial/demo/x.5f",
            "cache/uploads/5f.part",
            "decisions/attestations/demo/5f.json",
            f"decisions/tokens/{'5f' * 32}.json",
        ):
            self.put_record(path)
        subjects = {fault.finding.subject for fault in self.faults("demo")}
        self.assertEqual(
            {
                ".proxypypi/cache/facts/demo.json",
                ".proxypypi/cache/partial/demo/x.5f",
                ".proxypypi/decisions/attestations/demo/5f.json",
            },
            subjects,
        )
        self.assertEqual(6, len(self.faults()))

    def test_nothing_left_behind(self) -> None:
        """
        To look changes nothing.
        """
        self.keep_everything()
        self.put_record("decisions/first-seen/other.json")
        before = sorted(self.ours.rglob("*"))
        self.faults()
        self.assertEqual(before, sorted(self.ours.rglob("*")))
