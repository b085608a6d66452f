"""
Tests for :mod:`proxypypi.bundles.contents`.
"""

import io
import json
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

from msgspec import Raw
from twisted.internet.defer import Deferred, maybeDeferred

from proxypypi.bundles.contents import Contents
from proxypypi.bundles.manifest import Kind
from proxypypi.bundles.notes import ProjectNote, parse_note
from proxypypi.bundles.reading import Bundle
from proxypypi.bundles.writing import write_bundle
from proxypypi.errors import BadBundle
from proxypypi.names import normalize
from proxypypi.rules.requirements import parse_requirement
from proxypypi.rules.wanted import Wanted, WantedFiles
from proxypypi.store import archives
from proxypypi.store.attestations import AttestationStore
from proxypypi.store.claims import ClaimStore
from proxypypi.store.directory import Directory
from proxypypi.store.files import open_file
from proxypypi.store.marks import Yanks, change_yanks, set_status
from proxypypi.store.pages import PageStore
from tests.attested import attestation_of
from tests.bundle_case import DEMO, MADE_AT
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.proxy_case import INDEX_URL, ProxyTestCase

A_DAY = 86_400.0
OURS = normalize("ours")


class ContentsTestCase(ProxyTestCase):
    """
    Of demo, 1.0 and an sdist of it are here, 2.0 is not; ours is private.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wheel, self.sdist = make_wheel("demo", "1.0"), make_sdist("demo", "1.0")
        self.ours = make_wheel("ours", "1.0")
        for built in (self.wheel, self.sdist, make_wheel("demo", "2.0")):
            self.index.add(built)
        for built in (self.wheel, self.sdist):
            self.assertEqual(200, self.get(f"/files/demo/{built.filename}").code)
        self.drop(self.ours)
        self.page("ours")

    @property
    def decisions(self) -> Any:
        return self.directory / ".proxypypi" / "decisions"

    def make(self, since: float = 0.0, **settings: Any) -> Contents:
        process = self.make_process(None, clock=self.clock, **settings)
        core = process.proxy.core
        pages = self.directory / ".proxypypi" / "cache" / "pages"
        return Contents(
            core.gathering,
            Directory(self.directory, self.clock, maybeDeferred, core.names.is_denied),
            PageStore(pages, maybeDeferred),
            AttestationStore(self.decisions, maybeDeferred),
            core.claims,
            self.clock,
            io.BytesIO(),
            since,
        )

    def pack(
        self,
        *wanted: Wanted | str,
        since: float = 0.0,
        all_releases: bool = False,
        **settings: Any,
    ) -> Contents:
        """
        :param wanted: none for all.
        """
        self.settle()
        contents = self.make(since, **settings)
        parsed = [parse_requirement(w) if isinstance(w, str) else w for w in wanted]
        adding = contents.add(parsed, all_releases) if wanted else contents.add_all()
        self.successResultOf(Deferred.fromCoroutine(adding))
        return contents

    def files(self, contents: Contents) -> list[str]:  # type: ignore[override]
        """
        The files that go in.
        """
        return [p.member.name for p in contents.pieces if p.path is not None]

    def read(self, contents: Contents) -> tuple[dict[str, ProjectNote], list[str]]:
        """
        :returns: the notes of a bundle made of it, by project, and its pages.
        """
        others: Any = contents._others
        others.seek(0)
        out = io.BytesIO()
        self.assertEqual([], write_bundle(contents.pieces, others, out, MADE_AT))
        bundle = Bundle.open(io.BytesIO(out.getvalue()))
        notes, pages = {}, []
        for member in bundle.members():
            folder, _, name = member.name.partition("/")
            if folder == ".projects":
                notes[name] = parse_note(bundle.content(member))
            elif folder == ".pages":
                pages.append(name)
        return notes, pages


class AllTests(ContentsTestCase):
    def test_all(self) -> None:
        """
        All files that are here go in, each under its project's name, and the pages that
        are kept.
        """
        contents = self.pack()
        expected = [
            *(f"demo/{built.filename}" for built in (self.sdist, self.wheel)),
            f"ours/{self.ours.filename}",
        ]
        self.assertEqual(sorted(expected), sorted(self.files(contents)))
        notes, pages = self.read(contents)
        self.assertEqual(["demo.json", "ours.json"], list(notes))
        self.assertEqual(["demo"], pages)
        self.assertEqual(([], {}), (contents.missing, contents.left_out))

    def test_known(self) -> None:
        """
        With them goes what is known of them.
        """
        notes, _ = self.read(self.pack())
        page = notes["demo.json"].page
        assert page is not None
        self.assertEqual((INDEX_URL, f"{INDEX_URL}demo/"), (page.index, page.url))
        self.assertLess(abs(time.time() - page.checked_at), 60)
        wheel = notes["demo.json"].files[self.wheel.filename]
        self.assertEqual((self.wheel.sha256, INDEX_URL), (wheel.sha256, wheel.origin))
        self.assertEqual(1704164645.678901, wheel.uploaded_at)
        ours = notes["ours.json"].files[self.ours.filename]
        self.assertEqual((None, None), (ours.origin, ours.uploaded_at))

    def test_decided(self) -> None:
        """
        So does what people decided about them.
        """

        def yank(yanks: Yanks) -> None:
            yanks.versions["1"] = "old"
            yanks.files[self.ours.filename] = ""

        change_yanks(self.decisions, OURS, yank)
        set_status(self.decisions, OURS, "archived", "no more")
        ClaimStore.of(self.directory).claim(OURS, 1.0, "by a test")
        note = self.read(self.pack())[0]["ours.json"]
        self.assertEqual({"1": "old"}, note.yanked_versions)
        self.assertEqual({self.ours.filename: ""}, note.yanked_files)
        self.assertEqual(("archived", "no more"), (note.status, note.status_reason))
        self.assertTrue(note.claimed)
        self.assertFalse(self.read(self.pack())[0]["demo.json"].claimed)

    def test_attested(self) -> None:
        """
        And what was attested of them.
        """
        raw = Raw(json.dumps(attestation_of(self.ours)).encode())
        store = AttestationStore(self.decisions, maybeDeferred)
        store.keep(OURS, self.ours.sha256, (raw,))
        holdings = self.proxy.core.publishing._holdings
        Deferred.fromCoroutine(holdings.attest(OURS, self.ours.filename))
        note = self.read(self.pack())[0]["ours.json"]
        self.assertEqual((raw,), note.files[self.ours.filename].attestations)

    def test_too_large(self) -> None:
        """
        What no reader would take is not even written.
        """
        self.patch(Kind.NOTE, "_value_", 10)
        adding = Deferred.fromCoroutine(self.make().add_all())
        self.assertIn("too many", str(self.failureResultOf(adding, BadBundle).value))

    def test_told(self) -> None:
        """
        How far it has come is told.
        """
        told: list[tuple[int, int]] = []
        for wanted in ([], ["demo", "ours"]):
            contents = self.make()
            contents._told = lambda *of: told.append(of)
            parsed = [parse_requirement(each) for each in wanted]
            adding = contents.add(parsed) if wanted else contents.add_all()
            self.successResultOf(Deferred.fromCoroutine(adding))
        self.assertEqual([(0, 2), (1, 2)] * 2, told)

    def test_same_bytes(self) -> None:
        """
        The same content gives the same bundle.
        """
        bundles = []
        for _ in range(2):
            contents, out = self.pack(), io.BytesIO()
            contents._others.seek(0)
            write_bundle(contents.pieces, contents._others, out, MADE_AT)
            bundles.append(out.getvalue())
        self.assertEqual(*bundles)

    def test_nobody_is_asked(self) -> None:
        """
        Nothing is fetched for it, old as the pages may be.
        """
        asked = len(self.index.requests)
        self.advance(A_DAY)
        self.pack("demo", "nothing")
        self.assertEqual(asked, len(self.index.requests))

    def test_withheld(self) -> None:
        """
        A withheld file stays, but that it vanished goes along, as it may be there, too.
        """
        young = make_wheel("demo", "3.0")
        self.index.add(young, upload_time="2026-11-27T00:00:00Z")
        self.advance(1000)
        self.get(f"/files/demo/{young.filename}")
        self.index.remove(young.filename)
        for _ in range(3):
            self.advance(1000)
            self.page("demo")
        contents = self.pack(withhold=1e10)
        name = f"demo/{young.filename}"
        self.assertEqual({name: "it is withheld"}, contents.left_out)
        self.assertNotIn(name, self.files(contents))
        note = self.read(contents)[0]["demo.json"].files[young.filename]
        self.assertTrue(note.missed_again)

    def test_too_young(self) -> None:
        """
        Nor is a file carried elsewhere that is held back here.
        """
        contents = self.pack(min_age=1e10)
        self.assertEqual([f"ours/{self.ours.filename}"], self.files(contents))
        self.assertEqual({"it is too young"}, set(contents.left_out.values()))
        self.assertEqual(2, len(contents.left_out))

    def test_quarantined(self) -> None:
        """
        So do the files of a quarantined project, whoever says that it is.
        """
        set_status(self.decisions, OURS, "quarantined", None)
        project = self.index.add_project("demo")
        project.extra["project-status"] = {"status": "quarantined"}
        self.advance(1000)
        self.page("demo")
        contents = self.pack()
        self.assertEqual([], self.files(contents))
        self.assertEqual({"it is quarantined"}, set(contents.left_out.values()))
        self.assertEqual(3, len(contents.left_out))
        notes, pages = self.read(contents)
        self.assertEqual("quarantined", notes["ours.json"].status)
        self.assertEqual(["demo"], pages)

    def test_denied(self) -> None:
        """
        A denied project does not go in at all.
        """
        notes, _ = self.read(self.pack(deny=("demo",)))
        self.assertEqual(["ours.json"], list(notes))

    def test_claimed(self) -> None:
        """
        What an index says of a claimed project does not count, and does not go in.
        """
        ClaimStore.of(self.directory).claim(DEMO, 1.0, "by a test")
        notes, pages = self.read(self.pack())
        self.assertEqual([], pages)
        self.assertIsNone(notes["demo.json"].page)

    def test_just_put_there(self) -> None:
        """
        A file that was put there a moment ago is waited for, until it counts as whole.
        """
        other = make_wheel("other")
        path = self.drop(other, settled=False)
        self.clock.advance(path.stat().st_ctime + 0.5 - self.clock.seconds())
        contents = self.make()
        adding = Deferred.fromCoroutine(contents.add_all())
        self.assertNoResult(adding)
        for _ in range(30):
            self.clock.advance(0.1)
        self.successResultOf(adding)
        self.assertIn(f"other/{other.filename}", self.files(contents))

    def test_unreadable(self) -> None:
        """
        A file that cannot be read is told as missing, and the rest goes in.
        """
        for folder, built in (("", make_sdist("ours")), ("other", make_wheel("other"))):
            self.drop(built, folder)

        def open_some(path: str) -> BinaryIO:
            if path.endswith((".tar.gz", "other-1.0-py3-none-any.whl")):
                raise PermissionError(13, "Permission denied")
            return open_file(path)

        self.patch(archives, "open_file", open_some)
        contents = self.pack()
        why = "it cannot be read, or is still being written"
        names = ["other/other-1.0-py3-none-any.whl", "ours/ours-1.0.tar.gz"]
        self.assertEqual([(name, why) for name in names], contents.missing)
        self.assertEqual(3, len(self.files(contents)))


class SinceTests(ContentsTestCase):
    def test_since(self) -> None:
        """
        Of what came before, and of pages that were not known to hold since, only what
        was decided and known goes in.
        """
        now = time.time()
        for since, files, pages in (
            (now - A_DAY, 3, ["demo"]),
            (now + A_DAY, 0, []),
        ):
            contents = self.pack(since=since)
            self.assertEqual(files, len(self.files(contents)))
            notes, found = self.read(contents)
            self.assertEqual(pages, found)
            self.assertEqual(["demo.json", "ours.json"], list(notes))
            self.assertEqual(2, len(notes["demo.json"].files))
            self.assertEqual(int(files > 0), len(notes["ours.json"].files))

    def test_old_page(self) -> None:
        """
        An old page goes in if a file of its project does, and a new one without any.
        """
        pages = PageStore(self.directory / ".proxypypi/cache/pages", maybeDeferred)
        pages.confirm("demo", 1000.0)
        now = time.time()
        _, found = self.read(self.pack(since=now - A_DAY))
        self.assertEqual(["demo"], found)
        pages.confirm("demo", now + 2 * A_DAY)
        contents = self.pack(since=now + A_DAY)
        self.assertEqual((["demo"], []), (self.read(contents)[1], self.files(contents)))


class WantedTests(ContentsTestCase):
    def names(self, *built: BuiltDistribution) -> Sequence[str]:
        return [f"{each.project}/{each.filename}" for each in built]

    def test_requirements(self) -> None:
        """
        Of a requirement, the newest release that fits goes in, of those that are here.
        """
        newer = make_wheel("ours", "2.0")
        self.drop(newer)
        for wanted, expected in (
            (["demo"], [self.wheel, self.sdist]),
            (["ours"], [newer]),
            (["ours<2", "ours"], [self.ours, newer]),
        ):
            contents = self.pack(*wanted)
            self.assertEqual([], contents.missing)
            self.assertCountEqual(self.names(*expected), self.files(contents))
        contents = self.pack("ours", all_releases=True)
        self.assertCountEqual(self.names(self.ours, newer), self.files(contents))

    def test_lock_file(self) -> None:
        """
        Of a lock file, the files that it lists, if they have its digests.
        """
        right = {"sha256": self.wheel.sha256}
        wanted = WantedFiles(
            said="demo==1.0",
            project=DEMO,
            files={
                self.wheel.filename: right,
                self.sdist.filename: {"sha256": "5f" * 32},
                "demo-1.0.zip": {},
            },
        )
        contents = self.pack(wanted)
        self.assertEqual(self.names(self.wheel), self.files(contents))
        self.assertEqual(
            [
                ("demo==1.0", f"the {self.sdist.filename} here has another digest"),
                ("demo==1.0", "demo-1.0.zip is not here"),
            ],
            contents.missing,
        )

    def test_missing(self) -> None:
        """
        What is not here is told, be it known upstream; the rest goes in.
        """
        contents = self.pack("demo==2.0", "other", "ours", deny=("d*",))
        self.assertEqual(self.names(self.ours), self.files(contents))
        said = dict(contents.missing)
        self.assertIn("denied", said["demo==2.0"])
        self.assertEqual("no file of other is here", said["other"])
        contents = self.pack("demo==2.0")
        [(_, why)] = contents.missing
        self.assertIn("no such release of demo: the newest is 1.0", why)

    def test_private_names(self) -> None:
        """
        Of private files that are not wanted not even the names go in.
        """
        newer = make_wheel("ours", "2.0")
        self.drop(newer)
        note = self.read(self.pack("ours"))[0]["ours.json"]
        self.assertEqual([newer.filename], list(note.files))
