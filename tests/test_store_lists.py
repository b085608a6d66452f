"""
Tests for :mod:`proxypypi.store.lists` and :mod:`proxypypi.store.catalogue`.
"""

import json
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from attrs import frozen
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.errors import CannotMake
from proxypypi.interfaces import IArrivingList, IListStore, IMadeList
from proxypypi.model import HeldList, RawPage
from proxypypi.names import normalize
from proxypypi.store import catalogue
from proxypypi.store.catalogue import Order, main, make_list
from proxypypi.store.lists import ListStore

ONE = "https://one.example/simple/"
TWO = "https://two.example/simple/"
JSON = "application/vnd.pypi.simple.v1+json"


@frozen
class Closing:
    """
    A file that a test can only close.
    """

    name: str
    close: Callable[[], None]


def body_of(*names: str) -> bytes:
    return json.dumps({"projects": [{"name": name} for name in names]}).encode()


class ListStoreTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.made = 0
        self.store = ListStore(self.directory, maybeDeferred, self.make_here)

    def make_here(self, order: str) -> "Deferred[None]":
        self.made += 1
        make_list(msgspec.json.decode(order, type=Order))
        return succeed(None)

    def keep(
        self,
        body: bytes,
        index: str = ONE,
        checked_at: float = 1000.0,
        content_type: str = JSON,
        etag: str | None = '"a"',
    ) -> HeldList:
        arriving = self.store.begin(index)
        for start in range(0, len(body), 10):
            arriving.write(body[start : start + 10])
        page = RawPage(
            index=index, url=index, content_type=content_type, body=b"", etag=etag
        )
        held: HeldList = self.successResultOf(arriving.keep(page, checked_at))
        return held

    def load(self, index: str = ONE) -> HeldList | None:
        return self.successResultOf(self.store.load(index))

    def make(self, *indexes: str) -> IMadeList:
        made: IMadeList = self.successResultOf(
            self.store.make(dict.fromkeys(indexes, ("*",)))
        )
        return made

    def names(self, made: IMadeList) -> list[str]:
        """
        The names in a list that was made, from its JSON.
        """
        fd, size = made.open(True, False)
        with open(fd, "rb") as form:
            body = form.read()
        self.assertEqual(size, len(body))
        return [project["name"] for project in json.loads(body + b"]}")["projects"]]

    @property
    def record(self) -> Path:
        (path,) = self.directory.glob("*.list")
        return path


class KeptTests(ListStoreTestCase):
    def test_interfaces(self) -> None:
        """
        They are what they say.
        """
        verifyObject(IListStore, self.store)
        verifyObject(IArrivingList, self.store.begin(ONE))
        self.keep(body_of("a"))
        verifyObject(IMadeList, self.make(ONE))

    def test_kept(self) -> None:
        """
        What is known of a list is found again, by another store too.
        """
        self.assertIsNone(self.load())
        held = self.keep(body_of("a"))
        self.store = ListStore(self.directory, maybeDeferred, self.make_here)
        self.assertEqual(held, self.load())
        self.assertEqual(
            (JSON, '"a"', 1000.0),
            (
                held.page.content_type,
                held.page.etag,
                held.checked_at,
            ),
        )
        self.assertIsNone(self.load(TWO))

    def test_digest(self) -> None:
        """
        The same bytes have the same digest, in whatever pieces they came.
        """
        one = self.keep(b"x" * 99)
        self.assertNotEqual(one.digest, self.keep(b"x" * 98).digest)
        self.assertEqual(one.digest, self.keep(b"x" * 99).digest)

    def test_compressed(self) -> None:
        """
        A list takes little room, and leaves nothing beside it.
        """
        self.keep(body_of(*["demo"] * 10_000))
        self.assertLess(self.record.stat().st_size, 20_000)
        self.assertEqual([self.record.name], os.listdir(self.directory))

    def test_confirmed(self) -> None:
        """
        That a list still holds is remembered.
        """
        held = self.keep(b"x")
        self.successResultOf(self.store.confirm(ONE, 2000.0))
        loaded = self.load()
        assert loaded is not None
        self.assertEqual((held.digest, 2000.0), (loaded.digest, loaded.checked_at))
        self.record.unlink()
        self.failureResultOf(self.store.confirm(ONE, 2000.0), FileNotFoundError)

    def test_forgotten(self) -> None:
        """
        A list can be forgotten, there or not.
        """
        self.keep(b"x")
        for _ in range(2):
            self.successResultOf(self.store.forget(ONE))
            self.assertIsNone(self.load())

    def test_discarded(self) -> None:
        """
        A list that did not come to its end leaves the old one, and nothing else.
        """
        held = self.keep(b"old")
        arriving = self.store.begin(ONE)
        arriving.write(b"new")
        for _ in range(2):
            arriving.discard()
        self.assertEqual(held, self.load())
        self.assertEqual([self.record.name], os.listdir(self.directory))

    def test_no_room(self) -> None:
        """
        Nothing stays of a list that cannot even be closed.
        """

        def fail() -> None:
            raise OSError(28, "No space left on device")

        arriving: Any = self.store.begin(ONE)
        arriving.write(b"new")
        self.addCleanup(arriving._file.close)
        arriving._file = Closing(arriving._file.name, fail)
        arriving.discard()
        self.assertEqual([], os.listdir(self.directory))

    def test_killed_half_way(self) -> None:
        """
        What a list that never came to its end left behind goes in an hour.
        """
        arriving = self.store.begin(ONE)
        arriving.write(b"x")
        (left,) = self.directory.iterdir()
        os.utime(left, (1000.0, 1000.0))
        self.keep(b"x", TWO, checked_at=4599.0)
        self.assertTrue(left.exists())
        self.keep(b"x", TWO, checked_at=4601.0)
        self.assertFalse(left.exists())

    def test_cannot_be_replaced(self) -> None:
        """
        If the last step fails, the old list is still there.
        """

        def fail(old: str, new: Path) -> None:
            raise OSError(5, "Input/output error")

        held = self.keep(b"old")
        self.patch(os, "rename", fail)
        arriving = self.store.begin(ONE)
        arriving.write(b"new")
        page = RawPage(index=ONE, url=ONE, content_type=JSON, body=b"")
        self.failureResultOf(arriving.keep(page, 1.0), OSError)
        self.assertEqual(held, self.load())
        self.assertEqual([self.record.name], os.listdir(self.directory))

    def test_damaged(self) -> None:
        """
        A record that is cut short, of another index or another time is none.
        """
        self.keep(body_of("a"))
        whole = self.record.read_bytes()
        for content in (
            *(b"", b"{}", b"[", whole[:50], whole[:8192], whole[:-1], whole + b"x"),
            whole.replace(b"one.example", b"two.example"),
            whole.replace(b'"format":1', b'"format":9'),
        ):
            self.record.write_bytes(content)
            self.assertIsNone(self.load(), content[:60])

    def test_long_validators(self) -> None:
        """
        A validator that has no room is not remembered; the list is.
        """
        self.keep(b"x", etag=f'"{"x" * 10_000}"')
        held = self.load()
        assert held is not None
        self.assertIsNone(held.page.etag)


class MadeTests(ListStoreTestCase):
    def test_union(self) -> None:
        """
        Every name of every list is there once, sorted, whatever its form was.
        """
        self.keep(body_of("b", "A.x", "b"))
        self.keep(
            b'<a href="/simple/c/">c</a><a href="b/">b</a>', TWO, 1.0, "text/html"
        )
        self.assertEqual(["a-x", "b", "c"], self.names(self.make(ONE, TWO)))
        self.assertEqual(["a-x", "b"], self.names(self.make(ONE)))

    def test_some(self) -> None:
        """
        Only those names count that the index is asked about.
        """
        self.keep(body_of("a", "acme-tools", "b"))
        for globs, names in (
            (("*",), ["a", "acme-tools", "b"]),
            (("acme-*", "b"), ["acme-tools", "b"]),
            (("acme",), []),
        ):
            made = self.successResultOf(self.store.make({ONE: globs}))
            self.assertEqual(names, self.names(made), globs)

    def test_lacks(self) -> None:
        """
        Which names are missing is told exactly, at both ends too.
        """
        for size in (0, 1, 2, 3, 50):
            listed = [f"n{number * 7:03}" for number in range(size)]
            self.keep(body_of(*listed))
            made = self.make(ONE)
            asked = [normalize(f"n{number:03}") for number in range(360)]
            asked += [
                normalize("a"),
                normalize("n"),
                normalize("z"),
                normalize("n0000"),
            ]
            expected = tuple(name for name in asked if name not in listed)
            self.assertEqual(expected, made.lacks(asked), size)

    def test_made_once(self) -> None:
        """
        The same lists are put together once, after a restart too; others anew, and
        what was made before goes.
        """
        self.keep(body_of("a"))
        self.make(ONE)
        self.store = ListStore(self.directory, maybeDeferred, self.make_here)
        self.keep(body_of("a"), checked_at=2000.0)
        self.assertEqual((["a"], 1), (self.names(self.make(ONE)), self.made))
        self.keep(body_of("b"))
        self.assertEqual((["b"], 2), (self.names(self.make(ONE)), self.made))
        self.assertEqual(1, len(os.listdir(self.directory / "made")))

    def test_removed(self) -> None:
        """
        A list that was opened can be read although somebody removed it.
        """
        self.keep(body_of("a"))
        made = self.make(ONE)
        shutil.rmtree(self.directory)
        self.assertEqual(["a"], self.names(made))
        self.assertEqual((), made.lacks([normalize("a")]))

    def test_damaged(self) -> None:
        """
        What is not whole is made anew.
        """
        self.keep(body_of("a"))
        self.make(ONE)
        (folder,) = (self.directory / "made").iterdir()
        for number, name in enumerate(os.listdir(folder), start=2):
            (folder / name).write_bytes(b"x")
            self.assertEqual(["a"], self.names(self.make(ONE)), name)
            self.assertEqual(number, self.made, name)

    def test_unreadable(self) -> None:
        """
        A list that is none is left out, and it is said what is wrong with it.
        """
        self.keep(body_of("a"))
        self.keep(b"{", TWO)
        made = self.make(ONE, TWO)
        self.assertEqual(["a"], self.names(made))
        self.assertEqual([TWO], list(made.unreadable))
        self.assertIn("unreadable", made.unreadable[TWO])

    def test_too_long(self) -> None:
        """
        A list that makes too many names, or too long ones, is left out; one whose names
        are there already is not.
        """
        self.patch(catalogue, "_MOST_NAMES", 3)
        self.patch(catalogue, "_MOST_LETTERS", 10)
        self.keep(body_of("a", "b", "c"))
        for names, is_left_out in (
            ((*"abc", "a"), False),
            (("d",), True),
            (("a", "b"), False),
        ):
            self.keep(body_of(*names), TWO)
            made = self.make(ONE, TWO)
            self.assertEqual(["a", "b", "c"], self.names(made))
            self.assertEqual(is_left_out, TWO in made.unreadable, names)
        self.keep(body_of("x" * 11), TWO)
        self.assertEqual([], self.names(made := self.make(TWO)))
        self.assertIn("too many names", made.unreadable[TWO])

    def test_takes_too_much(self) -> None:
        """
        A list that cannot be read in the memory that there is costs no other.
        """

        def read(body: bytes, content_type: str) -> list[str]:
            if b"evil" in body:
                raise MemoryError
            return ["a"]

        self.patch(catalogue, "read_names", read)
        self.keep(body_of("evil"))
        self.keep(body_of("a"), TWO)
        made = self.make(ONE, TWO)
        self.assertEqual(["a"], self.names(made))
        self.assertEqual({ONE: "it takes too much memory"}, made.unreadable)

    def test_left_over(self) -> None:
        """
        What a maker that was killed left goes before there is more.
        """
        there: list[list[str]] = []

        def read(body: bytes, content_type: str) -> list[str]:
            there.append(os.listdir(self.directory / "made"))
            return []

        self.patch(catalogue, "read_names", read)
        left = self.directory / "made" / ".making-abc"
        left.mkdir(parents=True)
        (left / "json").write_bytes(b"x")
        self.keep(body_of("a"))
        self.make(ONE)
        self.assertEqual([[]], there)

    def test_gone(self) -> None:
        """
        A list that has gone is an error, not a list of nothing.
        """
        self.failureResultOf(self.store.make({ONE: ("*",)}), CannotMake)
        self.store = ListStore(self.directory, maybeDeferred, lambda _: succeed(None))
        self.keep(body_of("a"))
        self.failureResultOf(self.store.make({ONE: ("*",)}), CannotMake)

    def test_no_room(self) -> None:
        """
        If it cannot be written, nothing of it stays.
        """

        def fail(path: Path, content: bytes) -> None:
            raise OSError(28, "No space left on device")

        self.keep(body_of("a"))
        self.patch(Path, "write_bytes", fail)
        self.failureResultOf(self.store.make({ONE: ("*",)}), OSError)
        self.assertEqual([], os.listdir(self.directory / "made"))

    def test_main(self) -> None:
        """
        The process that makes it is polite, knows its limits, and is the first to go if
        the machine has no memory left, if the system can be told so.
        """
        limits: list[int] = []
        orders: list[Order] = []
        self.patch(os, "nice", limits.append)
        self.patch(resource, "setrlimit", lambda kind, both: limits.append(both[0]))
        self.patch(catalogue, "make_list", orders.append)
        order = Order("k", "d", ())
        score = Path(self.mktemp())
        for place in (score, score / "nowhere"):
            self.patch(catalogue, "_FIRST_TO_GO", place)
            main(msgspec.json.encode(order).decode())
        self.assertEqual("1000", score.read_text())
        self.assertEqual([order] * 2, orders)
        self.assertEqual(6, len(limits))
        self.assertIn(1024**3, limits)
