"""
Tests for :mod:`proxypypi.bundles.arrival`.
"""

import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.bundles import arrival
from proxypypi.bundles.arrival import Arrival, Report
from proxypypi.bundles.manifest import file_name, note_name
from proxypypi.bundles.notes import ProjectNote, render_note
from proxypypi.bundles.reading import Bundle
from proxypypi.errors import BadBundle, CannotKeep, DoesNotFit
from proxypypi.moments import parse_moment
from proxypypi.names import normalize
from proxypypi.rules.merge import REMOVED
from proxypypi.settings import Settings
from proxypypi.store.claims import ClaimStore
from proxypypi.store.tally import Tally
from proxypypi.store.uploads import Upload
from proxypypi.store.wishes import Wishes
from tests.bundle_case import (
    DEMO,
    INDEX,
    Packed,
    contents_of,
    make_bundle,
    make_tar,
    member,
    note_of,
    packed,
    page_note,
    remove_on_record,
)
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.fake_index import JSON, FakeIndex
from tests.proxy_case import ProxyTestCase

OURS = normalize("ours")
WHEEL, SDIST = make_wheel("demo"), make_sdist("demo")
PRIVATE = make_wheel("ours")


def page_of(*files: BuiltDistribution, **more: Any) -> bytes:
    """
    :param more: for what the page says of each.
    """
    listed = [
        {
            "filename": built.filename,
            "url": f"https://files.example/{built.filename}",
            "hashes": {"sha256": built.sha256},
            **more,
        }
        for built in files
    ]
    return json.dumps({"meta": {"api-version": "1.0"}, "files": listed}).encode()


def cached(*files: BuiltDistribution, body: bytes = b"", **more: Any) -> Packed:
    """
    Files of an index.

    :param more: for the note of its page.
    """
    notes = {
        built.filename: note_of(built, origin=INDEX, uploaded_at=1_500_000_000.0)
        for built in files
    }
    note = ProjectNote(files=notes, page=page_note(**more))
    return Packed(note=note, files=files, body=body or page_of(*files))


def bring(root: Path, tar: bytes, **more: Any) -> Report:
    """
    :param more: settings.
    """
    settings = Settings(directory=root, **{"min_free": 0, **more})
    arrival = Arrival(settings, Bundle.open(io.BytesIO(tar)))
    arrival.check_room()
    arrival.bring(1_700_000_000.0)
    return arrival.report


def files_in(root: Path) -> dict[str, bytes]:
    """
    All that people see in a directory.
    """
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".proxypypi" not in path.parts
    }


def left_over(root: Path) -> list[str]:
    """
    Files that did not come to their end.
    """
    uploads = root / ".proxypypi" / "cache" / "uploads"
    return os.listdir(uploads) if uploads.exists() else []


def expected(*projects: Packed) -> Mapping[str, bytes]:
    """
    The files of a bundle as they lie in a directory.
    """
    return {
        file_name(each.name, built.filename): built.content
        for each in projects
        for built in each.files
    }


class ServedTests(ProxyTestCase):
    """
    What is brought is served beside, by a server that asks nobody.
    """

    def setUp(self) -> None:
        super().setUp()
        self.start_proxy(None)

    def bring(self, *projects: Packed) -> Report:
        with self.change():
            report = bring(self.directory, make_bundle(*projects))
        self.advance(1.5)
        return report

    def test_page(self) -> None:
        """
        Of the files that came, the page says all that the index said.
        """
        body = page_of(
            *(WHEEL, SDIST, make_wheel("demo", "9.0")),
            **{"yanked": "broken", "requires-python": ">=3.7"},
        )
        self.assertEqual(404, self.get("/simple/demo/").code)
        self.bring(cached(WHEEL, SDIST, body=body))
        files = self.files("demo")
        self.assertEqual({WHEEL.filename, SDIST.filename}, set(files))
        for built in (WHEEL, SDIST):
            file = files[built.filename]
            self.assertEqual(
                ("broken", ">=3.7", {"sha256": built.sha256}),
                (file["yanked"], file["requires-python"], file["hashes"]),
            )
            got = self.get(f"/files/demo/{built.filename}")
            self.assertEqual(built.content, got.body)
            self.assertIn("immutable", got.header("Cache-Control") or "")
        got = self.get(f"/files/demo/{WHEEL.filename}.metadata")
        self.assertEqual(WHEEL.metadata, got.body)

    def test_private(self) -> None:
        """
        A private file is private here, too, and as old as it was there.
        """
        self.bring(packed(PRIVATE, name=OURS, claimed=True))
        [file] = self.page("ours")["files"]
        self.assertEqual("2020-09-13T12:26:40.500000Z", file["upload-time"])
        got = self.get(f"/files/ours/{PRIVATE.filename}")
        self.assertEqual("no-cache", got.header("Cache-Control"))
        self.assertTrue(ClaimStore.of(self.directory).is_claimed(OURS))

    def test_earlier(self) -> None:
        """
        That a file was seen earlier elsewhere is noticed here, also when its project is
        claimed, or private by its name.
        """
        theirs = normalize("theirs")
        self.start_proxy(None, private=(theirs,))
        for seen_at in (1_600_000_000.0, 1_500_000_000.0):
            for name in (OURS, theirs):
                built = make_wheel(name)
                files = {built.filename: note_of(built, seen_at=seen_at)}
                claimed = name == OURS
                self.bring(packed(built, name=name, claimed=claimed, files=files))
                [file] = self.page(name)["files"]
                self.assertEqual(seen_at, parse_moment(file["upload-time"]), name)

    def test_newer_page(self) -> None:
        """
        A page that is newer is served in place of the one that is in memory; what it no
        longer lists is listed as removed.
        """
        self.bring(cached(WHEEL, SDIST))
        self.assertEqual(2, len(self.files("demo")))
        newer = cached(SDIST, body=page_of(SDIST, yanked="bad"), checked_at=1.66e9)
        self.bring(newer)
        yanked = {name: file["yanked"] for name, file in self.files("demo").items()}
        self.assertEqual({WHEEL.filename: REMOVED, SDIST.filename: "bad"}, yanked)
        self.bring(cached(WHEEL, SDIST))
        self.assertEqual("bad", self.files("demo")[SDIST.filename]["yanked"])

    def test_vanished(self) -> None:
        """
        That a file vanished when it was young is known here as soon as a bundle says
        so, though its page and its files are those that are here.
        """
        project = cached(WHEEL)
        self.bring(project)
        self.assertEqual(1, len(self.files("demo")))
        file = project.note.files[WHEEL.filename]
        file.missed_at, file.missed_again = 1_655_000_000.0, True
        file.uploaded_at = 1_654_900_000.0
        self.bring(project)
        got = self.get(f"/files/demo/{WHEEL.filename}", Accept=JSON)
        self.assertEqual(403, got.code)
        self.assertIn("withheld", got.phrase)
        self.bring(cached(WHEEL, checked_at=1_660_000_000.0))
        self.assertEqual(403, self.get(f"/files/demo/{WHEEL.filename}").code)
        self.assertEqual({}, self.files("demo", "local"))

    def test_stays_private(self) -> None:
        """
        A private file that a bundle has from an index stays private, and is not listed
        as one that has gone from there.
        """
        self.drop(WHEEL)
        self.assertEqual(1, len(self.files("demo")))
        for _ in range(2):
            note = note_of(WHEEL, origin=INDEX)
            self.bring(packed(files={WHEEL.filename: note}))
            self.assertIs(False, self.files("demo")[WHEEL.filename]["yanked"])
            got = self.get(f"/files/demo/{WHEEL.filename}")
            self.assertEqual("no-cache", got.header("Cache-Control"))

    def test_claimed(self) -> None:
        """
        Under a name that is claimed here no file of an index comes, and neither does
        its page; private ones come.
        """
        ClaimStore.of(self.directory).claim(DEMO, 1.0, "test")
        ours = make_wheel("demo", "0.1")
        self.bring(packed(ours))
        for _ in range(2):
            report = self.bring(cached(WHEEL, SDIST))
            self.assertEqual(([], 0), (report.brought, report.pages))
            names = [file_name(DEMO, built.filename) for built in (WHEEL, SDIST)]
            self.assertEqual(names, list(report.left_out))
            self.assertEqual({ours.filename}, set(self.files("demo")))
        self.assertEqual(404, self.get(f"/files/demo/{WHEEL.filename}").code)

    def test_ours(self) -> None:
        """
        A private file under a name that is claimed here stays private, whatever a
        bundle says of the same bytes, also before anybody has looked at it.
        """
        ClaimStore.of(self.directory).claim(DEMO, 1.0, "test")
        self.drop(WHEEL)
        report = self.bring(cached(WHEEL))
        self.assertEqual([file_name(DEMO, WHEEL.filename)], report.already)
        got = self.get(f"/files/demo/{WHEEL.filename}")
        self.assertEqual("no-cache", got.header("Cache-Control"))

    def test_quarantined(self) -> None:
        """
        A project that is quarantined there is here.
        """
        self.bring(cached(WHEEL))
        self.assertEqual(200, self.get(f"/files/demo/{WHEEL.filename}").code)
        self.bring(packed(status="quarantined", status_reason="taken over"))
        self.assertEqual(403, self.get(f"/files/demo/{WHEEL.filename}").code)

    def test_not_read_again(self) -> None:
        """
        A server takes the files for what they are, and does not read them.
        """
        self.bring(cached(WHEEL), packed(PRIVATE, name=OURS))
        self.threads.calls.clear()
        self.assertEqual((1, 1), (len(self.files("demo")), len(self.files("ours"))))
        self.assertNotIn("examine", self.threads.calls)

    def test_with_an_upstream(self) -> None:
        """
        Where an index is asked, files of an index are cached ones still.
        """
        index = FakeIndex(clock=self.clock)
        self.bring(cached(WHEEL))
        self.index = index
        self.index.add(SDIST)
        self.start_proxy()
        listed = self.files("demo")
        self.assertEqual(REMOVED, listed[WHEEL.filename]["yanked"])
        self.assertFalse(ClaimStore.of(self.directory).is_claimed(DEMO))


class ArrivalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.projects = cached(WHEEL, SDIST), packed(PRIVATE, name=OURS)
        self.tar = make_bundle(*self.projects)
        self.names = list(expected(*self.projects))

    def bring(self, tar: bytes, **more: Any) -> Report:
        return bring(self.root, tar, **more)

    def spoiled(self, name: str, content: bytes) -> bytes:
        """
        A bundle in which something is not what its manifest says.
        """
        contents = contents_of(*self.projects)
        members = [member(*each) for each in contents.items()]
        return make_tar({**contents, name: content}, members)

    def test_brought(self) -> None:
        """
        Files lie under their project's name, and all is counted.
        """
        report = self.bring(self.tar)
        self.assertEqual(expected(*self.projects), files_in(self.root))
        self.assertEqual(self.names, report.brought)
        size = sum(map(len, expected(*self.projects).values()))
        self.assertEqual((size, 1), (report.size, report.pages))

    def test_twice(self) -> None:
        """
        What is here already is skipped, and nothing is written.
        """
        self.bring(self.tar)
        Wishes.to_reread(self.root).take(DEMO)
        before = self.stats()
        report = self.bring(self.tar)
        self.assertEqual(([], self.names), (report.brought, report.already))
        self.assertEqual((0, 0), (report.size, report.pages))
        self.assertEqual(before, self.stats())
        self.assertFalse(Wishes.to_reread(self.root).take(DEMO))

    def stats(self) -> Mapping[str, tuple[int, int]]:
        return {
            str(path): (path.stat().st_ino, path.stat().st_mtime_ns)
            for path in self.root.rglob("*")
            if path.is_file()
        }

    def test_foreseen(self) -> None:
        """
        What would be brought can be told before, and nothing is written for that.
        """
        folder = self.root / "Demo"
        folder.mkdir()
        (folder / SDIST.filename).write_bytes(SDIST.content)
        (folder / WHEEL.filename).write_bytes(b"another")
        settings = Settings(directory=self.root)
        arrival = Arrival(settings, Bundle.open(io.BytesIO(self.tar)))
        arrival.foresee()
        report = arrival.report
        self.assertEqual(
            ([self.names[2]], [self.names[1]], [self.names[0]]),
            (report.brought, report.already, report.others),
        )
        self.assertEqual(["Demo"], os.listdir(self.root))

    def test_left_out(self) -> None:
        """
        What may not come is foreseen as such, and its reason told.
        """
        why = dict.fromkeys(self.names[:2], "demo is refused here")
        settings = Settings(directory=self.root, deny=("demo",), min_free=0)
        foreseen = Arrival(settings, Bundle.open(io.BytesIO(self.tar)))
        foreseen.foresee()
        for report in (foreseen.report, self.bring(self.tar, deny=("demo",))):
            self.assertEqual(why, {n: w[:20] for n, w in report.left_out.items()})
            self.assertEqual(self.names[2:], report.brought)
        self.assertEqual(self.names[2:], list(files_in(self.root)))

    def test_removed(self) -> None:
        """
        A file that was removed here and that people put here again is as any other.
        """
        self.bring(self.tar)
        path = self.root / self.names[0]
        remove_on_record(self.root, self.names[0], WHEEL.sha256)
        report = self.bring(self.tar)
        self.assertEqual([self.names[0]], list(report.left_out))
        self.assertEqual(self.names[1:], report.already)
        path.write_bytes(WHEEL.content)
        report = self.bring(self.tar)
        self.assertEqual(({}, self.names), (report.left_out, report.already))

    def test_another(self) -> None:
        """
        A file that is here stays, whatever a bundle brings under its name, and so does
        what is known of it.
        """
        (self.root / WHEEL.filename).write_bytes(b"another")
        report = self.bring(self.tar)
        self.assertEqual([self.names[0]], report.others)
        self.assertEqual(self.names[1:], report.brought)
        self.assertEqual(b"another", (self.root / WHEEL.filename).read_bytes())
        self.assertFalse((self.root / "demo" / WHEEL.filename).exists())

    def test_meanwhile(self) -> None:
        """
        Nor does one that has come meanwhile go: the same is fine, another is told.
        """
        for content, what in ((WHEEL.content, "already"), (b"another", "others")):
            shutil.rmtree(self.root)
            self.root.mkdir()
            publish = Upload._publish

            def meanwhile(
                upload: Upload, *of: Any, content: bytes = content, p: Any = publish
            ) -> Any:
                path = self.root / "demo" / WHEEL.filename
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
                return p(upload, *of)

            self.patch(Upload, "_publish", meanwhile)
            report = self.bring(self.tar)
            self.patch(Upload, "_publish", publish)
            self.assertEqual([self.names[0]], getattr(report, what))
            found = files_in(self.root)[self.names[0]]
            self.assertEqual(content, found)
            self.assertEqual([], left_over(self.root))

    def test_damaged(self) -> None:
        """
        A file with another digest is not kept, and told; the others are brought.
        """
        spoiled = b"\0" * len(WHEEL.content)
        report = self.bring(self.spoiled(self.names[0], spoiled))
        self.assertEqual([self.names[0]], report.damaged)
        self.assertEqual(self.names[1:], report.brought)
        self.assertNotIn(self.names[0], files_in(self.root))
        self.assertEqual([], left_over(self.root))
        self.assertEqual([self.names[0]], self.bring(self.tar).brought)

    def test_missing(self) -> None:
        """
        A file that does not come is told.
        """
        contents = contents_of(*self.projects)
        members = [member(*each) for each in contents.items()]
        del contents[self.names[1]]
        report = self.bring(make_tar(contents, members))
        self.assertEqual([self.names[1]], report.missing)

    def test_contradiction(self) -> None:
        """
        A note that speaks of another file than the manifest is refused, as is one that
        does not speak of it at all.
        """
        for note in (
            packed(make_wheel("demo", payload=1)).note,
            ProjectNote(),
        ):
            contents = {
                note_name(DEMO): render_note(note),
                self.names[0]: WHEEL.content,
            }
            error = self.assertRaises(BadBundle, self.bring, make_tar(contents))
            self.assertIn(f"what is said of {self.names[0]} in it", str(error))
        self.assertEqual({}, files_in(self.root))

    def test_room(self) -> None:
        """
        What does not fit is not begun; what is here already needs no room.
        """
        status = os.statvfs(self.root)
        free = status.f_bavail * status.f_frsize
        error = self.assertRaises(DoesNotFit, self.bring, self.tar, min_free=free)
        self.assertIn("which do not fit", str(error))
        self.assertEqual({}, files_in(self.root))
        self.bring(self.tar)
        self.bring(self.tar, min_free=free // 2)

    def test_full(self) -> None:
        """
        A disk that fills up all the same ends it; nothing half is left, what had come
        is there and known, and the next attempt goes on from there.
        """
        write = Upload.write

        def full(upload: Upload, data: bytes) -> None:
            if data == SDIST.content:
                raise OSError(28, "No space left on device")
            write(upload, data)

        self.patch(Upload, "write", full)
        error = self.assertRaises(CannotKeep, self.bring, self.tar)
        self.assertIn(f"{self.names[1]} cannot be kept: No space left", str(error))
        self.assertEqual([self.names[0]], list(files_in(self.root)))
        self.assertEqual([], left_over(self.root))
        self.patch(Upload, "write", write)
        self.patch(arrival, "sha256_of", None)
        report = self.bring(self.tar)
        self.assertEqual([self.names[0]], report.already)
        self.assertEqual(self.names[1:], report.brought)

    def test_outside(self) -> None:
        """
        A project's folder that leads out of the directory takes nothing.
        """
        outside = Path(self.mktemp()).resolve()
        outside.mkdir()
        (self.root / "demo").symlink_to(outside)
        error = self.assertRaises(CannotKeep, self.bring, self.tar)
        self.assertIn("leads out of the directory", str(error))
        self.assertEqual([], os.listdir(outside))
        self.assertEqual([], left_over(self.root))

    def test_left_over(self) -> None:
        """
        What an import left behind when it was killed goes with the next one.
        """
        uploads = self.root / ".proxypypi" / "cache" / "uploads"
        uploads.mkdir(parents=True)
        (uploads / "00.part").write_bytes(b"half")
        self.bring(self.tar)
        self.assertEqual([], left_over(self.root))

    def test_counted(self) -> None:
        """
        Cached files that are brought count as such, once, and private ones do not.
        """
        tally = Tally.of(self.root)
        tally.correct(1000, None, 1.0)
        for _ in range(2):
            self.bring(make_bundle(cached(WHEEL, SDIST), packed(PRIVATE, name=OURS)))
            count = tally.read()
            assert count is not None
            size = len(WHEEL.content) + len(SDIST.content)
            self.assertEqual(1000 + size, count.size)

    def test_cannot_be_counted(self) -> None:
        """
        That they cannot be counted is no reason not to bring them.
        """

        def fail(tally: Tally, size: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(Tally, "add", fail)
        report = self.bring(make_bundle(cached(WHEEL, SDIST)))
        self.assertEqual(2, len(report.brought))

    def test_told(self) -> None:
        """
        How far it has come is told, also where it only skips.
        """
        for _ in range(2):
            told: list[tuple[int, int]] = []
            bundle = Bundle.open(io.BytesIO(self.tar))
            settings = Settings(directory=self.root, min_free=0)
            Arrival(settings, bundle).bring(1.0, lambda *of, t=told: t.append(of))
            self.assertEqual(*told[-1])

    @given(st.data())
    def test_mutated(self, data: st.DataObject) -> None:
        """
        Whatever happens to a bundle on its way: it brings the very files, or some of
        them and says that this is not all.
        """
        size = len(self.tar)
        tar = bytearray(self.tar)
        if data.draw(st.booleans()):
            for _ in range(data.draw(st.integers(1, 3))):
                place = data.draw(st.integers(0, size - 1))
                tar[place] = data.draw(st.integers(0, 255))
        else:
            start = data.draw(st.integers(0, size))
            end = start + data.draw(st.sampled_from([1, 511, 512, 513, size]))
            tar[start:end] = data.draw(st.binary(max_size=600))
        self.check_mutation(bytes(tar))

    def check_mutation(self, tar: bytes) -> None:
        root = Path(self.mktemp()).resolve()
        root.mkdir()
        wrong = False
        try:
            report = bring(root, tar)
            wrong = bool(report.damaged or report.missing)
        except BadBundle:
            wrong = True
        whole, found = expected(*self.projects), files_in(root)
        for name, content in found.items():
            self.assertEqual(whole.get(name), content)
        self.assertTrue(wrong or found == whole, found.keys())
        self.assertEqual([], left_over(root))
        shutil.rmtree(root)
