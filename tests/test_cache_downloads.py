"""
Tests for :mod:`proxypypi.cache.downloads` and :mod:`proxypypi.cache.download`: what a
file that is not here yet goes through.
"""

import os
import random
import shutil
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from attrs import define, evolve, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.assembly import build
from proxypypi.errors import (
    StillFetching,
    UpstreamError,
    UpstreamRefusal,
    UpstreamTimeout,
    WrongBytes,
)
from proxypypi.interfaces import IByteSource
from proxypypi.model import Distribution
from proxypypi.names import normalize
from proxypypi.settings import Settings
from proxypypi.store.generations import Generations
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import JSON, Fault
from tests.leaks import open_descriptors
from tests.proxy_case import Disk, ProxyTestCase, Transfer, make_list_here
from tests.scripted import FILE_URL, Asked, ScriptedBody, ScriptedIndex, cut

SIZE = 100_000
HELD_BACK = 1024


class TeeTestCase(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", "1.0", payload=SIZE)
        self.content = self.wheel.content
        self.size = len(self.content)
        self.path = self.index.add(self.wheel)
        self.url = f"/files/demo/{self.wheel.filename}"
        self.published = f"demo/{self.wheel.filename}"

    def start_file(self, **headers: str) -> Transfer:
        return self.start(self.url, **headers)

    def ranges(self) -> list[str | None]:
        return [seen.header("Range") for seen in self.index.asked(self.path)]

    def has_all(self, transfer: Transfer) -> None:
        self.assertTrue(transfer.is_complete)
        self.assertEqual((200, self.content), (transfer.code, transfer.body))

    def is_here(self) -> None:
        """
        It was published as it should be, and nothing is left of the way there.
        """
        self.assertEqual(([self.published], []), (self.kept(), self.partials()))
        self.assertEqual(self.content, (self.directory / self.published).read_bytes())

    def is_not_here(self) -> None:
        self.assertEqual([], self.kept())


class NoDistributionTests(ProxyTestCase):
    def test_listed_all_the_same(self) -> None:
        """
        What an index lists that is no distribution is handed on and checked, and never
        kept, as it would not be found again.
        """
        built = evolve(make_wheel("demo", "1.0"), filename="demo-1.0-variants.json")
        path = self.index.add(built, core_metadata=False)
        for times in (1, 2):
            answer = self.get(f"/files/demo/{built.filename}")
            self.assertEqual((200, built.content), (answer.code, answer.body))
            self.assertEqual("proxypypi; fwd=miss", answer.header("Cache-Status"))
            self.assertEqual(times, len(self.index.asked(path)))
        self.assertEqual([], self.kept())
        self.index.fail(path, Fault(wrong_bytes=True))
        self.assertTrue(self.start(f"/files/demo/{built.filename}").is_cut)


class OneFetchTests(TeeTestCase):
    def test_many_clients(self) -> None:
        """
        However many want it, it comes once; the second and later are told so.
        """
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1))
        transfers = [self.start_file() for _ in range(20)]
        self.advance(1)
        for transfer in transfers:
            self.has_all(transfer)
        statuses = [t.header("Cache-Status") for t in transfers]
        self.assertEqual("proxypypi; fwd=miss; stored", statuses[0])
        self.assertEqual({"proxypypi; fwd=miss; collapsed"}, set(statuses[1:]))
        self.assertEqual([None], self.ranges())
        self.is_here()

    def test_bytes_go_out_as_they_come(self) -> None:
        """
        Nobody waits for the whole.
        """
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1))
        transfer = self.start_file()
        self.assertEqual((200, 30_000), (transfer.code, len(transfer.body)))
        self.assertEqual(str(self.size), transfer.header("Content-Length"))

    def test_late_joiner(self) -> None:
        """
        Who comes later starts at byte 0 from disk, then follows with the rest.
        """
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1))
        first = self.start_file()
        late = self.start_file()
        self.assertEqual(self.content[:30_000], late.body)
        self.advance(1)
        self.has_all(first)
        self.has_all(late)
        self.assertEqual([None], self.ranges())

    def test_after_the_last_byte(self) -> None:
        """
        Who comes when it is here is not told of any fetch.
        """
        self.start_file()
        transfer = self.start_file()
        self.assertEqual("proxypypi; hit", transfer.header("Cache-Status"))
        self.has_all(transfer)

    def test_leaving(self) -> None:
        """
        Clients that leave do not stop it, not even when all have left.
        """
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1))
        transfers = [self.start_file() for _ in range(3)]
        for transfer in transfers:
            transfer.hang_up()
        self.flush()
        self.successResultOf(self.proxy.faces.when_idle())
        self.advance(1)
        self.is_here()

    def test_leaving_before_the_first_byte(self) -> None:
        """
        Nor does a client that has not got a byte yet.
        """
        self.index.fail(self.path, Fault(delay=1))
        wire = self.connect()
        wire.send(f"GET {self.url} HTTP/1.1")
        wire.hang_up()
        self.advance(1)
        self.is_here()
        self.assertEqual([], self.flushLoggedErrors())

    def test_two_files(self) -> None:
        """
        Each file is a fetch of its own.
        """
        other = make_wheel("demo", "2.0", payload=3000)
        self.index.add(other)
        self.index.fail(self.path, Fault(stall_at=30_000, stall=1))
        first = self.start_file()
        self.assertEqual(other.content, self.get(f"/files/demo/{other.filename}").body)
        self.advance(1)
        self.has_all(first)

    def test_small(self) -> None:
        """
        A file that is less than what is held back comes whole, in the end, to all that
        wait for it.
        """
        for content in (b"x", b"x" * HELD_BACK, b"x" * (HELD_BACK + 1)):
            built = make_sdist(f"s{len(content)}")
            built = type(built)(
                filename=built.filename,
                project=built.project,
                version="1.0",
                requires_python=None,
                content=content,
                metadata=b"",
            )
            self.index.fail(self.index.add(built), Fault(delay=0.1))
            url = f"/files/{built.project}/{built.filename}"
            answers = [self.start(url) for _ in range(4)]
            self.advance(0.1)
            for answer in answers:
                self.assertEqual((200, content), (answer.code, answer.body))


class HeldBackTests(TeeTestCase):
    def test_last_bytes_wait(self) -> None:
        """
        As long as upstream's last byte is missing, so are the client's last 1024.
        """
        self.index.fail(self.path, Fault(stall_at=self.size - 1, stall=1))
        transfer = self.start_file()
        self.assertEqual(self.content[: self.size - HELD_BACK], transfer.body)
        self.advance(1)
        self.has_all(transfer)

    def test_last_bytes_wait_for_the_file(self) -> None:
        """
        Nor are they given out before the file has its name in the directory.
        """
        self.get("/simple/demo/")
        transfer = self.start_file_with_held_threads()
        self.assertEqual(self.content[: self.size - HELD_BACK], transfer.body)
        self.is_not_here()
        self.threads.release()
        self.flush()
        self.has_all(transfer)
        self.is_here()

    def start_file_with_held_threads(self) -> Transfer:
        self.index.fail(self.path, Fault(stall_at=50_000, stall=1))
        transfer = self.start_file()
        self.threads.hold()
        self.advance(1)
        return transfer

    def test_length_not_known(self) -> None:
        """
        Where nobody says how long it is, any byte may be the last.
        """
        self.index.sizes = False
        self.index.fail(self.path, Fault(chunked=True, stall_at=30_000, stall=1))
        transfer = self.start_file()
        self.assertEqual(self.content[: 30_000 - HELD_BACK], transfer.body)
        self.advance(1)
        self.has_all(transfer)
        self.is_here()


class WrongBytesTests(TeeTestCase):
    def faults(self) -> list[tuple[str, Fault]]:
        longer = self.content + b"x" * 5000
        return [
            ("bytes", Fault(wrong_bytes=True)),
            ("bytes", Fault(wrong_bytes=True, chunked=True)),
            ("longer", Fault(body=longer)),
            ("longer, and does not say so", Fault(body=longer, chunked=True)),
            ("shorter", Fault(body=self.content[:-5])),
            (
                "shorter, and does not say so",
                Fault(body=self.content[:-5], chunked=True),
            ),
            ("much shorter", Fault(body=b"gone", chunked=True)),
            ("nothing", Fault(body=b"", chunked=True)),
        ]

    def test_never_complete(self) -> None:
        """
        No client completes a file that is not the index's; nothing is kept, the page is
        had anew, whole, and the next request is good.
        """
        for case, fault in self.faults():
            pages = len(self.index.asked("/simple/demo/"))
            self.index.fail(self.path, evolve(fault, delay=0.1))
            transfers = [self.start_file() for _ in range(2)]
            self.advance(0.1)
            for transfer in transfers:
                if transfer.code == 200:
                    self.assertTrue(transfer.is_cut, case)
                    self.assertLess(len(transfer.body), self.size)
                else:
                    self.assertEqual(502, transfer.code, case)
                    self.assertIsNotNone(transfer.header("Retry-After"))
            self.assertEqual(([], []), (self.kept(), self.partials()), case)
            self.has_all(self.start_file())
            self.is_here()
            again = self.index.asked("/simple/demo/")[pages:]
            self.assertGreaterEqual(len(again), 1, case)
            self.assertIsNone(again[-1].header("If-None-Match"), case)
            os.unlink(self.directory / self.published)
            self.settle()

    def test_all_followers_are_cut(self) -> None:
        """
        All that follow the same fetch, each with what it has got.
        """
        self.index.fail(self.path, Fault(wrong_bytes=True, stall_at=30_000, stall=1))
        transfers = [self.start_file() for _ in range(3)]
        self.advance(1)
        for transfer in transfers:
            self.assertTrue(transfer.is_cut)
        self.assertEqual(([], []), (self.kept(), self.partials()))

    def test_chunked_client_is_cut(self) -> None:
        """
        Also where no length was promised a client can tell.
        """
        self.index.sizes = False
        self.index.fail(
            self.path, Fault(wrong_bytes=True, chunked=True, stall_at=30_000, stall=1)
        )
        transfer = self.start_file()
        self.assertIsNone(transfer.header("Content-Length"))
        self.advance(1)
        self.assertTrue(transfer.is_cut)
        self.is_not_here()

    def test_the_page_was_wrong(self) -> None:
        """
        When the index meant another file, the next request gets that one.
        """
        self.get("/simple/demo/")
        other = make_wheel("demo", "1.0", payload=SIZE + 5)
        self.index.add(other)
        self.assertNotEqual(200, getattr(self.start_file(), "is_complete", None))
        transfer = self.get(self.url)
        self.assertEqual(other.content, transfer.body)

    def test_old_page_meanwhile(self) -> None:
        """
        If upstream is silent when the page is wanted anew, the old one is given out.
        """
        self.index.fail(self.path, Fault(wrong_bytes=True))
        self.start_file()
        self.index.fail("/simple/demo/", Fault(delay=1000), times=None)
        transfer = self.start("/simple/demo/", Accept=JSON)
        self.advance_slowly(3.1)
        self.assertEqual(200, transfer.code)
        self.assertEqual("proxypypi; hit; ttl=0", transfer.header("Cache-Status"))

    def test_other_digests(self) -> None:
        """
        It is checked by the strongest digest the index gives, weak ones included.
        """
        for hashes in (("sha512",), ("md5",), ("sha1",), ("md5", "blake2b")):
            self.index.hashes = hashes
            built = make_wheel("".join(hashes), payload=3000)
            path = self.index.add(built)
            url = f"/files/{built.project}/{built.filename}"
            self.index.fail(path, Fault(wrong_bytes=True))
            self.assertFalse(self.start(url).is_complete, hashes)
            self.assertEqual([], self.kept(), hashes)
            self.assertEqual(built.content, self.get(url).body, hashes)
            os.unlink(self.directory / built.project / built.filename)

    def test_no_digest(self) -> None:
        """
        Without digest the length is all there is to check.
        """
        self.index.hashes = ()
        self.index.fail(self.path, Fault(wrong_bytes=True))
        self.assertTrue(self.start_file().is_complete)
        self.assertEqual([self.published], self.kept())


class ResumeTests(TeeTestCase):
    def test_unnoticed(self) -> None:
        """
        A connection that breaks is taken up again where it broke, by Range, on the
        condition that the file is still the same; nobody notices.
        """
        for fault in (
            Fault(truncate_at=40_000),
            Fault(truncate_at=40_000, reset=True),
            Fault(truncate_at=40_000, chunked=True),
        ):
            self.index.requests.clear()
            self.index.fail(self.path, fault)
            transfer = self.start_file()
            self.assertEqual(self.content[:40_000], transfer.body)
            self.assertFalse(transfer.is_cut)
            self.advance(0.2)
            self.has_all(transfer)
            self.assertEqual([None, "bytes=40000-"], self.ranges(), fault)
            condition = self.index.asked(self.path)[1].header("If-Range")
            self.assertEqual(f'"{self.wheel.sha256}"', condition)
            self.is_here()
            os.unlink(self.directory / self.published)
            self.settle()

    def test_upstream_ignores_ranges(self) -> None:
        """
        Where Range is not known, all comes again, and only the rest is used.
        """
        self.index.fail(self.path, Fault(truncate_at=40_000))
        self.index.fail(self.path, Fault(ranges=False))
        transfer = self.start_file()
        self.advance(0.2)
        self.has_all(transfer)
        self.is_here()

    def test_breaks_in_what_is_known_already(self) -> None:
        """
        It may break off again before it has come to anything new.
        """
        self.index.fail(self.path, Fault(truncate_at=40_000))
        self.index.fail(self.path, Fault(ranges=False, truncate_at=20_000))
        transfer = self.start_file()
        self.advance_slowly(2)
        self.has_all(transfer)
        self.is_here()

    def test_again_and_again(self) -> None:
        """
        As long as each try brings more, there is no last one.
        """
        for _ in range(12):
            self.index.fail(self.path, Fault(truncate_at=5000))
        transfer = self.start_file()
        self.advance_slowly(5)
        self.has_all(transfer)
        self.assertEqual(13, len(self.ranges()))

    def test_retries_used_up(self) -> None:
        """
        When three in a row bring nothing, the client is cut, never given anything to
        fill up with; the next request goes on from there.
        """
        self.index.fail(self.path, Fault(truncate_at=40_000))
        for _ in range(3):
            self.index.fail(self.path, Fault(truncate_at=0))
        transfer = self.start_file()
        self.advance_slowly(4.1)
        self.assertFalse(transfer.is_cut)
        self.advance_slowly(20)
        self.assertTrue(transfer.is_cut)
        self.assertEqual(self.content[:40_000], transfer.body)
        self.is_not_here()
        self.index.heal()
        self.index.requests.clear()
        self.has_all(self.start_file())
        self.assertEqual(["bytes=40000-"], self.ranges())
        self.is_here()

    def test_upstream_stalls(self) -> None:
        """
        Ten seconds without a byte end it; what came is good for the next try.
        """
        self.index.fail(self.path, Fault(stall_at=40_000))
        transfer = self.start_file()
        self.advance_slowly(10.1)
        self.assertTrue(transfer.is_cut)
        self.index.requests.clear()
        self.has_all(self.start_file())
        self.assertEqual(["bytes=40000-"], self.ranges())

    def test_changed_meanwhile(self) -> None:
        """
        When the rest is of another file, no client completes a mixture.
        """
        for hashes in (("sha256",), ()):
            self.index.hashes = hashes
            self.index.add(self.wheel)
            self.advance(901)
            self.index.fail(self.path, Fault(truncate_at=40_000))
            transfer = self.start_file()
            other = make_wheel("demo", "1.1", payload=SIZE)
            self.assertEqual(self.size, len(other.content))
            self.index.fail(
                self.path,
                Fault(body=other.content, headers={"ETag": '"other"'}),
            )
            self.advance_slowly(1)
            self.assertTrue(transfer.is_cut, hashes)
            self.assertEqual(([], []), (self.kept(), self.partials()))

    def test_without_digest(self) -> None:
        """
        A file that cannot be checked is not put together from two connections' worth
        unless upstream says that it is the same one.
        """
        self.index.hashes = ()
        self.index.fail(self.path, Fault(truncate_at=40_000))
        transfer = self.start_file()
        self.advance(0.2)
        self.has_all(transfer)
        self.assertEqual([None, "bytes=40000-"], self.ranges())


class LeftoverTests(TeeTestCase):
    def test_crash(self) -> None:
        """
        What a crash leaves is neither listed nor served, and taken up again when the
        file is wanted next.
        """
        self.index.fail(self.path, Fault(stall_at=40_000, stall=1000))
        self.start_file()
        self.crash()
        self.assertEqual(([], 1), (self.kept(), len(self.partials())))
        self.assertEqual(404, self.get("/local/demo/").code)
        self.index.requests.clear()
        transfer = self.start_file()
        self.has_all(transfer)
        self.assertEqual(["bytes=40000-"], self.ranges())
        self.is_here()

    def test_given_out_with_the_rest(self) -> None:
        """
        Nothing of it is promised before upstream has said that there is more.
        """
        self.index.fail(self.path, Fault(stall_at=40_000, stall=1000))
        self.start_file()
        self.crash()
        self.index.fail(self.path, Fault(delay=5))
        transfer = self.start_file()
        self.assertEqual((None, b""), (transfer.code, transfer.body))
        self.advance(5)
        self.has_all(transfer)

    def test_damaged(self) -> None:
        """
        A leftover of other bytes spoils one try, not the next.
        """
        self.leave(b"x" * 40_000)
        self.index.fail(self.path, Fault(delay=0.1))
        transfer = self.start_file()
        self.advance(0.1)
        self.assertTrue(transfer.is_cut)
        self.assertEqual(([], []), (self.kept(), self.partials()))
        self.has_all(self.start_file())

    def test_whole(self) -> None:
        """
        A leftover that lacks only its name is checked and gets it, unasked.
        """
        self.get("/simple/demo/")
        self.leave(self.content)
        self.has_all(self.start_file())
        self.assertEqual([], self.ranges())
        self.is_here()

    def test_too_long(self) -> None:
        """
        A leftover that is longer than the file is none of it.
        """
        self.leave(self.content + b"x")
        self.has_all(self.start_file())
        self.assertEqual([None], self.ranges())
        self.is_here()

    def test_no_digest(self) -> None:
        """
        Where nothing would tell whether it belongs to the rest, it is thrown away.
        """
        for hashes in ((), ("md5",)):
            self.index.hashes = hashes
            self.index.requests.clear()
            self.index.add_project("demo")
            self.advance(901)
            self.index.fail(self.path, Fault(stall_at=40_000, stall=1000))
            self.start_file()
            self.crash()
            self.index.requests.clear()
            self.has_all(self.start_file())
            self.assertEqual([None], self.ranges(), hashes)
            self.is_here()
            os.unlink(self.directory / self.published)
            self.settle()

    def test_upstream_has_no_more(self) -> None:
        """
        A leftover after which upstream has nothing is the file itself, or never was a
        part of it: then all is fetched anew, and nobody notices.
        """
        self.index.sizes = False
        self.get("/simple/demo/")
        for left in (self.content, b"x" * self.size, b"x" * (self.size + 5)):
            self.index.requests.clear()
            self.leave(left)
            self.has_all(self.start_file())
            again = [] if left is self.content else [None]
            self.assertEqual([f"bytes={len(left)}-", *again], self.ranges())
            self.is_here()
            os.unlink(self.directory / self.published)
            self.settle()

    def test_of_another_file(self) -> None:
        """
        It is not taken for one of the same name and other bytes.
        """
        self.index.fail(self.path, Fault(stall_at=40_000, stall=1000))
        self.start_file()
        self.crash()
        other = make_wheel("demo", "1.0", payload=SIZE + 5)
        self.index.add(other)
        self.advance(901)
        self.index.requests.clear()
        self.assertEqual(other.content, self.get(self.url).body)
        self.assertEqual([None], self.ranges())

    def leave(self, content: bytes) -> None:
        """
        Something is left of an earlier try.
        """
        folder = self.directory / ".proxypypi" / "cache" / "partial" / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{self.wheel.filename}.{self.wheel.sha256[:16]}"
        (folder / name).write_bytes(content)


class PublishTests(TeeTestCase):
    def test_never_over_another(self) -> None:
        """
        A file that somebody put there meanwhile stays; who followed the fetch gets what
        the index means, whoever comes later what is there.
        """
        mine = b"mine"
        self.index.fail(self.path, Fault(stall_at=40_000, stall=2))
        transfer = self.start_file()
        with self.change():
            (self.directory / "demo").mkdir()
            (self.directory / self.published).write_bytes(mine)
        self.advance(2)
        self.has_all(transfer)
        self.assertEqual(([self.published], []), (self.kept(), self.partials()))
        self.settle()
        answer = self.get(self.url)
        self.assertEqual(
            (mine, "no-cache"), (answer.body, answer.header("Cache-Control"))
        )

    def test_listed_and_served_at_once(self) -> None:
        """
        What we put there ourselves counts without waiting until it has settled.
        """
        self.start_file()
        self.assertEqual([self.wheel.filename], list(self.files("demo", "local")))
        self.has_all(self.start_file())
        self.assertEqual([None], self.ranges())

    def test_not_listed_before(self) -> None:
        """
        As long as it is on its way it is nowhere to be seen.
        """
        self.index.fail(self.path, Fault(stall_at=40_000, stall=2))
        transfer = self.start_file()
        self.assertEqual(404, self.get("/local/demo/").code)
        self.assertEqual([], self.get("/local/", Accept=JSON).json["projects"])
        self.advance(2)
        self.has_all(transfer)

    def test_replaced_by_its_owner_while_followed(self) -> None:
        """
        Who is being served a file goes on with it, whatever is put in its place.
        """
        self.start_file()
        slow = self.connect()
        slow.send(f"GET {self.url} HTTP/1.1")
        slow.take(0)
        os.unlink(self.directory / self.published)
        self.settle()
        while len(slow.body) < self.size:
            slow.take(10_000)
        self.assertEqual(self.content, slow.body)


class UpstreamSaysNoTests(TeeTestCase):
    def test_gone(self) -> None:
        """
        A listed file that its host does not have makes the page be refreshed once; if
        the file is gone from it, that is 404.
        """
        for status in (403, 404, 410):
            built = make_wheel(f"gone{status}")
            path = self.index.add(built)
            page = f"/simple/{built.project}/"
            self.get(page)
            self.index.remove(built.filename)
            self.index.fail(path, Fault(status=status), times=None)
            self.advance(3)
            answer = self.get(f"/files/{built.project}/{built.filename}")
            self.assertEqual(404, answer.code, status)
            self.assertEqual(2, len(self.index.asked(page)))

    def test_listed_still(self) -> None:
        """
        If it is listed still, that is 502, and nothing that is remembered.
        """
        for status in (403, 404, 410):
            self.get("/simple/demo/")
            self.index.fail(self.path, Fault(status=status))
            self.advance(11)
            pages = len(self.index.asked("/simple/demo/"))
            answer = self.get(self.url, Accept=JSON)
            self.assertEqual((502, "2"), (answer.code, answer.header("Retry-After")))
            self.assertIn(str(status), answer.json["detail"])
            self.assertEqual(pages + 1, len(self.index.asked("/simple/demo/")))
            self.has_all(self.start_file())
            os.unlink(self.directory / self.published)
            self.settle()

    def test_moved(self) -> None:
        """
        If the page now has another address for it, it is fetched from there.
        """
        for headers in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=5-"}):
            self.get("/simple/demo/")
            old = self.index.projects["demo"].files[self.wheel.filename].path
            new = self.index.add(self.wheel, path=f"/moved{old}")
            self.advance(11)
            answer = self.get(self.url, **headers)
            part = {"bytes=0-9": slice(0, 10), "bytes=5-": slice(5, None)}
            wanted = part.get(headers.get("Range", ""), slice(None))
            self.assertEqual(self.content[wanted], answer.body, headers)
            self.assertEqual(1, len(self.index.asked(new)))
            for path in self.kept():
                os.unlink(self.directory / path)
            self.settle()

    def test_project_gone(self) -> None:
        """
        If the whole project is gone, that is 404.
        """
        self.get("/simple/demo/")
        del self.index.projects["demo"]
        self.advance(11)
        self.assertEqual(404, self.get(self.url).code)

    def test_down(self) -> None:
        """
        Whatever else goes wrong is 502 or 503, to be tried again; nothing is kept.
        """
        self.get("/simple/demo/")
        for fault, seconds, status in [
            (Fault(status=500), 5, 502),
            (Fault(status=503), 5, 502),
            (Fault(status=401), 0, 502),
            (Fault(status=429), 0, 502),
            (Fault(status=416), 0, 502),
            (Fault(truncate_at=0), 20, 503),
            (Fault(delay=1000), 12.1, 503),
            (Fault(stall_at=0), 12.1, 503),
            (Fault(redirect="ftp://files.example/"), 0, 502),
        ]:
            self.index.fail(self.path, fault, times=None)
            transfer = self.start_file()
            self.advance_slowly(seconds)
            self.assertEqual(status, transfer.code, fault)
            self.assertRegex(str(transfer.header("Retry-After")), "^[0-9]+$")
            self.assertEqual("no-store", transfer.header("Cache-Control"))
            self.assertIsNone(transfer.header("ETag"))
            self.index.heal()
            self.advance_slowly(40)
            self.is_not_here()

    def test_retried(self) -> None:
        """
        A host that fails for a moment is asked again before anybody is told.
        """
        self.index.fail(self.path, Fault(status=503), times=2)
        transfer = self.start_file()
        self.advance_slowly(1.3)
        self.has_all(transfer)


class PatienceTests(TeeTestCase):
    def test_several_waits(self) -> None:
        """
        That is so, too, if one thing after the other is waited for.
        """
        self.index.fail("/simple/demo/", Fault(delay=8), times=None)
        self.index.fail(self.path, Fault(delay=8), times=None)
        transfer = self.start_file()
        self.advance_slowly(11.8)
        self.assertIsNone(transfer.code)
        self.advance_slowly(0.4)
        self.assertEqual((503, "2"), (transfer.code, transfer.header("Retry-After")))
        again = self.start_file()
        self.advance_slowly(4.5)
        self.has_all(again)
        self.assertEqual(1, len(self.index.asked(self.path)))

    def test_nobody_waits_in_silence(self) -> None:
        """
        After 12 seconds without a first byte, 503 with Retry-After: 2, while the fetch
        goes on; the retry joins it.
        """
        self.get("/simple/demo/")
        self.index.fail(self.path, Fault(delay=15))
        transfer = self.start_file()
        self.advance_slowly(11.9)
        self.assertIsNone(transfer.code)
        self.advance_slowly(0.2)
        self.assertEqual((503, "2"), (transfer.code, transfer.header("Retry-After")))
        retry = self.start_file()
        self.advance_slowly(3)
        self.has_all(retry)
        self.assertEqual("proxypypi; fwd=miss; collapsed", retry.header("Cache-Status"))
        self.assertEqual([None], self.ranges())

    def test_nobody_retries(self) -> None:
        """
        It is there for whoever comes later.
        """
        self.index.fail(self.path, Fault(delay=15))
        self.start_file()
        self.advance_slowly(16)
        self.is_here()

    def test_slow_is_not_silent(self) -> None:
        """
        A file that comes slowly is none of this.
        """
        self.get("/simple/demo/")
        self.index.fail(self.path, Fault(rate=4000))
        transfer = self.start_file()
        self.advance_slowly(27)
        self.has_all(transfer)


T = TypeVar("T")
NAME = normalize("demo")
CONTENT = random.Random("the tee").randbytes(5000)
FILENAME = "demo-1.0.zip"
SHA256 = sha256(CONTENT).hexdigest()


class Tee:
    """
    The core over a scripted upstream, in a directory of its own.
    """

    def __init__(
        self,
        directory: Path,
        *,
        hashed: bool = True,
        sized: bool = True,
        generations: Generations | None = None,
    ) -> None:
        self.directory = directory
        self.clock = Clock()
        self.clock.advance(1e9)
        self.index = ScriptedIndex()
        self.listed = Distribution(
            filename=FILENAME,
            url=FILE_URL,
            hashes={"sha256": SHA256} if hashed else {},
            size=len(CONTENT) if sized else None,
        )
        proxy = build(
            Settings(directory=directory, min_free=0),
            self.clock,
            [self.index],
            maybeDeferred,
            make_list_here,
            generations,
        )
        self.downloads = proxy.core.downloads

    def join(self, even_so: bool = True) -> "Deferred[IByteSource]":
        return self.downloads.join(NAME, self.listed, self.index, even_so)

    @property
    def published(self) -> dict[str, bytes]:
        """
        What lies in the directory, the proxy's own left out.
        """
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in self.directory.glob("[!.]*/*")
        }


class DownloadsTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        self.tee = Tee(directory)
        self.index = self.tee.index

    def begin(self) -> tuple["Deferred[IByteSource]", ScriptedBody]:
        """
        A client joins, and upstream's answer begins.
        """
        joined = self.tee.join()
        return joined, self.index.answer(ScriptedBody(total=len(CONTENT)))

    def test_source(self) -> None:
        """
        Who joins gets a source that keeps its promises through the whole of it.
        """
        joined, body = self.begin()
        self.assertNoResult(joined)
        body.send(CONTENT[:100])
        source = self.successResultOf(joined)
        verifyObject(IByteSource, source)
        changes: list[int] = []
        source.watch(lambda: changes.append(source.released))
        self.assertEqual((5000, 100), (source.size, source.released))
        body.send(CONTENT[100:4500])
        self.assertEqual((3976, False), (source.released, source.ended))
        body.send(CONTENT[4500:])
        body.end()
        self.assertEqual([3976, 5000], changes)
        self.assertEqual((True, False), (source.ended, source.failed))
        self.assertEqual(CONTENT, os.pread(source.fd, 9999, 0))
        source.close()
        source.close()
        self.assertEqual(-1, source.fd)

    def test_closed(self) -> None:
        """
        Nothing is told to one that has closed its source.
        """
        joined, body = self.begin()
        body.send(CONTENT[:100])
        source = self.successResultOf(joined)
        changes: list[int] = []
        source.watch(lambda: changes.append(source.released))
        source.close()
        body.send(CONTENT[100:])
        body.end()
        self.assertEqual([], changes)
        self.assertEqual({"demo/demo-1.0.zip": CONTENT}, self.tee.published)

    def test_when_idle(self) -> None:
        """
        Idle is when nothing is on its way, however that ended.
        """
        downloads = self.tee.downloads
        self.successResultOf(downloads.when_idle())
        joined, body = self.begin()
        idle = downloads.when_idle()
        body.send(CONTENT[:4000])
        self.successResultOf(joined).close()
        self.assertNoResult(idle)
        body.fail(UpstreamTimeout(url=FILE_URL, reason="slow"))
        self.successResultOf(idle)
        self.assertIsNone(downloads.find(NAME, FILENAME))

    def test_failure_before_the_first_byte(self) -> None:
        """
        All that wait are told why.
        """
        for error in (
            UpstreamRefusal(url=FILE_URL, reason="no", status=404),
            UpstreamTimeout(url=FILE_URL, reason="slow"),
        ):
            waiting = [self.tee.join() for _ in range(3)]
            self.index.asked[-1].answer.errback(error)
            for joined in waiting:
                self.assertIs(error, self.failureResultOf(joined, type(error)).value)

    def test_defect_of_ours(self) -> None:
        """
        Whatever else goes wrong is told to the log, and ends nothing but this.
        """
        joined, body = self.begin()
        body.fail(ZeroDivisionError())
        self.failureResultOf(joined, ZeroDivisionError)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        joined, body = self.begin()
        body.send(CONTENT)
        body.end()
        self.successResultOf(joined).close()

    def test_part_that_was_not_asked_for(self) -> None:
        """
        Upstream that answers with another part is not believed; its answer is let go.
        """
        joined = self.tee.join()
        body = self.index.answer(ScriptedBody(start=5, total=len(CONTENT)))
        self.failureResultOf(joined, WrongBytes)
        self.assertTrue(body.is_abandoned)

    def test_another_length(self) -> None:
        """
        A length that is not the index's is known before a byte has come.
        """
        joined = self.tee.join()
        body = self.index.answer(ScriptedBody(total=4999))
        self.failureResultOf(joined, WrongBytes)
        self.assertTrue(body.is_abandoned)

    def test_too_much(self) -> None:
        """
        The transfer ends with the first byte too many, not when upstream likes to.
        """
        joined, body = self.begin()
        body.send(CONTENT)
        source = self.successResultOf(joined)
        self.assertFalse(body.over)
        body.send(b"x")
        self.assertTrue(body.over)
        self.assertEqual((True, 3976), (source.failed, source.released))
        source.close()

    def test_another_process_fetches_it(self) -> None:
        """
        What somebody else is working on is followed, not fetched: a client has all but
        the last bytes as they come, and these when it is published.
        """
        other = Tee(self.tee.directory)
        theirs = other.join()
        body = other.index.answer(ScriptedBody(total=len(CONTENT)))
        joined = self.tee.join()
        self.tee.clock.advance(1)
        self.assertNoResult(joined)
        body.send(CONTENT[:100])
        self.tee.clock.advance(0.02)
        source = self.successResultOf(joined)
        self.assertEqual((5000, 100), (source.size, source.released))
        body.send(CONTENT[100:])
        self.tee.clock.advance(0.02)
        self.assertEqual((3976, False), (source.released, source.ended))
        body.end()
        self.tee.clock.advance(0.02)
        self.assertEqual((5000, True), (source.released, source.ended))
        self.assertFalse(source.failed)
        self.assertEqual(CONTENT, os.pread(source.fd, 9999, 0))
        self.assertEqual([], self.index.asked)
        source.close()
        self.successResultOf(theirs).close()

    def test_another_process_finds_no_room(self) -> None:
        """
        What it had brought is given out but for the last bytes, before each client has
        a transfer for the rest.
        """
        other = Tee(self.tee.directory)
        theirs = other.join()
        body = other.index.answer(ScriptedBody(total=len(CONTENT)))
        body.send(CONTENT[:100])
        source = self.successResultOf(self.tee.join())
        body.send(CONTENT[100:4500])
        disk = Disk()
        self.addCleanup(disk.restore)
        disk.is_full = True
        body.send(CONTENT[4500:])
        self.assertEqual((100, False), (source.released, source.ended))
        self.tee.clock.advance(0.02)
        self.assertEqual((3976, True), (source.released, source.overflowed))
        rest = source.rest()
        self.assertEqual(3976, rest.start)
        rest.abandon()
        source.close()
        self.successResultOf(theirs).close()

    def test_validator(self) -> None:
        """
        The rest is asked for on the condition that the file is still the same, in the
        words of upstream's latest answer.
        """
        joined = self.tee.join()
        body = self.index.answer(ScriptedBody(validator='"a"'))
        body.send(CONTENT[:2000])
        source = self.successResultOf(joined)
        body.fail(cut())
        self.assertEqual(1, len(self.index.asked))
        self.tee.clock.advance(0.2)
        asked = self.index.asked[1]
        self.assertEqual(((2000, None), '"a"'), (asked.byte_range, asked.if_range))
        body = self.index.answer(ScriptedBody(start=2000, validator='"b"'))
        body.send(CONTENT[2000:])
        body.end()
        self.assertEqual((True, 5000), (source.ended, source.released))
        source.close()


@define(eq=False)
class Client:
    """
    Follows a source as a sender does, and sees whether it keeps its word.
    """

    joined: "Deferred[IByteSource]"
    source: IByteSource | None = field(default=None, init=False)
    data: bytes = field(default=b"", init=False)
    error: Failure | None = field(default=None, init=False)
    rest: "Deferred[None] | None" = field(default=None, init=False)
    gone: bool = field(default=False, init=False)
    is_complete: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.joined.addCallbacks(self._follow, self._failed)

    def _follow(self, source: IByteSource) -> None:
        self.source = source
        source.watch(self._read)
        self._read()

    def _read(self) -> None:
        source = self.source
        assert source is not None
        assert not self.gone, "told of a change after close()"
        assert source.released >= len(self.data)
        if source.released > len(self.data):
            assert source.released <= os.fstat(source.fd).st_size
            self._take(source)
        if source.overflowed:
            self._go_on(source)
        elif source.ended:
            self.is_complete = not source.failed
            self.leave()

    def _take(self, source: IByteSource) -> None:
        wanted = source.released - len(self.data)
        self.data += os.pread(source.fd, wanted, len(self.data))
        assert len(self.data) == source.released

    def _go_on(self, source: IByteSource) -> None:
        body = source.rest()
        assert body.start == len(self.data)
        source.close()
        self.rest = body.deliver(self._receive)
        self.rest.addCallbacks(self._completed, self._broken)

    def _receive(self, data: bytes) -> None:
        self.data += data

    def _completed(self, _: None) -> None:
        self.gone = self.is_complete = True

    def _broken(self, failure: Failure) -> None:
        failure.trap(UpstreamError, CancelledError)
        self.gone = True

    def _failed(self, failure: Failure) -> None:
        failure.trap(UpstreamError, StillFetching, CancelledError)
        self.error = failure

    def leave(self) -> None:
        self.gone = True
        if self.rest is not None:
            self.rest.cancel()
        elif self.source is not None:
            self.source.close()
        else:
            self.joined.cancel()


@define(eq=False)
class Sending:
    """
    A body that has come up to a byte of the content.
    """

    body: ScriptedBody
    at: int

    def send(self, size: int, lie: int = 0) -> None:
        """
        :param lie: a mask of the bits that are wrong, in every byte.
        """
        piece = CONTENT[self.at : self.at + size]
        if piece:
            self.at += len(piece)
            self.body.send(bytes(byte ^ lie for byte in piece))


class TeeMachine(RuleBasedStateMachine):
    """
    Clients that come and go, upstream that grows, breaks, lies and is silent, a disk
    that is full or not, in any order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.descriptors = open_descriptors()
        self.directory = Path(mkdtemp(prefix="tee-")).resolve()
        self.clients: list[Client] = []
        self.bodies: list[Sending] = []
        self.lied = False
        self.disk = Disk()

    @initialize(hashed=st.booleans(), sized=st.booleans())
    def begin(self, hashed: bool, sized: bool) -> None:
        self.tee = Tee(self.directory, hashed=hashed, sized=sized)
        self.hashed, self.sized = hashed, sized

    @property
    def asked(self) -> list[Asked]:
        return [a for a in self.tee.index.asked if not a.answer.called]

    @property
    def sending(self) -> list[Sending]:
        return [sending for sending in self.bodies if not sending.body.over]

    @rule()
    def join(self) -> None:
        self.clients.append(Client(self.tee.join()))

    @precondition(lambda self: any(not c.gone for c in self.clients))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        staying = [number for number, c in enumerate(self.clients) if not c.gone]
        self.clients[data.draw(st.sampled_from(staying))].leave()

    @rule()
    def fill_the_disk(self) -> None:
        self.disk.is_full = True

    @rule()
    def make_room(self) -> None:
        self.disk.is_full = False

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), knows_ranges=st.booleans(), says_total=st.booleans())
    def answer(self, data: st.DataObject, knows_ranges: bool, says_total: bool) -> None:
        self.begin_body(self.draw(data, self.asked), knows_ranges, says_total)

    def begin_body(self, asked: Asked, knows_ranges: bool, says_total: bool) -> None:
        wanted = asked.byte_range
        start = (wanted[0] or 0) if wanted is not None and knows_ranges else 0
        body = ScriptedBody(
            start=start,
            total=len(CONTENT) if says_total else None,
            validator='"a"',
        )
        self.bodies.append(Sending(body, start))
        asked.answer.callback(body)

    def draw(self, data: st.DataObject, choices: list[T]) -> T:
        return choices[data.draw(st.integers(0, len(choices) - 1))]

    @precondition(lambda self: self.asked)
    @rule(
        data=st.data(),
        kind=st.sampled_from(["refuse", "keep silent", "be unreachable"]),
    )
    def refuse(self, data: st.DataObject, kind: str) -> None:
        error = {
            "refuse": UpstreamRefusal(url=FILE_URL, reason="no", status=500),
            "keep silent": UpstreamTimeout(url=FILE_URL, reason="silent"),
            "be unreachable": cut(),
        }[kind]
        self.draw(data, self.asked).answer.errback(error)

    @precondition(lambda self: self.sending)
    @rule(data=st.data(), size=st.integers(1, 3000))
    def send(self, data: st.DataObject, size: int) -> None:
        self.draw(data, self.sending).send(size)

    @precondition(lambda self: self.sending and self.hashed)
    @rule(data=st.data(), size=st.integers(1, 3000))
    def send_wrong_bytes(self, data: st.DataObject, size: int) -> None:
        self.lied = True
        self.draw(data, self.sending).send(size, lie=255)

    @precondition(lambda self: self.sending and (self.sized or self.hashed))
    @rule(data=st.data())
    def send_too_much(self, data: st.DataObject) -> None:
        self.lied = True
        sending = self.draw(data, self.sending)
        sending.body.send(CONTENT[sending.at :] + b"more")

    @precondition(lambda self: self.sending)
    @rule(data=st.data(), kind=st.sampled_from(["break", "fall silent"]))
    def break_off(self, data: st.DataObject, kind: str) -> None:
        silent = UpstreamTimeout(url=FILE_URL, reason="silent")
        self.draw(data, self.sending).body.fail(cut() if kind == "break" else silent)

    @precondition(lambda self: self.sending)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        self.end_body(self.draw(data, self.sending))

    def end_body(self, sending: Sending) -> None:
        # Without length and digest nobody could tell that something is missing.
        if sending.at >= len(CONTENT) or self.sized or self.hashed:
            sending.body.end()

    @rule(seconds=st.sampled_from([0.1, 0.2, 1.0, 4.0, 12.0]))
    def wait(self, seconds: float) -> None:
        self.tee.clock.advance(seconds)

    @invariant()
    def nothing_partial(self) -> None:
        for path, content in self.tee.published.items():
            assert path == f"demo/{FILENAME}"
            assert content == CONTENT

    @invariant()
    def last_bytes_wait(self) -> None:
        for client in self.clients:
            if not (client.is_complete or self.lied):
                assert len(client.data) <= len(CONTENT) - HELD_BACK

    @invariant()
    def right_bytes(self) -> None:
        for client in self.clients:
            if client.is_complete:
                assert client.data == CONTENT
            elif not self.lied:
                assert CONTENT.startswith(client.data)

    def teardown(self) -> None:
        try:
            if hasattr(self, "tee"):
                self.finish()
        finally:
            self.disk.restore()
            shutil.rmtree(self.directory)

    def finish(self) -> None:
        """
        Upstream behaves from now on: everybody comes to an end.
        """
        for _ in range(10):
            for asked in self.asked:
                self.begin_body(asked, knows_ranges=True, says_total=True)
            for sending in self.sending:
                sending.send(len(CONTENT))
            for sending in self.sending:
                self.end_body(sending)
            self.wait(4.0)
        assert self.tee.downloads.find(NAME, FILENAME) is None
        for client in self.clients:
            assert client.gone or client.error is not None
        self.nothing_partial()
        self.right_bytes()
        assert not open_descriptors() - self.descriptors


class InterleavingTests(SynchronousTestCase):
    def test_any_order(self) -> None:
        """
        Who completes has the right bytes, nobody gets more than what is released, and
        nothing partial is ever in the directory.
        """
        run_state_machine_as_test(
            TeeMachine,
            settings=settings(
                max_examples=150, stateful_step_count=30, deadline=None, database=None
            ),
        )
