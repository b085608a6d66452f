"""
Tests for :mod:`proxypypi.store.directory`.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.interfaces import IDirectory
from proxypypi.names import NormalizedName, normalize
from proxypypi.store.directory import Directory, look, look_around
from tests.store_contract import DEMO, OTHER, DirectoryContract

LONG_AGO = 1_000_000_000  # POSIX seconds


class DirectoryTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(time.time())
        self.outside = Path(self.mktemp()).resolve()
        self.outside.mkdir()
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.directory: IDirectory = Directory(self.root, self.clock, maybeDeferred)

    def look(self, name: NormalizedName = DEMO) -> Any:
        return self.successResultOf(self.directory.files(name))

    def projects(self) -> list[str]:
        asked: Deferred[Any] = self.directory.projects()
        return list(self.successResultOf(asked))

    def put(self, filename: str, content: bytes = b"content") -> None:
        path = self.root / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def later(self) -> None:
        self.clock.advance(1.0)

    def seen(self, name: str = DEMO) -> dict[str, str]:
        """
        The files of a project, by name, and where in the root they lie.
        """
        self.directory.changed(normalize(name))
        files = self.look(normalize(name))
        self.assertEqual(list(files), [f.filename for f in files.values()])
        return {n: os.path.relpath(f.path, self.root) for n, f in files.items()}

    def settle(self) -> None:
        """
        Have the root's last change be long ago, so that its names are remembered.
        """
        os.utime(self.root, (LONG_AGO, LONG_AGO))


class DirectoryTests(DirectoryTestCase, DirectoryContract):
    """
    What is offered, and what is not.
    """

    def test_description(self) -> None:
        """
        A file is told from its replacement by size, modification time and inode.
        """
        self.put("demo-1.zip")
        path = self.root / "demo-1.zip"
        os.utime(path, ns=(0, 1_700_000_000_123_456_789))
        file = self.look()["demo-1.zip"]
        status = path.stat()
        self.assertEqual(
            (
                *("demo-1.zip", str(path), 7, 1_700_000_000_123_456_789),
                *(status.st_ino, status.st_ctime_ns),
            ),
            (
                *(file.filename, file.path, file.size, file.modified_at),
                *(file.inode, file.changed_at),
            ),
        )

    def test_flat(self) -> None:
        """
        Files in the root belong to the project that their names say.
        """
        for filename in (
            "demo-1.zip",
            "Demo-2.tar.gz",
            "demo-3-py3-none-any.whl",
            "demo-extras-4.zip",
            "demo_extras-5-py3-none-any.whl",
            "other-6.zip",
        ):
            self.put(filename)
        ours = ("demo-1.zip", "Demo-2.tar.gz", "demo-3-py3-none-any.whl")
        theirs = ("demo-extras-4.zip", "demo_extras-5-py3-none-any.whl")
        self.assertEqual({f: f for f in ours}, self.seen())
        self.assertEqual({f: f for f in theirs}, self.seen(OTHER))
        self.assertEqual(["demo", "demo-extras", "other"], self.projects())

    def test_folders(self) -> None:
        """
        A project's folder may be spelled as one likes, and there may be several.
        """
        spelled = ("demo-extras", "Demo_Extras", "demo.extras", "DEMO--EXTRAS")
        for n, folder in enumerate(spelled):
            self.put(f"{folder}/demo_extras-{n}.zip")
        self.assertEqual(
            {
                f"demo_extras-{n}.zip": f"{f}/demo_extras-{n}.zip"
                for n, f in enumerate(spelled)
            },
            self.seen(OTHER),
        )
        self.assertEqual({}, self.seen())
        self.assertEqual(["demo-extras"], self.projects())

    def test_folder_decides(self) -> None:
        """
        In a folder it is the folder's name that says whose a file is.
        """
        self.put("demo/other-1.zip")
        self.put("demo/nameless.zip")
        self.assertEqual({"nameless.zip", "other-1.zip"}, set(self.seen()))
        self.assertEqual({}, self.seen("other"))
        self.assertEqual(["demo"], self.projects())

    def test_flat_wins(self) -> None:
        """
        Of files of one name the root's counts, then that in a folder of a person's.
        """
        self.put("demo/demo-1.zip")
        self.assertEqual({"demo-1.zip": "demo/demo-1.zip"}, self.seen())
        self.put("Demo/demo-1.zip")
        self.assertEqual({"demo-1.zip": "Demo/demo-1.zip"}, self.seen())
        self.put("demo-1.zip")
        self.assertEqual({"demo-1.zip": "demo-1.zip"}, self.seen())

    def test_second_best(self) -> None:
        """
        What cannot be offered does not stand in the way of what can.
        """
        (self.root / "demo-1.zip").mkdir()
        (self.root / "Demo").mkdir()
        (self.root / "Demo" / "demo-1.zip").symlink_to("nowhere")
        self.put("demo/demo-1.zip")
        self.assertEqual({"demo-1.zip": "demo/demo-1.zip"}, self.seen())

    def test_left_out(self) -> None:
        """
        What is no distribution, hidden, unfinished or deeper down is not offered.
        """
        for filename in (
            *(".demo-1.zip", "demo-1.zip.part", "demo-1.zip.tmp", "demo-1.txt"),
            *("demo-1.whl.metadata", "README"),
        ):
            self.put(filename)
            self.put(f"Demo/{filename}")
        self.put("nameless.zip")
        self.put("Demo/deeper/demo-2.zip")
        self.put("Demo/demo-3.zip/demo-3.zip")
        self.put(".demo/demo-4.zip")
        self.put(".proxypypi/cache/partial/demo/demo-5.zip")
        self.put("-demo/demo-6.zip")
        self.put("demo!/demo-7.zip")
        os.mkfifo(self.root / "Demo" / "demo-8.zip")
        os.mkfifo(self.root / "demo-9.zip")
        for name in ("demo", "proxypypi", "nameless", "deeper"):
            self.assertEqual({}, self.seen(name), name)

    def test_odd_names(self) -> None:
        """
        Names that no text can hold are left out, and keep nothing else from being seen.
        """
        for folder in (self.root, self.root / "demo"):
            folder.mkdir(exist_ok=True)
            for name in (b"demo-\xff.zip", b"demo-\n.zip", b"\xff", b"demo\\-1.zip"):
                with open(os.fsencode(folder) + b"/" + name, "wb"):
                    pass
        os.mkdir(os.fsencode(self.root) + b"/demo\xff")
        self.put("demo-1.zip")
        self.put("demo/demo-2.zip")
        self.assertEqual({"demo-1.zip", "demo-2.zip"}, set(self.seen()))
        self.assertEqual(["demo"], self.projects())

    def test_link_to_file(self) -> None:
        """
        A link is followed as long as it stays inside, and describes what it leads to.
        """
        self.put("pool/whatever", b"a longer content")
        (self.outside / "demo-0.zip").write_bytes(b"secret")
        (self.root / "demo").mkdir()
        links: dict[str, Any] = {
            "demo-1.zip": self.root / "pool" / "whatever",
            "demo-2.zip": "pool/whatever",
            "demo/demo-3.zip": "../pool/whatever",
            "demo/demo-4.zip": "../demo-1.zip",
            "demo-5.zip": self.outside / "demo-0.zip",
            "demo-6.zip": os.path.relpath(self.outside / "demo-0.zip", self.root),
            "demo/demo-7.zip": "../demo-5.zip",
            "demo-8.zip": "nowhere",
            "demo-9.zip": "demo-9.zip",
            "demo/demo-10.zip": "demo-11.zip",
            "demo/demo-11.zip": "demo-10.zip",
            "demo-12.zip": "pool",
            "demo-13.zip": "pool/whatever/else",
            "demo-14.zip": self.outside,
        }
        for name, target in links.items():
            (self.root / name).symlink_to(target)
        expected = {os.path.basename(n): n for n in list(links)[:4]}
        self.assertEqual(expected, self.seen())
        self.later()
        sizes = {f.size for f in self.look().values()}
        self.assertEqual({len(b"a longer content")}, sizes)

    def test_told_once(self) -> None:
        """
        Of a link that leads outside the log is told, once; of others nothing is said.
        """
        (self.root / "demo-1.zip").symlink_to(self.outside)
        (self.root / "demo-2.zip").symlink_to("nowhere")
        (self.root / "demo-3.zip").symlink_to("demo-3.zip")
        (self.root / "demo").symlink_to(self.outside)
        with capturedLogs() as events:
            for _ in range(3):
                self.assertEqual({}, self.seen())
        told = [str(e["link"]) for e in events if "link" in e]
        self.assertEqual([str(self.root / n) for n in ("demo", "demo-1.zip")], told)

    def test_walk(self) -> None:
        """
        To walk through all, or some, finds each project's files, wherever they lie, as
        a look at one does.
        """
        for path in ("a-1.zip", "A/a-2.zip", "a/a-3.zip", "b/b-1.zip", "c/notes.txt"):
            (self.root / path).parent.mkdir(exist_ok=True)
            (self.root / path).write_bytes(b"content")
        directory = Directory(self.root, self.clock, maybeDeferred)
        found = dict(directory.walk())
        expected = {
            "a": ["a-1.zip", "a-2.zip", "a-3.zip"],
            "b": ["b-1.zip"],
            "c": [],
        }
        self.assertEqual(expected, {n: sorted(files) for n, files in found.items()})
        one = normalize("a")
        self.assertEqual(look(self.root, one), found[one])
        self.assertEqual({one: found[one]}, dict(directory.walk([one])))

    def test_no_files(self) -> None:
        """
        What has a file's name, and is a directory, a FIFO or a socket, is left out.
        """
        (self.root / "demo-1.zip").mkdir()
        os.mkfifo(self.root / "demo-2.zip")
        with socket(AF_UNIX) as listening:
            here = os.getcwd()
            os.chdir(self.root)  # the path of a socket must be short
            self.addCleanup(os.chdir, here)
            listening.bind("demo-3.zip")
        (self.root / "demo-4.zip").symlink_to("demo-2.zip")
        self.assertEqual({}, self.seen())

    def test_sibling_of_the_root(self) -> None:
        """
        Outside is also what merely starts with the root's name.
        """
        sibling = Path(f"{self.root}-backup")
        sibling.mkdir()
        (sibling / "demo-1.zip").write_bytes(b"secret")
        (self.root / "demo-1.zip").symlink_to(sibling / "demo-1.zip")
        (self.root / "demo").symlink_to(sibling)
        self.assertEqual({}, self.seen())

    def test_link_to_folder(self) -> None:
        """
        The same goes for folders.
        """
        self.put("pool/demo-1.zip")
        self.put("pool/deep/demo-2.zip")
        (self.outside / "demo-3.zip").write_bytes(b"secret")
        links: dict[str, Any] = {
            "Demo": "pool",
            "DEMO": self.root / "pool" / "deep",
            "demo": self.outside,
            "dEMO": "nowhere",
            "deMO": "deMO",
        }
        for name, target in links.items():
            (self.root / name).symlink_to(target)
        self.assertEqual(
            {"demo-1.zip": "Demo/demo-1.zip", "demo-2.zip": "DEMO/demo-2.zip"},
            self.seen(),
        )
        self.assertEqual(["demo", "pool"], self.projects())

    def test_round_in_circles(self) -> None:
        """
        A link that leads round in circles spoils nothing but itself.
        """
        self.put("demo-1.zip")
        for name in ("loop", "loop-1.zip"):
            (self.root / name).symlink_to(name)
        self.assertEqual({"demo-1.zip": "demo-1.zip"}, self.seen())
        self.assertEqual({}, self.seen("loop"))

    def test_unreadable_folder(self) -> None:
        """
        A folder that we must not look into is as good as empty.
        """
        self.put("demo/demo-1.zip")
        self.put("Demo/demo-2.zip")
        self.put("other/other-1.zip")
        locked = {str(self.root / "demo"), str(self.root / "other")}
        listdir = os.listdir

        def refuse(path: Any) -> Any:
            if str(path) in locked:
                raise PermissionError(13, "Permission denied", path)
            return listdir(path)

        self.patch(os, "listdir", refuse)
        self.assertEqual({"demo-2.zip": "Demo/demo-2.zip"}, self.seen())
        self.assertEqual(["demo"], self.projects())

    def test_gone_meanwhile(self) -> None:
        """
        A file that goes while we look is left out, and nothing else is.
        """
        self.put("demo-1.zip")
        self.put("demo-2.zip")
        lstat = os.lstat

        def too_late(path: Any) -> os.stat_result:
            if str(path).endswith("demo-1.zip"):
                os.remove(path)
            return lstat(path)

        self.patch(os, "lstat", too_late)
        self.assertEqual({"demo-2.zip": "demo-2.zip"}, self.seen())

    def test_no_root(self) -> None:
        """
        Without its root it does not pretend that there is nothing.
        """
        self.root.rmdir()
        self.failureResultOf(self.directory.files(DEMO), FileNotFoundError)
        asked: Deferred[Any] = self.directory.projects()
        self.failureResultOf(asked, FileNotFoundError)

    def test_look_around(self) -> None:
        """
        All projects can be looked at at once, without waiting for anything.
        """
        for filename in ("demo-1.zip", "demo-extras/demo-extras-1.zip", "x/.hidden"):
            self.put(filename)
        found = [(name, list(files)) for name, files in look_around(self.root)]
        expected = [(DEMO, ["demo-1.zip"]), (OTHER, ["demo-extras-1.zip"])]
        self.assertEqual(expected, found)

    def test_project_without_files(self) -> None:
        """
        A folder makes no project as long as nothing lies in it that is offered.
        """
        (self.root / "demo").mkdir()
        self.put("other/README")
        self.assertEqual([], self.projects())
        self.put("demo/demo-1.zip")
        self.assertEqual(["demo"], self.projects())


class ChangesTests(DirectoryTestCase):
    """
    What changes is noticed, wherever, and whatever is remembered of the root.
    """

    def check(self, change: Callable[[], object], expected: dict[str, str]) -> None:
        """
        Once while the root's last change is recent, and once when it is old.
        """
        before = self.look()
        change()
        self.assertIs(before, self.look(), "it looks again too soon")
        self.clock.advance(0.99)
        self.assertIs(before, self.look(), "it looks again too soon")
        self.clock.advance(0.01)
        found = self.look()
        self.assertEqual(
            expected, {n: os.path.relpath(f.path, self.root) for n, f in found.items()}
        )
        self.later()
        self.assertIs(found, self.look())

    def test_added_and_removed(self) -> None:
        """
        Files that come and go, in the root and in folders that come and go.
        """
        flat, foldered = "demo-1.zip", "demo/demo-2.zip"
        both = {"demo-1.zip": flat, "demo-2.zip": foldered}
        for settle in (lambda: None, self.settle):
            settle()
            self.check(lambda: self.put(flat), {"demo-1.zip": flat})
            settle()
            self.check(lambda: self.put(foldered), both)
            settle()
            self.check((self.root / foldered).unlink, {"demo-1.zip": flat})
            settle()
            self.check(lambda: self.put(foldered), both)
            settle()
            self.check((self.root / flat).unlink, {"demo-2.zip": foldered})
            settle()
            (self.root / foldered).unlink()
            self.check((self.root / "demo").rmdir, {})

    def test_replaced(self) -> None:
        """
        A file that was replaced, or written on, is another file.
        """
        self.put("demo-1.zip", b"old")
        path = self.root / "demo-1.zip"

        def replace() -> None:
            status = path.stat()
            self.put("new.tmp", b"new")
            os.utime(self.root / "new.tmp", ns=(status.st_atime_ns, status.st_mtime_ns))
            os.rename(self.root / "new.tmp", path)

        changes: list[tuple[str, Callable[[], object]]] = [
            ("written on", lambda: path.write_bytes(b"longer")),
            ("touched", lambda: os.utime(path, (1, 1))),
            ("replaced", replace),
        ]
        for case, change in changes:
            self.settle()
            before = self.look()["demo-1.zip"]
            change()
            self.settle()
            self.later()
            self.assertNotEqual(before, self.look()["demo-1.zip"], case)

    def test_same_modification_time(self) -> None:
        """
        A change of the root so soon after another that its time stays the same is not
        missed.
        """
        now = self.clock.seconds()
        os.utime(self.root, (now, now))
        self.assertEqual({}, self.look())
        self.put("demo-1.zip")
        os.utime(self.root, (now, now))
        self.later()
        self.assertEqual(["demo-1.zip"], list(self.look()))

    def test_clock_ahead(self) -> None:
        """
        Nor is it if the root's time lies in the future.
        """
        ahead = self.clock.seconds() + 1.5
        os.utime(self.root, (ahead, ahead))
        self.assertEqual({}, self.look())
        self.put("demo-1.zip")
        os.utime(self.root, (ahead, ahead))
        self.later()
        self.assertEqual(["demo-1.zip"], list(self.look()))

    def test_root_remembered(self) -> None:
        """
        While the root does not change, its names are read once, for all projects.
        """
        scandir = os.scandir
        scans: list[object] = []

        def note(path: Any) -> Any:
            scans.append(path)
            return scandir(path)

        self.put("demo-1.zip")
        self.settle()
        self.patch(os, "scandir", note)
        for _ in range(3):
            self.assertEqual(["demo-1.zip"], list(self.look()))
            self.assertEqual({}, self.look(OTHER))
            self.assertEqual(["demo"], self.projects())
            self.later()
        self.assertEqual(1, len(scans))

    def test_every_project_by_itself(self) -> None:
        """
        That one project was looked at, or changed, does not concern another.
        """
        self.look(OTHER)
        self.clock.advance(0.5)
        self.look()
        self.put("demo-1.zip")
        self.put("demo-extras-1.zip")
        self.directory.changed(OTHER)
        self.assertEqual(["demo-extras-1.zip"], list(self.look(OTHER)))
        self.assertEqual({}, self.look())

    def test_many_projects(self) -> None:
        """
        Of very many projects only those asked for last are remembered.
        """
        self.put("demo-1.zip")
        first = self.look()
        for n in range(999):
            self.look(normalize(f"other{n}"))
        self.assertIs(first, self.look())
        self.look(normalize("one-more"))
        self.assertIsNot(first, self.look())


class ThreadTests(SynchronousTestCase):
    """
    What happens while a look is under way in another thread.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(time.time())
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.looks: list[tuple[Deferred[Any], Callable[[], Any]]] = []
        self.directory = Directory(self.root, self.clock, self.in_thread)

    def in_thread(self, call: Callable[..., Any], *arguments: Any) -> "Deferred[Any]":
        result: Deferred[Any] = Deferred()
        looked = call(*arguments)
        self.looks.append((result, lambda: result.callback(looked)))
        return result

    def finish(self) -> None:
        looks, self.looks = self.looks, []
        for _, answer in looks:
            answer()

    def ask(self) -> list[str]:
        asked: Deferred[Any] = self.directory.files(DEMO)
        self.finish()
        return list(self.successResultOf(asked))

    def test_changed_meanwhile(self) -> None:
        """
        If we change something ourselves while a look is under way, what that look has
        found is not given to those who ask after the change.
        """
        before = [(False, False), (False, True), (True, False), (True, True)]
        for n, (asked, changed) in enumerate(before):
            if asked:
                self.ask()
            if changed:
                self.directory.changed(DEMO)
            self.clock.advance(1.0)
            early = self.directory.files(DEMO)
            (self.root / f"demo-{n}.zip").write_bytes(b"content")
            self.directory.changed(DEMO)
            self.finish()
            self.assertNotIn(f"demo-{n}.zip", self.successResultOf(early), n)
            self.assertIn(f"demo-{n}.zip", self.ask(), n)

    def test_two_at_once(self) -> None:
        """
        Of two looks at once the first to end is the one that counts, so that all who
        ask get the same object.
        """
        (self.root / "demo-1.zip").write_bytes(b"content")
        asked = [self.directory.files(DEMO), self.directory.files(DEMO)]
        self.finish()
        first, second = map(self.successResultOf, asked)
        self.assertEqual(first, second)
        third = self.successResultOf(self.directory.files(DEMO))
        self.assertIs(first, third)

    def test_failure_is_not_remembered(self) -> None:
        """
        A look that failed is no answer to the next question.
        """
        directory = Directory(self.root, self.clock, maybeDeferred)
        self.root.rmdir()
        self.failureResultOf(directory.files(DEMO), FileNotFoundError)
        self.root.mkdir()
        self.assertEqual({}, self.successResultOf(directory.files(DEMO)))
