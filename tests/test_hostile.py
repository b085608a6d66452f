"""
What an attacker, a careless admin or plain bad luck does to the proxy, in memory.

Each class is a defect that a review found once.
"""

import errno
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proxypypi.cache import shelf
from proxypypi.model import LocalFile
from proxypypi.premises import Premises
from proxypypi.rules.integrity import Digests
from proxypypi.service import ProxyService
from proxypypi.settings import Settings, UpstreamSettings
from proxypypi.store.archives import examine
from proxypypi.store.pins import PinStore
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.fake_index import JSON, Fault
from tests.proxy_case import ProxyTestCase, Transfer

SIZE = 100_000
PAGE = "/simple/demo/"


class HostileTestCase(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", "1.0", payload=SIZE)
        self.content = self.wheel.content
        self.path = self.index.add(self.wheel)
        self.url = f"/files/demo/{self.wheel.filename}"
        self.published = self.directory / "demo" / self.wheel.filename

    @property
    def cache(self) -> Path:
        return self.directory / ".proxypypi" / "cache"

    def has_all(self, transfer: Transfer, case: str = "") -> None:
        self.assertTrue(transfer.is_complete, case)
        self.assertEqual((200, self.content), (transfer.code, transfer.body), case)

    def is_here(self, case: str = "") -> None:
        """
        It was published as it should be, and nothing is left of the way there.
        """
        self.assertEqual([f"demo/{self.wheel.filename}"], self.kept(), case)
        self.assertEqual(self.content, self.published.read_bytes(), case)
        self.assertEqual([], self.partials(), case)

    def is_refused_for_now(self, transfer: Transfer, case: str = "") -> None:
        """
        The client got a whole answer that says when to come again.
        """
        self.assertTrue(transfer.is_complete, case)
        self.assertIn(transfer.code, (502, 503), case)
        self.assertRegex(str(transfer.header("Retry-After")), "^[0-9]+$", case)
        self.assertEqual("no-store", transfer.header("Cache-Control"), case)

    def break_off(self, at: int) -> None:
        """
        Let upstream stall in the middle of the file, and the proxy be killed.
        """
        self.index.fail(self.path, Fault(stall_at=at, stall=1000))
        self.start(self.url)
        self.crash()
        self.published = self.directory / "demo" / self.wheel.filename
        self.assertEqual(1, len(self.partials()))
        self.index.requests.clear()

    def rewrite(self, path: Path, content: bytes, *, replace: bool = False) -> None:
        """
        Give a file other content, and the times that it had.

        :param replace: by another that is renamed over it.
        """
        before = path.stat()
        for _ in range(1_000_000):  # the file system's clock ticks every few ms
            target = path.with_name(".new") if replace else path
            target.write_bytes(content)
            os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
            if target.stat().st_ctime_ns != before.st_ctime_ns:
                break
        if replace:
            os.replace(target, path)
        after = path.stat()
        self.assertEqual(before.st_mtime_ns, after.st_mtime_ns)
        self.assertNotEqual(before.st_ctime_ns, after.st_ctime_ns)


class EveryByteButNoEndTests(HostileTestCase):
    """
    Upstream sends all of a file and breaks off where the last chunk should be.
    """

    def setUp(self) -> None:
        super().setUp()
        self.index.sizes = False

    def test_digest_tells(self) -> None:
        """
        When it then has no more to give (416), the digest says whether that was all.
        """
        fault = Fault(chunked=True, truncate_at=len(self.content))
        self.index.fail(self.path, fault)
        transfer = self.start(self.url)
        self.advance(0.2)
        self.has_all(transfer)
        self.is_here()
        self.assertEqual(
            [None, f"bytes={len(self.content)}-"],
            [seen.header("Range") for seen in self.index.asked(self.path)],
        )

    def test_digest_tells_that_it_is_another(self) -> None:
        """
        Nobody completes a file that ended early so, or is another.
        """
        short = self.content[:-2000]
        for fault in (
            Fault(body=short, chunked=True, truncate_at=len(short)),
            Fault(wrong_bytes=True, chunked=True, truncate_at=len(self.content)),
        ):
            self.index.fail(self.path, fault)
            self.index.fail(self.path, Fault(body=fault.body))
            transfer = self.start(self.url)
            self.advance(0.2)
            self.assertTrue(transfer.is_cut)
            self.assertEqual([], self.kept())
            self.assertEqual([], self.partials())
        self.has_all(self.get(self.url))


class LeftoverNeverBlocksTests(HostileTestCase):
    """
    What lies among the partial files is not trusted, whatever put it there.
    """

    def leave(self, content: bytes) -> None:
        shutil.rmtree(self.directory / "demo", ignore_errors=True)
        folder = self.cache / "partial" / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{self.wheel.filename}.{self.wheel.sha256[:16]}"
        (folder / name).write_bytes(content)
        self.settle()

    def check(self) -> None:
        other = bytes(reversed(self.content))
        for case, content in (
            ("whole", self.content),
            ("as long, and wrong", other),
            ("longer", self.content + b"x" * 5000),
            ("longer, and wrong", other + b"x" * 5000),
            ("shorter by one", self.content[:-1]),
            ("shorter, and wrong", other[:40_000]),
            ("a byte, and wrong", b"\0"),
            ("empty", b""),
        ):
            self.leave(content)
            first = self.start(self.url)
            self.advance(5)
            if first.code == 200 and first.is_complete:
                self.has_all(first, case)
            elif not first.is_cut:
                self.is_refused_for_now(first, case)
            second = self.start(self.url)
            self.advance(5)
            self.has_all(second, case)
            self.is_here(case)

    def test_size_known(self) -> None:
        """
        It costs one try at most, and no client completes wrong bytes.
        """
        self.check()

    def test_size_not_known(self) -> None:
        """
        Nor does it cost more where the index gives no sizes.
        """
        self.index.sizes = False
        self.check()


class FollowersShareOneDescriptorTests(HostileTestCase):
    def descriptors(self) -> int:
        try:
            return len(os.listdir("/proc/self/fd"))
        except OSError as e:
            raise SkipTest("this system does not tell what files are open") from e

    def test_while_they_follow(self) -> None:
        """
        However many follow a download, the file is open once; and not at all when
        the last of them has left.
        """
        self.index.fail(self.path, Fault(stall_at=30_000, stall=5))
        gc.collect()  # or what others left would be closed meanwhile
        before = self.descriptors()
        wires = [self.connect() for _ in range(120)]
        for wire in wires:
            wire.transport.room = 10_000
            wire.send(f"GET {self.url} HTTP/1.1")
        self.flush()
        self.assertLessEqual(self.descriptors() - before, 3)
        for wire in wires[:60]:
            wire.hang_up()
        self.advance(5)
        self.assertLessEqual(self.descriptors() - before, 3)
        for wire in wires[60:]:
            wire.take(1_000_000)
            self.assertEqual(self.content, wire.body)
        self.assertEqual(before, self.descriptors())


class WrongBytesAndThenSilenceTests(HostileTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.get(PAGE)
        self.index.fail(self.path, Fault(wrong_bytes=True))
        self.assertFalse(self.start(self.url).is_complete)
        self.index.requests.clear()

    def asked_for_all(self) -> None:
        asked = self.index.asked(PAGE)
        self.assertEqual(1, len(asked))
        for condition in ("If-None-Match", "If-Modified-Since"):
            self.assertIsNone(asked[0].header(condition), condition)

    def test_old_page_in_time(self) -> None:
        """
        The page that proved wrong is asked for anew; if that takes long, the old one
        is good enough after three seconds, for every client.
        """
        self.index.fail(PAGE, Fault(delay=1000))
        asking = [self.start(PAGE, Accept=JSON) for _ in range(3)]
        self.advance_slowly(3.1)
        for transfer in (*asking, self.start(PAGE, Accept=JSON)):
            self.assertEqual(200, transfer.code)
            self.assertTrue(transfer.is_complete)
            self.assertEqual(self.wheel.filename, transfer.json["files"][0]["filename"])
            status = str(transfer.header("Cache-Status"))
            self.assertRegex(status, r"^proxypypi; hit; ttl=-?[0-9]+$")
        self.asked_for_all()

    def test_asked_without_conditions(self) -> None:
        """
        What was wrong must not be confirmed by a 304.
        """
        self.get(PAGE)
        self.asked_for_all()

    def test_not_in_memory(self) -> None:
        """
        Nor when other pages had pushed it out of memory by then.
        """
        self.patch(shelf, "_MOST_IN_MEMORY", 1)
        self.start_proxy()
        self.get(PAGE)
        self.index.add(make_wheel("other"))
        self.index.fail(self.path, Fault(wrong_bytes=True, stall_at=30_000, stall=1))
        transfer = self.start(self.url)
        self.get("/simple/other/")
        self.advance(1)
        self.assertTrue(transfer.is_cut)
        self.index.requests.clear()
        self.assertEqual(200, self.get(PAGE).code)
        self.asked_for_all()


class HostileHtmlTests(HostileTestCase):
    """
    Pages that parsers choke on are unreadable, and no defect of ours.
    """

    BODIES = (
        b'<html><a href="x-1.0.zip" data-yanked="&#' + b"9" * 6000 + b';">x</a>',
        b'<html><a href="&#' + b"1" * 6000 + b'">x</a>',
        b"<!DOCTYPE html><body>&#" + b"7" * 6000 + b"; <a href='&#x;'>",
    )

    def fault(self, body: bytes) -> Fault:
        return Fault(body=body, headers={"Content-Type": "text/html"})

    def test_no_page_in_hand(self) -> None:
        """
        Then it is upstream's error, which is not remembered.
        """
        self.index.fail(PAGE, self.fault(self.BODIES[0]))
        self.is_refused_for_now(self.get(PAGE))
        self.assertEqual(200, self.get(PAGE).code)

    def test_old_page_in_hand(self) -> None:
        """
        The last readable page is served instead.
        """
        self.get(PAGE)
        self.index.fail(PAGE, self.fault(self.BODIES[0]))
        self.advance(901)
        self.assertEqual([self.wheel.filename], list(self.files("demo")))

    def test_never_a_defect(self) -> None:
        """
        Whatever is in it.
        """
        for number, body in enumerate(self.BODIES):
            path = f"/simple/demo{number}/"
            self.index.add(make_wheel(f"demo{number}"))
            self.index.fail(path, self.fault(body))
            self.assertIn(self.get(path).code, (200, 502, 503))


class ImpossibleTimesTests(HostileTestCase):
    TIMES = (
        *("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999999Z"),
        *("0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00Z", "1969-01-01T00:00:00Z"),
        *("2024-13-45T99:99:99Z", "soon", "", "2024-01-02T03:04:05"),
    )

    def test_upload_times(self) -> None:
        """
        A file is served whatever time its index gives, not here yet or here.
        """
        for number, time in enumerate(self.TIMES):
            built = make_wheel(f"odd{number}", payload=3000)
            self.index.add(built, upload_time=time)
            url = f"/files/{built.project}/{built.filename}"
            for _ in range(2):
                answer = self.get(url)
                self.assertEqual((200, built.content), (answer.code, answer.body), time)
            self.assertEqual(200, self.get(url, "HEAD").code, time)
            recent = "Sat, 01 Jan 2022 00:00:00 GMT"
            self.assertIn(self.get(url, If_Modified_Since=recent).code, (200, 304))
            self.assertEqual([built.filename], list(self.files(built.project)), time)

    def test_modification_times(self) -> None:
        """
        Likewise whatever time a file of one's own has on disk.
        """
        for number, seconds in enumerate((2**33, 253_402_300_800, 2**55, -1, -(2**40))):
            built = make_wheel(f"own{number}")
            path = self.drop(built, settled=False)
            try:
                os.utime(path, (seconds, seconds))
            except (OSError, OverflowError):
                continue  # then no file here can have it
            self.settle()
            url = f"/files/{built.project}/{built.filename}"
            answer = self.get(url)
            self.assertEqual((200, built.content), (answer.code, answer.body), seconds)
            self.assertEqual([built.filename], list(self.files(built.project)))

    def test_impossible_modification_time(self) -> None:
        """
        On whatever file system.
        """
        self.drop(make_wheel("own"))
        url = "/files/own/own-1.0-py3-none-any.whl"
        real, real_fstat = os.stat, os.fstat

        def alter(status: os.stat_result, path: Any) -> Any:
            if not str(path).endswith(".whl"):
                return status
            return _Altered(status, st_mtime_ns=2**80)

        def stat(path: Any, **options: Any) -> Any:
            return alter(real(path, **options), path)

        def fstat(fd: int) -> Any:
            return alter(real_fstat(fd), os.readlink(f"/proc/self/fd/{fd}"))

        self.patch(os, "lstat", stat)
        self.patch(os, "stat", stat)
        self.patch(os, "fstat", fstat)
        self.advance(2)
        self.assertEqual(200, self.get(url).code)


class _Altered:
    def __init__(self, status: os.stat_result, **changes: int) -> None:
        self._status = status
        self.__dict__.update(changes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._status, name)


class ReplacedFilesAreNoticedTests(HostileTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.private = make_wheel("own", "1.0", payload=3000)
        self.other = self.private.content[:-500] + bytes(500)
        self.file = self.drop(self.private)
        self.own = f"/files/own/{self.private.filename}"

    def shows(self, content: bytes) -> None:
        answer = self.get(self.own)
        self.assertEqual((200, content), (answer.code, answer.body))
        hashes = self.files("own")[self.private.filename]["hashes"]
        self.assertEqual(f'"{hashes["sha256"]}"', answer.header("ETag"))
        if content == self.private.content:
            self.assertEqual(self.private.sha256, hashes["sha256"])
        else:
            self.assertNotEqual(self.private.sha256, hashes["sha256"])

    def test_same_size_and_time(self) -> None:
        """
        A file of one's own that is written over by another of the same size, whose
        modification time is set back, is seen to be another.
        """
        self.shows(self.private.content)
        self.rewrite(self.file, self.other)
        self.settle()
        self.shows(self.other)

    def test_same_size_and_time_after_a_restart(self) -> None:
        """
        Also if that is done while the proxy does not run.
        """
        self.shows(self.private.content)
        self.rewrite(self.file, self.other)
        self.settle()
        self.start_proxy()
        self.shows(self.other)

    def test_between_listing_and_opening(self) -> None:
        """
        One that is renamed over it after it was looked at is not sent under the old
        digest; the client is told to wait for a moment.
        """
        self.shows(self.private.content)
        for content in (self.other, self.other + b"longer"):
            self.rewrite(self.file, content, replace=True)
            for headers in ({}, {"Range": "bytes=0-99"}, {"Range": "bytes=5-"}):
                answer = self.get(self.own, **headers)
                self.is_refused_for_now(answer)
                self.assertEqual(503, answer.code)
                self.assertIsNone(answer.header("ETag"))
                self.assertIsNone(answer.header("Content-Range"))
            self.settle()
            self.shows(content)


class MovedFilesStayWhatTheyAreTests(HostileTestCase):
    """
    The same bytes in a new file, as a restored backup has them.
    """

    def move(self, path: Path) -> None:
        self.rewrite(path, path.read_bytes(), replace=True)
        os.utime(path)
        self.advance(3600)

    def test_private_file(self) -> None:
        """
        It keeps the time it was first seen, for the upload time says when it came.
        """
        private = make_wheel("own", "1.0")
        path = self.drop(private)
        before = self.files("own")[private.filename]
        self.move(path)
        self.assertEqual(before, self.files("own")[private.filename])

    def test_private_file_whose_first_time_was_not_kept(self) -> None:
        """
        It does while that is known by any record.
        """
        private = make_wheel("own", "1.0")
        path = self.drop(private)
        before = self.files("own")[private.filename]
        shutil.rmtree(self.directory / ".proxypypi" / "decisions")
        self.move(path)
        self.assertEqual(before, self.files("own")[private.filename])

    def test_cached_file(self) -> None:
        """
        It is no private file because upstream has removed it meanwhile.
        """
        stays = make_wheel("demo", "2.0")
        self.index.add(stays)
        self.get(self.url)
        self.index.remove(self.wheel.filename)
        self.advance(901)
        before = self.files("demo")[self.wheel.filename]
        self.assertIn("removed", str(before["yanked"]))
        self.move(self.published)
        self.assertEqual(before, self.files("demo")[self.wheel.filename])
        answer = self.get(PAGE)
        self.assertNotEqual("no-cache", answer.header("Cache-Control"))


class CacheMayBeDeletedAtAnyTimeTests(HostileTestCase):
    def test_in_the_middle_of_a_download(self) -> None:
        """
        Who deletes the cache takes nothing from those who wait, and the file is kept.
        """
        self.index.fail(self.path, Fault(stall_at=30_000, stall=5))
        transfer = self.start(self.url)
        shutil.rmtree(self.cache)
        late = self.start(self.url)
        self.advance(5)
        self.has_all(transfer)
        self.has_all(late)
        self.is_here()
        self.assertEqual("ok\n", self.get("/-/health").body.decode())
        self.has_all(self.get(self.url))
        self.assertEqual(1, len(self.index.asked(self.path)))

    def test_never_over_another(self) -> None:
        """
        Nor is what somebody put there meanwhile replaced then.
        """
        self.index.fail(self.path, Fault(stall_at=30_000, stall=5))
        transfer = self.start(self.url)
        shutil.rmtree(self.cache)
        self.published.parent.mkdir()
        self.published.write_bytes(b"mine")
        self.advance(5)
        self.has_all(transfer)
        self.assertEqual(b"mine", self.published.read_bytes())
        self.assertEqual([], self.partials())


class NothingIsWrittenElsewhereTests(HostileTestCase):
    def outside(self) -> Path:
        outside = self.directory.parent / f"{self.directory.name}-outside"
        outside.mkdir()
        return outside

    def streamed(self, case: str) -> None:
        self.has_all(self.get(self.url))
        answer = self.get(self.url, Range="bytes=5-")
        self.assertEqual((206, self.wheel.content[5:]), (answer.code, answer.body))
        self.assertEqual([], self.partials(), case)
        self.assertRegex(self.get("/-/health").body, b"^degraded: ")

    def test_folder_that_leads_outside(self) -> None:
        """
        Where the project's folder is a link that leads out, nothing is written: what
        cannot be kept is streamed.
        """
        outside = self.outside()
        with self.change():
            (self.directory / "demo").symlink_to(outside)
        self.settle()
        self.streamed("a link")
        self.assertEqual([], list(outside.iterdir()))

    def test_folder_that_comes_to_lead_outside(self) -> None:
        """
        Nor if it becomes one while files of the project are here.
        """
        other = make_sdist("demo", "0.9")
        self.index.add(other)
        self.get(f"/files/demo/{other.filename}")
        outside = self.outside()
        with self.change():
            shutil.rmtree(self.directory / "demo")
            (self.directory / "demo").symlink_to(outside)
        self.settle()
        self.streamed("a link")
        self.assertEqual([], list(outside.iterdir()))

    def test_no_folder(self) -> None:
        """
        Likewise where the folder should be there is a file, or a link that leads
        nowhere or round in circles.
        """
        folder = self.directory / "demo"
        with self.change():
            folder.write_bytes(b"not a folder")
            folder.chmod(0o755)
        self.settle()
        self.streamed("a file")
        self.assertEqual(b"not a folder", folder.read_bytes())
        with self.change():
            folder.unlink()
            folder.symlink_to("demo")
        self.settle()
        self.streamed("round in circles")

    def test_unwritable_folder(self) -> None:
        """
        Likewise a folder in which we must not write.
        """
        real = os.access

        def access(path: Any, mode: int, **options: Any) -> bool:
            if os.path.basename(path) == "demo" and mode & os.W_OK:
                return False
            return real(path, mode, **options)

        self.patch(os, "access", access)  # root may write everywhere
        with self.change():
            (self.directory / "demo").mkdir()
        self.settle()
        self.streamed("not writable")

    def test_folder_that_leads_inside(self) -> None:
        """
        A link that stays inside is as good as a folder.
        """
        with self.change():
            (self.directory / "else").mkdir()
            (self.directory / "demo").symlink_to("else")
        self.settle()
        self.has_all(self.get(self.url))
        self.assertEqual(
            self.content, (self.directory / "else" / self.wheel.filename).read_bytes()
        )


class DoubledSlashesTests(HostileTestCase):
    def test_not_found(self) -> None:
        """
        An address with an empty segment is none: 404 by us, no redirect to nowhere.
        """
        for path in (
            *("/simple//demo/", "/simple//", "//simple/demo/", "/simple/demo//"),
            *("/local//demo/", "/files//demo/x.whl", "//files/demo/x.whl"),
            f"/files/demo//{self.wheel.filename}",
            f"/package//{self.wheel.filename}",
            f"/packages/aa//bb/{'c' * 60}/{self.wheel.filename}",
        ):
            answer = self.get(path)
            self.assertEqual(404, answer.code, path)
            self.assertIsNone(answer.header("Location"), path)
            self.assertEqual("no-store", answer.header("Cache-Control"), path)
            self.assertRegex(str(answer.header("Cache-Status")), "^proxypypi", path)
        self.assertEqual([], self.index.requests)


class MemoryIsCountedInBytesTests(ProxyTestCase):
    """
    Whether a page is in memory is seen when its record is taken away.
    """

    NAMES = ("one", "two", "three", "four")

    def setUp(self) -> None:
        super().setUp()
        for name in self.NAMES:
            for number in range(60):
                self.index.add(make_sdist(name, f"1.{number}"))

    def limit(self, rooms: float) -> None:
        """
        Have a new proxy, with room for so many pages.
        """
        size = len(self.get(f"/simple/{self.NAMES[0]}/", Accept=JSON).body)
        self.patch(shelf, "_MOST_IN_MEMORY", int(size * rooms))
        self.start_proxy()

    def get_all(self) -> None:
        for name in self.NAMES:
            self.assertEqual(200, self.get(f"/simple/{name}/").code)

    def in_memory(self) -> list[str]:
        shutil.rmtree(self.directory / ".proxypypi" / "cache" / "pages")
        self.index.fail("*", Fault(status=404), times=None)
        codes = {name: self.get(f"/simple/{name}/").code for name in self.NAMES}
        return [name for name, code in codes.items() if code == 200]

    def test_oldest_go(self) -> None:
        """
        Pages take the room that they took on the wire; the oldest make room.
        """
        self.limit(2.7)
        self.get_all()
        self.assertEqual(["three", "four"], self.in_memory())

    def test_confirmed_page(self) -> None:
        """
        A page takes as much when upstream confirmed it as when it came.
        """
        self.limit(2.7)
        for _ in range(3):
            self.get_all()
            self.advance(901)
        self.get_all()
        self.assertEqual(["three", "four"], self.in_memory())

    def test_loaded_page(self) -> None:
        """
        And when it was taken from disk.
        """
        self.get_all()
        self.limit(2.7)
        self.get_all()
        self.assertEqual(["three", "four"], self.in_memory())

    def test_newest_stays(self) -> None:
        """
        A page that alone takes more than there is room for is held all the same, for
        it would be asked for again and again.
        """
        self.limit(0.1)
        self.get_all()
        self.assertEqual(["four"], self.in_memory())


class StandAloneMetadataTests(HostileTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.sdist = make_sdist("demo", "1.0")
        self.other = make_sdist("demo", "2.0")
        self.hollow = BuiltDistribution(  # a wheel that has no metadata inside
            filename="demo-3.0-py3-none-any.whl",
            project="demo",
            version="3.0",
            requires_python=None,
            content=b"no zip at all",
            metadata=b"Metadata-Version: 2.1\nName: demo\nVersion: 3.0\n",
        )
        for built in (self.sdist, self.other, self.hollow):
            self.index.add(built, core_metadata=True)
        for built in (self.wheel, self.sdist, self.other, self.hollow):
            self.get(f"/files/demo/{built.filename}")

    def test_offered_only_if_there(self) -> None:
        """
        What a page offers without upstream, the route has; with the digest it says.
        """
        self.start_proxy(None)
        for route in ("simple", "local"):
            files = self.files("demo", route)
            self.assertEqual(4, len(files))
            offered = [f for f, entry in files.items() if entry.get("core-metadata")]
            self.assertIn(self.wheel.filename, offered)
            for filename in offered:
                answer = self.get(f"/files/demo/{filename}.metadata")
                self.assertEqual(200, answer.code, filename)
                sha256 = files[filename]["core-metadata"]["sha256"]
                self.assertEqual(f'"{sha256}"', answer.header("ETag"), filename)

    def test_kept(self) -> None:
        """
        Core metadata that came from upstream once is served without it.
        """
        url = f"/files/demo/{self.sdist.filename}.metadata"
        self.assertEqual(self.sdist.metadata, self.get(url).body)
        self.start_proxy(None)
        answer = self.get(url)
        self.assertEqual((200, self.sdist.metadata), (answer.code, answer.body))
        self.assertEqual("proxypypi; hit", answer.header("Cache-Status"))
        unknown = self.get(f"/files/demo/{self.other.filename}.metadata")
        self.assertEqual(404, unknown.code)


BOUND = 1_000_000_000


class DamagedRecordsTests(HostileTestCase):
    """
    What cannot be true of a file, or is no record at all, counts as no record.
    """

    def setUp(self) -> None:
        super().setUp()
        self.private = make_wheel("own", "1.0", requires_python=">=3.9")
        self.drop(self.private)
        PinStore.of(self.directory).pin(["demo"], 1.0)
        self.start_proxy(max_size=BOUND)
        self.get(self.url)
        self.settle()
        self.before = self.listed()

    def listed(self) -> dict[str, Any]:
        return {**self.files("demo"), **self.files("own"), **self.files("own", "local")}

    def check(self, case: object) -> None:
        self.start_proxy(max_size=BOUND)
        listed = self.listed()
        for filename, entry in self.before.items():
            for key in ("hashes", "size", "requires-python", "core-metadata"):
                self.assertEqual(entry.get(key), listed[filename].get(key), case)
            time = listed[filename]["upload-time"].replace("Z", "+00:00")
            datetime.fromisoformat(time)
        for project, built in (("demo", self.wheel), ("own", self.private)):
            url = f"/files/{project}/{built.filename}"
            self.assertEqual(built.content, self.get(url).body, case)
            self.assertEqual(built.metadata, self.get(f"{url}.metadata").body, case)
        self.advance(10)  # then it is noted that they were used

    def spoil(self, path: Path, **changes: Any) -> None:
        record = msgspec.json.decode(path.read_bytes())
        for facts in record["files"].values():
            facts.update(changes)
        path.write_bytes(msgspec.json.encode(record))

    def test_facts(self) -> None:
        """
        Facts that parse, but no file can have.
        """
        changes: list[dict[str, Any]] = [
            *({"seen_at": 1e300}, {"seen_at": -1e300}, {"seen_at": 253_402_300_800.0}),
            *({"hashes": {}}, {"hashes": {"md5": "0" * 32}}, {"size": None}),
        ]
        for change in changes:
            for project in ("demo", "own"):
                self.spoil(self.cache / "facts" / f"{project}.json", **change)
            self.check(change)

    def test_first_seen(self) -> None:
        """
        Times that none is; the record is set aside, as somebody may know better.
        """
        path = self.directory / ".proxypypi" / "decisions" / "first-seen" / "own.json"
        record = msgspec.json.decode(path.read_bytes())
        for times in record["seen"].values():
            times.update(dict.fromkeys(times, 1e300))
        content = msgspec.json.encode(record)
        path.write_bytes(content)
        shutil.rmtree(self.cache / "facts")
        self.check("first seen")
        self.assertEqual(content, Path(f"{path}.damaged").read_bytes())

    def records(self) -> list[Path]:
        """
        Everything that the proxy keeps for itself, at least one of every kind.
        """
        self.check("nothing")
        self.get("/simple/")
        own = self.directory / ".proxypypi"
        records = sorted(p for p in own.rglob("*") if p.is_file() and p.name != "lock")
        kinds = {path.relative_to(own).parts[:2] for path in records}
        expected = {
            *("pages", "facts", "metadata", "lists", "uses", "tally"),
            *("first-seen", "pins"),
        }
        self.assertLessEqual(expected, {kind[1] for kind in kinds})
        return records

    def test_every_record(self) -> None:
        """
        Whatever is wrong with any of them: no client is told, and most is known still.
        """

        def another_version(path: Path) -> None:
            content = path.read_bytes()
            path.write_bytes(content.replace(b'"format":1', b'"format":7', 1))

        def directory(path: Path) -> None:
            path.unlink()
            path.mkdir()
            (path / "x").write_bytes(b"x")

        def fifo(path: Path) -> None:
            path.unlink()
            os.mkfifo(path)

        spoilers: list[Callable[[Path], object]] = [
            lambda path: path.write_bytes(b""),
            lambda path: path.write_bytes(
                path.read_bytes()[: path.stat().st_size // 2]
            ),
            lambda path: path.write_bytes(b"\0\xff{" * 500),
            another_version,
            directory,
            fifo,
        ]
        for record in self.records():
            for spoil in spoilers:
                if record.is_dir():
                    shutil.rmtree(record)
                elif record.exists() and not record.is_file():
                    record.unlink()
                self.check(record)  # makes it anew
                if not record.is_file():
                    continue  # it cannot be made anew, or is none of today's
                spoil(record)
                self.check((record, spoil))
                self.assertEqual(200, self.get("/simple/").code, record)

    def test_unreadable(self) -> None:
        """
        Likewise records that we are not allowed to read.
        """
        records = {str(path) for path in self.records()}
        real = os.open

        def refuse(path: Any, flags: int, *more: Any, **options: Any) -> int:
            if str(path) in records and not flags & os.O_CREAT:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return real(path, flags, *more, **options)

        self.patch(os, "open", refuse)  # root may read everything
        self.check("unreadable")

    def test_log(self) -> None:
        """
        The log says which record it is.
        """
        for folder, about in (("pages", "page"), ("facts", "facts about")):
            for path in (self.cache / folder).iterdir():
                path.write_bytes(b"garbage")
            with capturedLogs() as events:
                self.check(folder)
            said = [formatEvent(event) for event in events]
            self.assertTrue([line for line in said if about in line], said)

    def test_partials(self) -> None:
        """
        What lies where a partial file should be, and is none, is left alone: the file
        is streamed.
        """
        (self.directory / "demo" / self.wheel.filename).unlink()
        name = f"{self.wheel.filename}.{self.wheel.sha256[:16]}"
        path = self.cache / "partial" / "demo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for make in (path.mkdir, lambda: os.mkfifo(path)):
            make()
            self.settle()
            self.has_all(self.get(self.url))
            self.assertEqual([], [k for k in self.kept() if k.startswith("demo/")])
            self.proxy.core.partials.sweep(1e12)
            path.rmdir() if path.is_dir() else path.unlink()


class LeftoverAndUpstreamDownTests(HostileTestCase):
    def test_refused_before_any_byte(self) -> None:
        """
        While upstream is down, what is here of a file is no reason to begin with it:
        the client is told to come again, and finds it good when upstream is back.
        """
        self.break_off(40_000)
        self.index.fail(self.path, Fault(status=503), times=None)
        for headers in ({}, {"Range": "bytes=5-"}):
            transfer = self.start(self.url, **headers)
            self.advance_slowly(30)
            self.is_refused_for_now(transfer)
            self.assertEqual(1, len(self.partials()))
            self.assertEqual([], self.kept())
        self.index.heal()
        self.index.requests.clear()
        self.has_all(self.get(self.url))
        self.assertEqual(
            ["bytes=40000-"],
            [seen.header("Range") for seen in self.index.asked(self.path)],
        )
        self.is_here()

    def test_given_out_when_upstream_answers(self) -> None:
        """
        What is here goes out with upstream's head, not with the rest of the bytes.
        """
        self.break_off(40_000)
        self.index.fail(self.path, Fault(stall_at=0, stall=5))
        transfer = self.start(self.url)
        self.assertEqual(200, transfer.code)
        self.assertEqual(self.content[:40_000], transfer.body)
        self.advance(5)
        self.has_all(transfer)


class GrowingFilesTests(SynchronousTestCase):
    def test_examined_to_an_end(self) -> None:
        """
        A file that grows as fast as it is read is given up, not read for ever.
        """
        path = Path(self.mktemp())
        path.write_bytes(b"x" * 1000)
        status = path.stat()
        read: list[int] = []

        class Growing(Digests):
            def update(self, data: bytes) -> None:
                super().update(data)
                read.append(len(data))
                if len(read) > 50:
                    raise AssertionError("it is read on and on")
                with path.open("ab") as file:
                    file.write(b"x" * 1000)

        file = LocalFile(
            filename="demo-1.0.tar.gz",
            path=str(path),
            size=status.st_size,
            modified_at=status.st_mtime_ns,
            inode=status.st_ino,
            changed_at=status.st_ctime_ns,
        )
        self.assertIsNone(examine(file, Growing.checking({})))
        self.assertEqual(1000, sum(read))


class ReadOnlyDirectoryTests(ProxyTestCase):
    """
    A stand-alone index needs to write nothing, as from a read-only medium.
    """

    @contextmanager
    def read_only(self) -> Iterator[None]:
        real = os.open

        def refuse(path: Any, flags: int, *more: Any, **options: Any) -> int:
            inside = str(path).startswith(str(self.directory))
            if inside and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                raise OSError(30, "Read-only file system")
            return real(path, flags, *more, **options)

        patch = self.patch(os, "open", refuse)
        try:
            yield
        finally:
            patch.restore()

    def serve(self, index_url: str | None) -> ProxyService:
        upstreams = (UpstreamSettings.from_url(index_url),) if index_url else ()
        settings = Settings(directory=self.directory, upstreams=upstreams)
        self.start_proxy(index_url)
        reactor = MemoryReactorClock()
        premises = Premises(settings, reactor)
        service = ProxyService(settings, reactor, self.proxy, self.indexes, premises)
        service.privilegedStartService()
        self.addCleanup(premises.leave)
        self.assertEqual(1, len(reactor.tcpServers))
        return service

    def test_stand_alone(self) -> None:
        """
        It listens, and lists and serves what is there.
        """
        wheel = make_wheel("own")
        self.drop(wheel)
        with self.read_only():
            self.serve(None)
            self.assertEqual([wheel.filename], list(self.files("own")))
            self.assertEqual(
                wheel.content, self.get(f"/files/own/{wheel.filename}").body
            )

    def test_with_upstream(self) -> None:
        """
        A cache that can keep nothing is a mistake, and does not start.
        """
        with self.read_only(), self.assertRaises(OSError):
            self.serve("http://index.example/simple/")
