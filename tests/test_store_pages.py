"""
Tests for :mod:`proxypypi.store.pages`.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import igzip
from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import Change, Doubt
from proxypypi.store.pages import PageStore
from tests.store_contract import BARE_PAGE, DEMO, FULL_PAGE, PageStoreContract


class PageStoreTests(PageStoreContract, SynchronousTestCase):
    def make_store(self) -> PageStore:
        self.folder = Path(self.mktemp())
        return PageStore(self.folder, maybeDeferred)

    def while_loading(self, action: Any) -> None:
        looks = [(name, getattr(os, name)) for name in ("stat", "fstat")]

        def look_later(look: Any) -> Any:
            def later(*arguments: Any, **options: Any) -> Any:
                for patched in patches:
                    patched.restore()
                action()
                return look(*arguments, **options)

            return later

        patches = [self.patch(os, name, look_later(look)) for name, look in looks]

    def damage(self, content: bytes) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "demo.page").write_bytes(content)

    def record(self) -> bytes:
        self.save(FULL_PAGE, 1000.0)
        return (self.folder / "demo.page").read_bytes()

    def test_on_disk(self) -> None:
        """
        A page is one file; its time is the file's, so that anyone can see it.
        """
        self.save(FULL_PAGE, 1000.0)
        self.assertEqual(["demo.page"], os.listdir(self.folder))
        self.assertEqual(1000.0, (self.folder / "demo.page").stat().st_mtime)
        self.assertLess((self.folder / "demo.page").stat().st_size, 1000)

    def test_index_of(self) -> None:
        """
        Whose page it is can be told without its body; nobody's, if there is none, it
        cannot be read, or the project is believed to have gone.
        """
        store = self.store
        assert isinstance(store, PageStore)
        self.assertIsNone(store.index_of(DEMO))
        self.assertEqual(frozenset(), store.names())
        record = self.record()
        self.assertEqual(FULL_PAGE.index, store.index_of(DEMO))
        self.assertEqual({DEMO}, store.names())
        for believed, expected in ((False, FULL_PAGE.index), (True, None)):
            doubt = Doubt(change=Change.GONE, since=1.0, believed=believed)
            self.successResultOf(store.save_doubt(DEMO, doubt))
            self.assertEqual(expected, store.index_of(DEMO))
        self.successResultOf(store.save_doubt(DEMO, None))
        for damaged in (b"", b"{}\n", record[:20], b"x" * 1_000_000):
            self.damage(damaged)
            self.assertIsNone(store.index_of(DEMO))

    def test_doubted(self) -> None:
        """
        It can be told at once of which pages there are doubts.
        """
        store = self.make_store()
        self.assertEqual(frozenset(), store.doubted())
        doubt = Doubt(change=Change.GONE, since=1.0)
        for name in ("demo", "other"):
            self.successResultOf(store.save_doubt(name, doubt))
        self.successResultOf(store.save("third", FULL_PAGE, 1000.0))
        self.assertEqual({"demo", "other"}, store.doubted())

    def test_killed_half_way(self) -> None:
        """
        If the last step is never done, the old page is still there, with its time.
        """

        def fail(old: str, new: Path) -> None:
            raise OSError(5, "Input/output error")

        self.save(FULL_PAGE, 1000.0)
        self.patch(os, "rename", fail)
        self.failureResultOf(self.store.save(DEMO, BARE_PAGE, 2000.0), OSError)
        self.assertEqual((FULL_PAGE, 1000.0), self.load())
        self.assertEqual(["demo.page"], os.listdir(self.folder))

    def test_truncated(self) -> None:
        """
        Of a record cut short at any place there is no page.
        """
        whole = self.record()
        for length in range(len(whole)):
            self.damage(whole[:length])
            self.assertIsNone(self.load(), length)

    def test_damaged(self) -> None:
        """
        A record that is none of ours is no page, and no error.
        """
        head, _, packed = self.record().partition(b"\n")
        fields = msgspec.json.decode(head)
        body = igzip.compress(b"<html>")
        cases = {
            "empty": b"",
            "zeros": b"\0" * 4096,
            "no head": packed,
            "no body": head + b"\n",
            "body not packed": head + b"\n<html>",
            "rubbish in the body": head + b"\n" + packed[:40] + b"xxxx" + packed[44:],
            "no UTF-8": b'{"format":1,"index":"\xff"}\n' + body,
            "no such JSON": b"[1]\n" + body,
            "nested": b'{"x":' + b"[" * 100_000 + b"\n" + body,
            **{
                f"no {field}": msgspec.json.encode(
                    {f: v for f, v in fields.items() if f != field}
                )
                + b"\n"
                + packed
                for field in ("format", "index", "url", "content_type")
            },
        }
        for case, content in cases.items():
            self.damage(content)
            self.assertIsNone(self.load(), case)
            self.save(FULL_PAGE, 1000.0)
            self.assertEqual((FULL_PAGE, 1000.0), self.load(), case)

    def test_other_format(self) -> None:
        """
        A record of another version of this program is not guessed at.
        """
        head, _, packed = self.record().partition(b"\n")
        fields = msgspec.json.decode(head)
        for number in (0, 2, 99):
            other = msgspec.json.encode({**fields, "format": number})
            self.damage(other + b"\n" + packed)
            self.assertIsNone(self.load(), number)

    def test_no_directory(self) -> None:
        """
        Where the directory should be is a file: there is no page.
        """
        self.folder.write_bytes(b"")
        self.assertIsNone(self.load())

    @settings(deadline=None)
    @given(st.data())
    def test_any_damage(self, data: st.DataObject) -> None:
        """
        Bytes changed anywhere never make an error, nor another body.
        """
        whole = bytearray(self.record())
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(whole) - 1))
            whole[place] = data.draw(st.integers(0, 255))
        self.damage(bytes(whole))
        loaded = self.load()
        if loaded is not None:
            self.assertEqual(FULL_PAGE.body, loaded[0].body)
