"""
Tests for :mod:`proxypypi.web.hot`.
"""

import os
import resource
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from proxypypi.cache.sources import WholeFile
from proxypypi.model import Validity
from proxypypi.names import normalize
from proxypypi.store.generations import Generations
from proxypypi.web.headers import http_date
from proxypypi.web.hot import (
    CanBeReused,
    Dates,
    HotAnswer,
    HotAnswers,
    Key,
    Reusable,
    head_of,
    offer,
)

DATE = "Thu, 01 Jan 1970 00:00:00 GMT"
DEMO = normalize("demo")


def key(target: str = "/simple/demo/", tag: str = "") -> Key:
    return target.encode(), b"accept:a", tag.encode()


class HotTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.generations = Generations.alone()
        self.hot = HotAnswers(self.generations, self.clock)
        self.addCleanup(lambda: self.hot.clear())
        self.path = Path(self.mktemp())
        self.path.write_bytes(b"content")

    def validity(self, until: float = 10.0, name: str = "demo") -> Validity:
        project = normalize(name)
        slot, number = self.generations.slot(project), self.generations.of(project)
        return Validity(until=until, slot=slot, number=number)

    def keep(
        self,
        at: Key | None = None,
        content: Any = b"content",
        *,
        code: int = 200,
        until: float = 10.0,
        more: tuple[str, str] | None = None,
    ) -> bytes:
        """
        :param more: a header that the answer has.
        :returns: the head of the answer that is given.
        """
        said = Headers({"Date": [DATE], "Cache-Status": ["proxypypi; hit"]})
        if more is not None:
            said.setRawHeaders(more[0], [more[1]])
        head = head_of(b"HTTP/1.1", b"%d" % code, b"OK", said)
        reusable = Reusable(self.validity(until), content)
        self.hot.keep(at or key(), reusable, code, head, said)
        return head

    def keep_file(self, at: Key | None = None, until: float = 10.0) -> None:
        fd = os.open(self.path, os.O_RDONLY)
        self.keep(at, WholeFile(fd, 7), until=until)
        os.close(fd)

    def get(self, at: Key | None = None) -> HotAnswer | None:
        return self.hot.get(at or key(), self.clock.seconds())

    def open_files(self) -> int:
        """
        How many descriptors are open for the file.
        """
        descriptors = Path("/proc/self/fd")
        there = [each for each in descriptors.iterdir() if each.exists()]
        return sum(each.samefile(self.path) for each in there)


class ValidityTests(HotTestCase):
    def test_until(self) -> None:
        """
        An answer is given again up to that moment, which is not one of them.
        """
        self.keep(until=10.0)
        for now, found in ((0.0, True), (9.999, True), (10.0, False), (11.0, False)):
            answer = self.hot.get(key(), now)
            self.assertEqual(found, answer is not None, now)

    def test_change(self) -> None:
        """
        And until something is learned of its project.
        """
        self.keep()
        self.generations.bump(normalize("other"))
        self.assertIsNotNone(self.get())
        self.generations.bump(DEMO)
        self.assertIsNone(self.get())
        self.keep()
        self.assertIsNotNone(self.get())

    def test_change_while_it_was_made(self) -> None:
        """
        What was learned before it was sent counts, too.
        """
        reusable = Reusable(self.validity(), b"old")
        self.generations.bump(DEMO)
        said = Headers({"Date": [DATE]})
        head = head_of(b"HTTP/1.1", b"200", b"OK", said)
        self.hot.keep(key(), reusable, 200, head, said)
        self.assertIsNone(self.get())

    def test_file_that_is_written_into(self) -> None:
        """
        What a file holds is given again only while nobody writes into it, as is seen
        fifty times a second.
        """
        for change in (
            lambda: self.path.write_bytes(b"content and more"),
            lambda: self.path.write_bytes(b"other.."),
            lambda: os.truncate(self.path, 3),
        ):
            self.path.write_bytes(b"content")
            os.utime(self.path, (1, 1))
            self.keep_file()
            self.assertIsNotNone(self.get())
            change()
            self.clock.advance(0.021)
            self.assertIsNone(self.get())
            self.assertEqual((0, 0), (len(self.hot), self.open_files()))

    def test_another_request(self) -> None:
        """
        It is the answer to one question alone.
        """
        self.keep()
        for other in (
            key("/simple/demo/?a"),
            key("/simple/Demo/"),
            key(tag='"a"'),
            (b"/simple/demo/", b"accept:b", b""),
        ):
            self.assertIsNone(self.get(other), other)


class KeepingTests(HotTestCase):
    def test_codes(self) -> None:
        """
        Only a page or file, or to who named a tag that there is nothing new; whole and
        of a length that is told.
        """
        for tag, code, more, kept in (
            ("", 200, None, True),
            ('"a"', 304, None, True),
            ('"a"', 200, None, False),
            ("", 304, None, False),
            ("", 206, None, False),
            ("", 301, None, False),
            ("", 404, None, False),
            ("", 403, None, False),
            ("", 502, None, False),
            ("", 200, ("Transfer-Encoding", "chunked"), False),
        ):
            case = key(tag=tag)
            self.hot.clear()
            self.keep(case, code=code, more=more)
            self.assertEqual(kept, self.get(case) is not None, (tag, code, more))

    def test_no_date(self) -> None:
        """
        A head without a date cannot be given again.
        """
        said = Headers({"Server": ["a"]})
        head = head_of(b"HTTP/1.1", b"200", b"OK", said)
        reusable = Reusable(self.validity(), b"a")
        self.hot.keep(key(), reusable, 200, head, said)
        self.assertEqual(0, len(self.hot))

    def test_date(self) -> None:
        """
        The date is all that will be another, whatever else there says the same.
        """
        said = Headers(
            {
                "Last-Modified": [DATE],
                "Server": ["a"],
                "Date": [DATE],
                "Expires": [DATE],
            }
        )
        head = head_of(b"HTTP/1.1", b"200", b"OK", said)
        reusable = Reusable(self.validity(), b"a")
        self.hot.keep(key(), reusable, 200, head, said)
        answer = self.get()
        assert answer is not None
        self.assertEqual(head, answer.before + DATE.encode() + answer.after)
        self.assertTrue(answer.before.endswith(b"\r\nDate: "))
        self.assertTrue(answer.after.startswith(b"\r\nExpires: "))

    def test_content(self) -> None:
        """
        Of a page the bytes are kept, of a file a descriptor of its own.
        """
        self.keep()
        page = self.get()
        assert page is not None
        self.assertEqual((b"content", 7, -1), (page.content, page.size, page.fd))
        self.assertEqual((200, "proxypypi; hit"), (page.code, page.outcome))
        self.keep_file()
        file = self.get()
        assert file is not None
        self.assertEqual((b"", 7), (file.content, file.size))
        self.path.unlink()
        self.assertEqual(b"content", os.pread(file.fd, 100, 0))

    def test_no_descriptors(self) -> None:
        """
        Where there are no more descriptors, the file's answer is not kept.
        """
        fd = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (fd + 1, hard))
        try:
            filler = []
            try:
                while True:
                    filler.append(os.dup(fd))
            except OSError:
                pass
            self.keep(content=WholeFile(fd, 7))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for each in filler:
                os.close(each)
        self.assertIsNone(self.get())


class BoundsTests(HotTestCase):
    def fill(self, count: int, size: int) -> list[Key]:
        keys = [key(f"/simple/p{number}/") for number in range(count)]
        for each in keys:
            self.keep(each, bytes(size))
        return keys

    def found(self, keys: list[Key]) -> list[bool]:
        return [self.get(each) is not None for each in keys]

    def test_bytes(self) -> None:
        """
        The oldest go first when there is no room in memory.
        """
        keys = self.fill(5, 15 * 1024 * 1024)
        self.assertEqual([False] + 4 * [True], self.found(keys))
        self.keep(keys[1], bytes(15 * 1024 * 1024))
        self.keep(key("/simple/another/"), bytes(15 * 1024 * 1024))
        self.assertEqual([False, True, False, True, True], self.found(keys))

    def test_small_ones(self) -> None:
        """
        What holds them, and what was asked, take room as well.
        """
        self.patch(HotAnswers, "_MOST_BYTES", 100_000)
        self.assertLess(sum(self.found(self.fill(500, 0))), 200)
        self.hot.clear()
        long = [key(f"/simple/demo/?{number:05000}") for number in range(50)]
        for each in long:
            self.keep(each, b"")
        self.assertEqual(30 * [False], self.found(long)[:30])
        self.assertTrue(self.get(long[-1]))
        self.hot.clear()
        for letter in ("a", "b"):
            self.keep(key(f"/{letter}"), b"", more=("a", 40_000 * "a"))
        self.keep((b"/c", 40_000 * b"a", b""), b"")
        self.assertEqual(2, len(self.hot))

    def test_room_again(self) -> None:
        """
        What is replaced or dropped takes none any more.
        """
        self.patch(HotAnswers, "_MOST_BYTES", 100_000)
        keys = self.fill(2, 45_000)
        for _ in range(10):
            self.keep(keys[0], bytes(45_000))
        self.assertEqual([True, True], self.found(keys))
        self.hot.clear()
        self.assertEqual([True, True], self.found(self.fill(2, 45_000)))
        self.clock.advance(15)
        self.assertEqual(0, len(self.hot))
        for each in keys:
            self.keep(each, bytes(45_000), until=100.0)
        self.assertEqual([True, True], self.found(keys))

    def test_descriptors(self) -> None:
        """
        The oldest go first when too many files are held open; pages do not count.
        """
        self.hot.most_files = 3
        for number in range(5):
            self.keep(key(f"/simple/{number}"))
            self.keep_file(key(f"/{number}"))
        self.assertEqual(3, self.open_files())
        files = [key(f"/{number}") for number in range(5)]
        self.assertEqual([False, False, True, True, True], self.found(files))
        for _ in range(5):
            self.keep_file(files[4])
        self.assertEqual(3, self.open_files())
        self.assertEqual([False, False, True, True, True], self.found(files))

    def test_limit(self) -> None:
        """
        Most of what connections leave is left to downloads and upstreams.
        """
        for descriptors, most in ((170, 10), (1024, 64), (65_536, 256)):
            self.hot.limit(descriptors)
            self.assertEqual(most, self.hot.most_files)

    def test_closing(self) -> None:
        """
        A file is closed when its answer is dropped, for whatever reason.
        """
        for why, drop in (
            ("replaced by a page", lambda: self.keep()),
            ("replaced by a file", self.keep_file),
            ("forgotten", self.hot.clear),
            ("swept", lambda: self.clock.advance(20)),
            ("pushed out", lambda: self.keep(key("/b"), bytes(64 * 1024 * 1024 - 700))),
        ):
            self.hot.clear()
            self.keep_file(until=self.clock.seconds() + 10)
            self.assertEqual(1, self.open_files())
            drop()
            expected = 1 if why == "replaced by a file" else 0
            self.assertEqual(expected, self.open_files(), why)

    def test_sweep(self) -> None:
        """
        What is valid no more is looked for now and then, as long as there is anything.
        """
        self.assertEqual([], self.clock.getDelayedCalls())
        self.keep_file(until=7.0)
        self.keep(key("/b"), until=12.0)
        self.assertEqual(1, len(self.clock.getDelayedCalls()))
        for _ in range(5):
            self.clock.advance(1)
        self.assertEqual(2, len(self.hot))
        self.clock.advance(5)
        self.assertEqual((1, 0), (len(self.hot), self.open_files()))
        self.clock.advance(5)
        self.assertEqual(0, len(self.hot))
        self.assertEqual([], self.clock.getDelayedCalls())
        self.keep(until=100.0)
        self.assertEqual(1, len(self.clock.getDelayedCalls()))

    def test_clear(self) -> None:
        """
        Nothing is left to do then.
        """
        self.keep()
        self.hot.clear()
        self.assertEqual(0, len(self.hot))
        self.assertEqual([], self.clock.getDelayedCalls())
        self.hot.clear()


class OfferTests(HotTestCase):
    def test_offer(self) -> None:
        """
        A route says so of its answer; only of one that is valid for a time, and to a
        request that hears it.
        """

        class Reused(CanBeReused, Request):
            pass

        channel: Any = HTTPChannel()
        channel.site = Site(Resource())
        channel.makeConnection(StringTransport())
        request, other = Reused(channel, False), Request(channel, False)
        offer(request, None, b"a")
        self.assertIsNone(request.reusable)
        offer(request, self.validity(), b"a")
        self.assertEqual(Reusable(self.validity(), b"a"), request.reusable)
        offer(other, self.validity(), b"a")
        self.assertFalse(hasattr(other, "reusable"))


class DatesTests(SynchronousTestCase):
    def test_dates(self) -> None:
        """
        They are those of the moment, even if the clock is set back.
        """
        dates = Dates()
        for now in (0.0, 0.5, 0.999, 1.0, 5.5, 1e9, 1e9 + 1, 1e9 + 1.9, 5.0, 4.9, 0.0):
            self.assertEqual(http_date(int(now)).encode(), dates.at(now), now)

    def test_made_once_a_second(self) -> None:
        """
        Within a second it is the same object.
        """
        dates = Dates()
        self.assertIs(dates.at(7.0), dates.at(7.99))


class HeadTests(SynchronousTestCase):
    def test_as_twisted_does(self) -> None:
        """
        A head has the bytes that Twisted would send.
        """
        headers = Headers({"a": ["b", "c"], "content-type": ["d"], "ETag": ['"e"']})
        transport = StringTransport()
        channel: Any = HTTPChannel()
        channel.makeConnection(transport)
        for version, code, reason in (
            (b"HTTP/1.1", b"200", b"OK"),
            (b"HTTP/1.0", b"304", b"Not Modified"),
        ):
            transport.clear()
            channel.writeHeaders(version, code, reason, headers)
            head = head_of(version, code, reason, headers)
            self.assertEqual(transport.value(), head)
