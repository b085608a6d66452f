"""
What every store promises, whatever it keeps its things in: to be mixed into a test case
for each.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve
from zope.interface.verify import verifyObject

from proxypypi.interfaces import (
    IDirectory,
    IFactsStore,
    IPageStore,
    IPartial,
    IPartialStore,
)
from proxypypi.model import Change, Doubt, Fate, FileFacts, RawPage
from proxypypi.names import NormalizedName, normalize

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object  # or trial would run the contract by itself

DEMO = normalize("demo")
OTHER = normalize("demo-extras")

FULL_PAGE = RawPage(
    index="https://index.example/simple/",
    url="https://mirror.example/simple/demo/",
    content_type="text/html; charset=utf-8",
    body="<a>\x00\n\u00e9</a>".encode() * 1000,
    etag='"5f\u00e9"',
    last_modified="Thu, 01 Jan 2026 00:00:00 GMT",
    last_serial="7",
)
BARE_PAGE = RawPage(index="", url="", content_type="", body=b"")

FULL_FACTS = FileFacts(
    size=7,
    modified_at=1_700_000_000_123_456_789,
    inode=2**63,
    changed_at=1_700_000_000_123_456_790,
    hashes={"sha256": "5f" * 32, "md5": "5f" * 16},
    requires_python=">=3.8,!=3.9",
    metadata_sha256="af" * 32,
    seen_at=1_700_000_000.25,
    origin="https://index.example/simple/",
    uploaded_at=1_600_000_000.5,
    missed_at=1_700_000_001.5,
    missed_again=True,
    attested=True,
)
BARE_FACTS = FileFacts(
    size=0,
    modified_at=0,
    inode=0,
    changed_at=0,
    hashes={"sha256": "0"},
    seen_at=0.0,
)


def note_fsyncs(case: _Case) -> list[int]:
    """
    :returns: the file descriptors that the disk was waited for from now on.
    """
    synced: list[int] = []
    fsync = os.fsync

    def note(fd: int) -> None:
        synced.append(fd)
        fsync(fd)

    case.patch(os, "fsync", note)
    return synced


class PageStoreContract(_Case):
    """
    Of :class:`proxypypi.interfaces.IPageStore`.
    """

    def make_store(self) -> IPageStore:
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        self.store = self.make_store()

    def load(self, name: NormalizedName = DEMO) -> tuple[RawPage, float] | None:
        return self.successResultOf(self.store.load(name))

    def save(
        self, page: RawPage, checked_at: float, name: NormalizedName = DEMO
    ) -> None:
        self.successResultOf(self.store.save(name, page, checked_at))

    def test_interface(self) -> None:
        """
        It has all that is asked of a page store.
        """
        verifyObject(IPageStore, self.store)

    def test_nothing_there(self) -> None:
        """
        Of a page that was never saved there is none.
        """
        self.assertIsNone(self.load())

    def test_round_trip(self) -> None:
        """
        A page comes back exactly as it was saved, with its time.
        """
        for page in (FULL_PAGE, BARE_PAGE, evolve(FULL_PAGE, body=bytes(range(256)))):
            self.save(page, 1_700_000_000.5)
            self.assertEqual((page, 1_700_000_000.5), self.load(), page)

    def test_replace(self) -> None:
        """
        The page saved last is the one that counts, be it older or shorter.
        """
        self.save(FULL_PAGE, 2000.0)
        self.save(BARE_PAGE, 1000.0)
        self.assertEqual((BARE_PAGE, 1000.0), self.load())

    def test_projects_apart(self) -> None:
        """
        A page belongs to one project.
        """
        self.save(FULL_PAGE, 1000.0)
        self.assertIsNone(self.load(OTHER))
        self.save(BARE_PAGE, 2000.0, OTHER)
        self.assertEqual((FULL_PAGE, 1000.0), self.load())

    def test_confirm(self) -> None:
        """
        To confirm a page changes its time and nothing else.
        """
        self.save(FULL_PAGE, 1000.0)
        self.save(BARE_PAGE, 1000.0, OTHER)
        self.successResultOf(self.store.confirm(DEMO, 1600.25))
        self.assertEqual((FULL_PAGE, 1600.25), self.load())
        self.assertEqual((BARE_PAGE, 1000.0), self.load(OTHER))

    def test_confirm_nothing(self) -> None:
        """
        To confirm what is not there is no error, and makes no page.
        """
        self.successResultOf(self.store.confirm(DEMO, 1000.0))
        self.assertIsNone(self.load())

    def doubt(self, name: NormalizedName = DEMO) -> Doubt | None:
        return self.successResultOf(self.store.load_doubt(name))

    def test_doubts(self) -> None:
        """
        A doubt is one project's, comes back as it was saved, and can be ended.
        """
        self.assertIsNone(self.doubt())
        for change in Change:
            for believed in (False, True):
                doubt = Doubt(change=change, since=1000.5, believed=believed)
                self.successResultOf(self.store.save_doubt(DEMO, doubt))
                self.assertEqual(doubt, self.doubt())
        self.assertIsNone(self.doubt(OTHER))
        self.assertIsNone(self.load())
        for _ in range(2):
            self.successResultOf(self.store.save_doubt(DEMO, None))
            self.assertIsNone(self.doubt())

    def test_loaded_while_it_is_replaced(self) -> None:
        """
        Who reads meanwhile gets the old page and its time, or the new one and its.
        """
        old, new = (FULL_PAGE, 1000.0), (BARE_PAGE, 2000.0)
        self.save(*old)
        self.while_loading(lambda: self.save(*new))
        self.assertIn(self.load(), (old, new))

    def while_loading(self, action: Any) -> None:
        """
        Have *action* called once, in the middle of the next load.
        """
        raise NotImplementedError


class FactsStoreContract(_Case):
    """
    Of :class:`proxypypi.interfaces.IFactsStore`.
    """

    def make_store(self) -> IFactsStore:
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        self.store = self.make_store()

    def save(self, facts: Mapping[str, FileFacts]) -> None:
        """
        Have these facts, and no others.
        """
        self.successResultOf(self.store.change_facts(DEMO, lambda _: facts))

    def test_interface(self) -> None:
        """
        It has all that is asked of a store of facts.
        """
        verifyObject(IFactsStore, self.store)

    def test_nothing_there(self) -> None:
        """
        Of a project never heard of nothing is known.
        """
        got = self.successResultOf
        self.assertEqual({}, got(self.store.load_facts(DEMO)))
        self.assertEqual({}, got(self.store.load_first_seen(DEMO)))
        self.assertIsNone(got(self.store.load_metadata(DEMO, "demo-1.zip")))

    def test_facts_round_trip(self) -> None:
        """
        Facts come back as they were saved, each field of them.
        """
        facts = {"demo-1.zip": FULL_FACTS, "d\u00e9mo-2.zip": BARE_FACTS}
        self.save(facts)
        self.assertEqual(facts, self.successResultOf(self.store.load_facts(DEMO)))

    def test_facts_replaced(self) -> None:
        """
        What a change makes of them takes the place of all that was there.
        """
        self.save({"a": FULL_FACTS})
        self.save({"b": BARE_FACTS})
        loaded = self.successResultOf(self.store.load_facts(DEMO))
        self.assertEqual({"b": BARE_FACTS}, loaded)

    def test_facts_changed(self) -> None:
        """
        A change is given the facts as they are, whoever saved them, and says how they
        are then.
        """
        self.save({"a": FULL_FACTS})
        changed = self.store.change_facts(DEMO, lambda kept: {**kept, "b": BARE_FACTS})
        expected = {"a": FULL_FACTS, "b": BARE_FACTS}
        self.assertEqual(expected, self.successResultOf(changed))
        loaded = self.successResultOf(self.store.load_facts(DEMO))
        self.assertEqual(expected, loaded)

    def test_first_seen_round_trip(self) -> None:
        """
        So do times, and a file may have several under its name.
        """
        seen = {"demo-1.zip": {"5f": 1.5, "af": 2.0}, "d\u00e9mo-2.zip": {"0": 0.0}}
        self.successResultOf(self.store.add_first_seen(DEMO, seen))
        self.assertEqual(seen, self.successResultOf(self.store.load_first_seen(DEMO)))

    def test_first_seen_added(self) -> None:
        """
        A time that was noted once stays, whatever is added, unless it was earlier.
        """
        added: tuple[dict[str, dict[str, float]], ...] = (
            {"a": {"1": 2.0}},
            {"a": {"1": 3.0, "2": 3.0}},
            {"b": {"1": 4.0}},
            {"b": {"1": 3.5, "2": 5.0}},
        )
        for seen in added:
            self.successResultOf(self.store.add_first_seen(DEMO, seen))
        loaded = self.successResultOf(self.store.load_first_seen(DEMO))
        expected = {"a": {"1": 2.0, "2": 3.0}, "b": {"1": 3.5, "2": 5.0}}
        self.assertEqual(expected, loaded)

    def test_metadata_round_trip(self) -> None:
        """
        Core metadata come back byte for byte, and the last saved counts.
        """
        for content in (b"Name: d\xc3\xa9mo\r\n\xff\x00", b""):
            self.successResultOf(self.store.save_metadata(DEMO, "a.whl", content))
            loaded = self.successResultOf(self.store.load_metadata(DEMO, "a.whl"))
            self.assertEqual(content, loaded)

    def test_kept_apart(self) -> None:
        """
        What is known of one project, or file, is not taken for another's; and facts,
        times and metadata do not get in each other's way.
        """
        self.save({"a.whl": FULL_FACTS})
        self.successResultOf(self.store.add_first_seen(DEMO, {"a.whl": {"1": 2.0}}))
        self.successResultOf(self.store.save_metadata(DEMO, "a.whl", b"a"))
        got = self.successResultOf
        self.assertEqual({}, got(self.store.load_facts(OTHER)))
        self.assertEqual({}, got(self.store.load_first_seen(OTHER)))
        self.assertIsNone(got(self.store.load_metadata(OTHER, "a.whl")))
        self.assertIsNone(got(self.store.load_metadata(DEMO, "b.whl")))
        self.assertEqual({"a.whl": FULL_FACTS}, got(self.store.load_facts(DEMO)))
        self.assertEqual({"a.whl": {"1": 2.0}}, got(self.store.load_first_seen(DEMO)))
        self.assertEqual(b"a", got(self.store.load_metadata(DEMO, "a.whl")))


class PartialStoreContract(_Case):
    """
    Of :class:`proxypypi.interfaces.IPartialStore`, and of its partials.
    """

    def make_store(self) -> IPartialStore:
        raise NotImplementedError

    def offered(self) -> dict[str, bytes]:
        """
        All files that somebody might be given, with their content.
        """
        raise NotImplementedError

    def setUp(self) -> None:
        super().setUp()
        self.store = self.make_store()

    def open(self, filename: str = "demo-1.zip", tag: str = "5f") -> IPartial:
        partial = self.store.open(DEMO, filename, tag)
        self.addCleanup(partial.close)
        return partial

    def test_interface(self) -> None:
        """
        It has all that is asked of a store of partials, and they of a partial.
        """
        verifyObject(IPartialStore, self.store)
        verifyObject(IPartial, self.open())

    def test_nobody_is_offered_a_partial(self) -> None:
        """
        A file is offered when it was published, and not before.
        """
        partial = self.open()
        self.assertEqual(0, partial.size)
        partial.write(b"first, ")
        partial.write(b"")
        partial.write(b"second")
        self.assertEqual({}, self.offered())
        file = self.successResultOf(partial.publish())
        assert file is not None
        self.assertEqual({"demo-1.zip": b"first, second"}, self.offered())
        self.assertEqual(("demo-1.zip", 13), (file.filename, file.size))
        partial.close()
        self.assertEqual({"demo-1.zip": b"first, second"}, self.offered())

    def test_held_by_another(self) -> None:
        """
        What one has open is nobody else's, who can read it and see it grow; but another
        file is, or other contents.
        """
        partial = self.open()
        partial.write(b"first, ")
        other = self.open()
        self.assertEqual((True, False), (partial.is_ours, other.is_ours))
        partial.write(b"second")
        self.assertEqual((Fate.GROWING, 13), (other.look(), other.size))
        self.assertEqual(b"first, second", os.pread(other.fd, 99, 0))
        self.assertTrue(self.open(tag="af").is_ours)
        self.assertTrue(self.open("demo-2.zip").is_ours)
        other.discard()
        other.close()
        self.successResultOf(partial.publish())
        self.assertEqual({"demo-1.zip": b"first, second"}, self.offered())

    def test_given_up(self) -> None:
        """
        What the other found no room for can be read as far as it had come, and is begun
        anew by who wants all of it.
        """
        partial = self.open()
        partial.write(b"first")
        other = self.open()
        partial.give_up()
        for _ in range(2):
            self.assertEqual((Fate.UNKEPT, 5), (other.look(), other.size))
        self.assertEqual(b"first", os.pread(other.fd, 99, 0))
        other.give_up()
        anew = self.open()
        self.assertEqual((True, 0), (anew.is_ours, anew.size))
        partial.give_up()
        self.assertEqual(Fate.GROWING, self.open().look())

    def test_left_by_another(self) -> None:
        """
        When the other lets go of it, it is ours to go on with, and nobody else's.
        """
        partial = self.open()
        others = [self.open(), self.open()]
        partial.write(b"first, ")
        partial.close()
        fates = [other.look() for other in others]
        self.assertEqual([Fate.LEFT, Fate.GROWING], fates)
        self.assertEqual([True, False], [other.is_ours for other in others])
        self.assertEqual([7, 7], [other.size for other in others])
        others[0].write(b"second")
        self.successResultOf(others[0].publish())
        self.assertEqual({"demo-1.zip": b"first, second"}, self.offered())

    def test_published_by_another(self) -> None:
        """
        That it was published is known once it is released, when all is done about it.
        """
        partial = self.open()
        partial.write(b"whole")
        other = self.open()
        self.successResultOf(partial.publish())
        self.assertEqual(Fate.GROWING, other.look())
        partial.close()
        self.assertEqual((Fate.PUBLISHED, 5), (other.look(), other.size))
        self.assertFalse(other.is_ours)
        self.assertEqual(b"whole", os.pread(other.fd, 99, 0))

    def test_lost(self) -> None:
        """
        What the other throws away or begins anew is lost, but can be read still.
        """
        for what in ("discard", "restart"):
            partial = self.open(tag=what)
            partial.write(b"first")
            other = self.open(tag=what)
            getattr(partial, what)()
            if what == "restart":
                partial.write(b"second")
            self.assertEqual((Fate.LOST, 5), (other.look(), other.size), what)
            self.assertEqual((Fate.LOST, False), (other.look(), other.is_ours), what)
            self.assertEqual(b"first", os.pread(other.fd, 99, 0), what)
            other.discard()
            anew = self.open(tag=what)
            self.assertEqual(what == "discard", anew.is_ours, what)
            partial.close()
            anew.close()

    def test_taken_up_again(self) -> None:
        """
        An attempt that was left can be taken up where it ended, under its tag alone.
        """
        left = self.open()
        left.write(b"first, ")
        left.close()
        self.assertEqual(0, self.open(tag="af").size)
        partial = self.open()
        self.assertEqual(7, partial.size)
        partial.write(b"second")
        self.successResultOf(partial.publish())
        self.assertEqual({"demo-1.zip": b"first, second"}, self.offered())

    def test_restart(self) -> None:
        """
        Begun anew, nothing is left of what was there, not even of a longer one.
        """
        left = self.open()
        left.write(b"something long")
        left.close()
        partial = self.open()
        partial.restart()
        self.assertEqual(0, partial.size)
        partial.write(b"short")
        self.successResultOf(partial.publish())
        self.assertEqual({"demo-1.zip": b"short"}, self.offered())

    def test_discard(self) -> None:
        """
        What was discarded leaves nothing behind, and may be discarded twice.
        """
        partial = self.open()
        partial.write(b"wrong")
        partial.discard()
        partial.discard()
        partial.close()
        self.assertEqual({}, self.offered())
        self.assertEqual(0, self.open().size)

    def test_discard_after_close(self) -> None:
        """
        What was let go is no longer ours to remove.
        """
        partial = self.open()
        partial.write(b"first")
        partial.close()
        partial.discard()
        self.assertEqual(5, self.open().size)

    def test_release(self) -> None:
        """
        What was let go may be taken up by another, and can still be read by who had it;
        it is no longer theirs to remove.
        """
        first = self.open()
        first.write(b"whole")
        first.release()
        first.release()
        second = self.open()
        self.assertEqual(5, second.size)
        first.discard()
        self.assertEqual(b"whole", os.pread(first.fd, 10, 0))
        first.close()
        self.assertFalse(self.open().is_ours)
        self.successResultOf(second.publish())
        self.assertEqual({"demo-1.zip": b"whole"}, self.offered())

    def test_close_twice(self) -> None:
        """
        The second time does nothing, even if its descriptor is somebody else's by then.
        """
        first = self.open()
        first.close()
        second = self.open()
        first.close()
        second.write(b"whole")
        self.successResultOf(second.publish())
        self.assertEqual({"demo-1.zip": b"whole"}, self.offered())

    def test_never_over_a_file(self) -> None:
        """
        A file that is there already stays as it is, and the partial is gone.
        """
        for content in (b"first", b"second, and longer"):
            partial = self.open()
            partial.write(content)
            file = self.successResultOf(partial.publish())
            self.assertEqual(content == b"first", file is not None)
            partial.close()
            self.assertEqual({"demo-1.zip": b"first"}, self.offered())
        self.assertEqual(0, self.open().size)


class DirectoryContract(_Case):
    """
    Of :class:`proxypypi.interfaces.IDirectory`.
    """

    directory: IDirectory

    def put(self, filename: str, content: bytes = b"content") -> None:
        """
        Have a file of the project :data:`DEMO` there.
        """
        raise NotImplementedError

    def later(self) -> None:
        """
        Have a second pass.
        """
        raise NotImplementedError

    def look(self, name: NormalizedName = DEMO) -> Any:
        raise NotImplementedError

    def projects(self) -> list[str]:
        raise NotImplementedError

    def test_interface(self) -> None:
        """
        It has all that is asked of a directory.
        """
        verifyObject(IDirectory, self.directory)

    def test_empty(self) -> None:
        """
        Nothing there is nothing listed, and no error.
        """
        self.assertEqual(({}, []), (self.look(), self.projects()))

    def test_same_object(self) -> None:
        """
        While nothing changes, the answer is the same object, however often it is asked.
        """
        self.put("demo-1.zip")
        first = self.look()
        self.assertIs(first, self.look())
        self.later()
        self.assertIs(first, self.look())
        self.later()
        self.put("demo-2.zip")
        self.assertIsNot(first, self.look())

    def test_seen_within_a_second(self) -> None:
        """
        What others change is noticed a second later at most.
        """
        self.look()
        self.put("demo-1.zip", b"one")
        self.later()
        self.assertEqual(3, self.look()["demo-1.zip"].size)
        self.put("demo-1.zip", b"other")
        self.later()
        self.assertEqual(5, self.look()["demo-1.zip"].size)

    def test_changed(self) -> None:
        """
        What we change ourselves counts at once.
        """
        self.look()
        self.put("demo-1.zip")
        self.directory.changed(DEMO)
        self.assertEqual(["demo-1.zip"], list(self.look()))
