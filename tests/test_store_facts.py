"""
Tests for :mod:`proxypypi.store.facts`.
"""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.names import NormalizedName
from proxypypi.store.facts import FactsStore, names_seen, sound_facts
from tests.store_contract import (
    BARE_FACTS,
    DEMO,
    FULL_FACTS,
    FactsStoreContract,
    note_fsyncs,
)


def fail(*arguments: Any) -> None:
    raise OSError(5, "Input/output error")


DAMAGED = {
    "empty": b"",
    "zeros": b"\0" * 100,
    "truncated": b'{"format":1,',
    "no object": b"[1]",
    "no fields": b"{}",
    "other types": b'{"format":1,"files":[],"seen":[]}',
    "no UTF-8 name": b'{"format":1,"files":{"\xff":{}},"seen":{"\xff":{}}}',
    "nested": b'{"x":' + b"[" * 100_000,
}


class FactsStoreTests(FactsStoreContract, SynchronousTestCase):
    def make_store(self) -> FactsStore:
        self.cache = Path(self.mktemp()) / "cache"
        self.decisions = Path(self.mktemp()) / "decisions"
        return FactsStore(self.cache, self.decisions, maybeDeferred)

    def files_in(self, folder: Path) -> list[str]:
        return sorted(
            str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()
        )

    def test_on_disk(self) -> None:
        """
        What can be found out again lies in the cache; first-seen times do not.
        """
        self.save({"a.whl": FULL_FACTS})
        self.successResultOf(self.store.save_metadata(DEMO, "a.whl", b"a"))
        self.assertEqual([], self.files_in(self.decisions))
        expected = ["facts/demo.json", "metadata/demo/a.whl.metadata"]
        self.assertEqual(expected, self.files_in(self.cache))
        self.successResultOf(self.store.add_first_seen(DEMO, {"a.whl": {"1": 2.0}}))
        self.assertEqual(["first-seen/demo.json"], self.files_in(self.decisions))
        self.assertEqual(expected, self.files_in(self.cache))

    def test_names_seen(self) -> None:
        """
        It can be told which projects have private files, or had some, those first that
        got some last.
        """
        self.assertEqual([], names_seen(self.decisions))
        for at, name in enumerate(("a", "b.c", "demo")):
            project = NormalizedName(name)
            self.successResultOf(
                self.store.add_first_seen(project, {"a.whl": {"1": 2.0}})
            )
            os.utime(self.decisions / "first-seen" / f"{name}.json", (at, at))
        for other in ("demo.json.damaged", ".x.tmp", ".json"):
            (self.decisions / "first-seen" / other).touch()
        self.assertEqual(["demo", "b.c", "a"], names_seen(self.decisions))

    def test_later_changes(self) -> None:
        """
        What is added is what was handed over, whatever becomes of it in the thread's
        time.
        """
        waiting: list[Any] = []

        def later(*arguments: Any) -> Any:
            waiting.append(arguments)
            return maybeDeferred(lambda: None)

        seen = {"a": {"1": 2.0}}
        FactsStore(self.cache, self.decisions, later).add_first_seen(DEMO, seen)
        seen["a"].clear()
        for function, *arguments in waiting:
            function(*arguments)
        times = self.successResultOf(self.store.load_first_seen(DEMO))
        self.assertEqual({"a": {"1": 2.0}}, times)

    def test_many_at_once(self) -> None:
        """
        Of changes that many make at once, each on its own, none is lost.
        """
        numbers = range(40)

        def change(number: int) -> None:
            store = FactsStore(self.cache, self.decisions, maybeDeferred)
            facts = {f"{number}.zip": BARE_FACTS}
            store.change_facts(DEMO, lambda kept: {**kept, **facts})
            store.add_first_seen(DEMO, {f"{number}.zip": {"1": 2.0}})

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(change, numbers))
        expected = {f"{number}.zip" for number in numbers}
        facts = self.successResultOf(self.store.load_facts(DEMO))
        self.assertEqual(expected, set(facts))
        seen = self.successResultOf(self.store.load_first_seen(DEMO))
        self.assertEqual(expected, set(seen))
        self.assertEqual(["facts/demo.json"], self.files_in(self.cache))

    def test_no_locks(self) -> None:
        """
        On a volume that knows no locks of that kind it is kept as well.
        """
        self.patch(fcntl, "flock", fail)
        self.save({"a": FULL_FACTS})
        loaded = self.successResultOf(self.store.load_facts(DEMO))
        self.assertEqual({"a": FULL_FACTS}, loaded)

    def test_damaged_facts(self) -> None:
        """
        Damaged facts are none, and may be written anew.
        """
        whole = self.whole_facts()
        cases = {
            **DAMAGED,
            "cut": whole[:-2],
            "other format": self.changed(whole, b'"format":1', b'"format":2'),
            "no sha256": self.changed(whole, b'"sha256"', b'"sha255"'),
            "no time": self.changed(whole, b'"seen_at":1700000000.25', b'"seen_at":-1'),
            "wild time": self.changed(whole, b'"seen_at":1', b'"seen_at":10000'),
            "wild upload": self.changed(
                whole, b'"uploaded_at":1', b'"uploaded_at":10000'
            ),
        }
        for case, content in cases.items():
            (self.cache / "facts" / "demo.json").write_bytes(content)
            loaded = self.successResultOf(self.store.load_facts(DEMO))
            self.assertEqual({}, loaded, case)
            self.assertEqual({}, sound_facts(self.cache, DEMO), case)
            self.save({"b": BARE_FACTS})
            loaded = self.successResultOf(self.store.load_facts(DEMO))
            self.assertEqual({"b": BARE_FACTS}, loaded, case)
            self.assertEqual(loaded, sound_facts(self.cache, DEMO), case)

    def test_damaged_first_seen(self) -> None:
        """
        Damaged times are none; what is left of them is set aside, never written over.
        """
        self.successResultOf(self.store.add_first_seen(DEMO, {"a": {"1": 2.0}}))
        path = self.decisions / "first-seen" / "demo.json"
        whole = path.read_bytes()
        cases = {
            **DAMAGED,
            "cut": whole[:-2],
            "no time": self.changed(whole, b"2.0", b"-1"),
            "wild time": self.changed(whole, b"2.0", b"1e18"),
        }
        for case, content in cases.items():
            path.write_bytes(content)
            loaded = self.successResultOf(self.store.load_first_seen(DEMO))
            self.assertEqual({}, loaded, case)
            self.successResultOf(self.store.add_first_seen(DEMO, {"b": {"1": 3.0}}))
            aside = path.with_name("demo.json.damaged")
            self.assertEqual(content, aside.read_bytes(), case)

    def test_all_or_nothing(self) -> None:
        """
        If the last step fails, what was there before is still there, and nothing else.
        """
        save_all = (
            lambda: self.store.change_facts(DEMO, lambda _: {"b": BARE_FACTS}),
            lambda: self.store.save_metadata(DEMO, "a.whl", b"new"),
            lambda: self.store.add_first_seen(DEMO, {"b": {"1": 3.0}}),
        )
        self.save({"a": FULL_FACTS})
        self.successResultOf(self.store.save_metadata(DEMO, "a.whl", b"old"))
        self.successResultOf(self.store.add_first_seen(DEMO, {"a": {"1": 2.0}}))
        before = self.files_in(self.cache), self.files_in(self.decisions)
        self.patch(os, "rename", fail)
        for save in save_all:
            self.failureResultOf(save(), OSError)
        got = self.successResultOf
        self.assertEqual({"a": FULL_FACTS}, got(self.store.load_facts(DEMO)))
        self.assertEqual(b"old", got(self.store.load_metadata(DEMO, "a.whl")))
        self.assertEqual({"a": {"1": 2.0}}, got(self.store.load_first_seen(DEMO)))
        after = self.files_in(self.cache), self.files_in(self.decisions)
        self.assertEqual(before, after)

    def test_durable(self) -> None:
        """
        Times wait for the disk; facts need not.
        """
        synced = note_fsyncs(self)
        self.save({"a": FULL_FACTS})
        self.assertEqual([], synced)
        first_seen = {"a": {"1": 2.0}}
        self.successResultOf(self.store.add_first_seen(DEMO, first_seen))
        self.assertEqual(5, len(synced))  # for three new folders, too
        self.successResultOf(self.store.add_first_seen(DEMO, first_seen))
        self.assertEqual(7, len(synced))

    def whole_facts(self) -> bytes:
        self.save({"a": FULL_FACTS})
        return (self.cache / "facts" / "demo.json").read_bytes()

    def changed(self, whole: bytes, old: bytes, new: bytes) -> bytes:
        changed = whole.replace(old, new)
        self.assertNotEqual(whole, changed)
        return changed
