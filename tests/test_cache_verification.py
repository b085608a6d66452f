"""
Tests for :mod:`proxypypi.cache.verification`.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from proxypypi.cache.verification import Verification
from proxypypi.model import Change, Doubt, Finding, Grade
from proxypypi.names import normalize
from proxypypi.store.claims import ClaimStore
from proxypypi.store.directory import look_around
from proxypypi.store.mending import Fault
from tests.distributions import BuiltDistribution, make_wheel, renamed
from tests.stock_case import INDEX, SEEN_AT, StockTestCase

DEMO = normalize("demo")
MODULE = sys.modules["proxypypi.cache.verification"]


def rotten(built: BuiltDistribution) -> BuiltDistribution:
    """
    The same, but for one bit.
    """
    content = bytearray(built.content)
    content[len(content) // 2] ^= 0x10
    return evolve(built, content=bytes(content))


class VerificationTests(StockTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.told: list[tuple[int, int]] = []
        self.slept: list[float] = []
        self.asked = {INDEX}
        self.now = time.time() + 10.0
        self.meanwhile: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.meanwhile()

    def verification(self) -> Verification:
        return Verification(
            self.directory,
            dict(look_around(self.directory)),
            lambda _: self.asked,
            lambda done, planned: self.told.append((done, planned)),
            lambda: self.now,
            self.sleep,
        )

    def faults(self) -> Sequence[Fault]:
        return list(self.verification().faults())

    def findings(self) -> Sequence[Finding]:
        return [fault.finding for fault in self.faults()]

    def fault(self) -> Fault:
        (fault,) = self.faults()
        return fault

    def rot(self, built: BuiltDistribution, folder: str, **more: Any) -> Path:
        """
        Have the bytes of a cached file change, and nothing else about it.
        """
        path = self.put(folder, rotten(built))
        self.remember(built, **more)
        return path

    def test_sound(self) -> None:
        """
        Files that are what they were are no fault; all of them are read.
        """
        self.remember(self.wheel, self.sdist)
        verification = self.verification()
        self.assertEqual([], list(verification.faults()))
        size = sum(len(b.content) for b in (self.wheel, self.sdist, self.second))
        self.assertEqual((3, size), (verification.count, verification.size))
        self.assertEqual((size, size), self.told[-1])
        self.assertEqual(self.told, sorted(self.told))
        self.assertEqual([], self.slept)

    def test_rot(self) -> None:
        """
        A cached file whose bytes have changed is found, though all that the directory
        tells of it is as it was; it can go if its index has it.
        """
        path = self.rot(self.sdist, "demo")
        self.keep_page(self.wheel, self.sdist)
        fault = self.fault()
        found = fault.finding
        self.assertEqual(Grade.ERROR, found.grade)
        self.assertEqual(f"demo/{self.sdist.filename}", found.subject)
        self.assertIn("its bytes are not what they were", found.what)
        self.assertIn("--repair", found.advice)
        assert fault.mend is not None
        self.assertTrue(fault.mend())
        self.assertFalse(path.exists())
        self.assertEqual([], self.faults())

    def test_not_to_be_had_again(self) -> None:
        """
        One that no index is known to have stays, whatever is wrong with it.
        """
        self.rot(self.sdist, "demo")
        gone = Doubt(change=Change.GONE, since=SEEN_AT, believed=True)

        def claim() -> None:
            self.keep_page(self.sdist)
            ClaimStore.of(self.directory).claim(DEMO, 1.0, "why")

        for case, change in (
            ("no page", lambda: None),
            ("not listed", lambda: self.keep_page(self.wheel)),
            ("another is listed", lambda: self.keep_page(self.sdist, sha256="5f" * 32)),
            ("gone", lambda: self.keep_page(self.sdist, doubt=gone)),
            ("claimed", claim),
        ):
            change()
            fault = self.fault()
            self.assertIsNone(fault.mend, case)
            self.assertIn("no index is known to have it", fault.finding.advice, case)

    def test_nobody_is_asked(self) -> None:
        """
        So does one of a project that its index is not asked about.
        """
        self.rot(self.sdist, "demo")
        self.keep_page(self.sdist)
        for asked in (set(), {"https://another.example/simple/"}):
            self.asked = asked
            self.assertIsNone(self.fault().mend)

    def test_removed_upstream(self) -> None:
        """
        So does one that a refresh has missed.
        """
        self.rot(self.sdist, "demo", missed_at=SEEN_AT)
        self.keep_page(self.sdist)
        self.assertIsNone(self.fault().mend)

    def test_private(self) -> None:
        """
        A private file that has changed is told, and never goes.
        """
        self.rot(self.sdist, "demo", origin=None)
        fault = self.fault()
        self.assertIsNone(fault.mend)
        self.assertIn("when it was put here", fault.finding.what)

    def test_broken_archives(self) -> None:
        """
        Of files that no index vouches for it is tried whether they can be unpacked.
        """
        cut = self.sdist.content[:-20]
        self.put("demo", evolve(self.sdist, content=cut))
        (found,) = self.findings()
        self.assertEqual(Grade.ERROR, found.grade)
        self.assertIn("it cannot be unpacked: ", found.what)

    def test_odd_archives(self) -> None:
        """
        A private file that nobody could upload is worth knowing.
        """
        self.put("demo", evolve(self.sdist, filename="demo-3.0.zip",
                                content=b"PK\x05\x06" + bytes(18)))  # fmt: skip
        (found,) = self.findings()
        self.assertEqual(Grade.WARNING, found.grade)
        self.assertIn("PKG-INFO", found.what)

    def test_what_an_index_gives(self) -> None:
        """
        What is as its index lists it is not unpacked, nor is what Python cannot.
        """
        odd = renamed("demo-3.0.zip", "demo", b"no zip at all")
        self.put("demo", odd)
        self.keep_page(odd)
        for filename in ("demo-4.0.exe", "demo-4.0.tar.Z", "demo-4.0.tar.lz"):
            self.put("demo", renamed(filename, "demo"))
        self.assertEqual([], self.faults())

    def test_unreadable(self) -> None:
        """
        What the disk does not give is an error, with the reason.
        """
        digest_file = MODULE.digest_file

        def fail(file: Any, *rest: Any) -> Any:
            if file.filename == self.wheel.filename:
                raise OSError(5, "Input/output error")
            return digest_file(file, *rest)

        self.patch(MODULE, "digest_file", fail)
        (found,) = self.findings()
        self.assertEqual(self.wheel.filename, found.subject)
        self.assertEqual("it cannot be read: Input/output error", found.what)

    def test_being_written(self) -> None:
        """
        A file that is being written is looked at again once it has settled.
        """
        path = self.put("demo", evolve(self.sdist, content=b"half"))
        self.now = path.stat().st_ctime + 0.1

        def finish() -> None:
            path.write_bytes(self.sdist.content)
            self.now = time.time() + 10.0

        self.meanwhile = finish
        self.assertEqual([], self.faults())
        self.assertEqual(1, len(self.slept))

    def test_changed_while_read(self) -> None:
        """
        So is one that changes while it is read.
        """
        digest_file, reads = MODULE.digest_file, []

        def change(file: Any, *rest: Any) -> Any:
            reads.append(file.filename)
            if reads.count(file.filename) < 3:
                return None
            return digest_file(file, *rest)

        self.patch(MODULE, "digest_file", change)
        self.assertEqual([], self.faults())
        self.assertEqual(3, reads.count(self.wheel.filename))

    def test_never_settled(self) -> None:
        """
        One that never comes to rest is told, as nothing can be said of it.
        """
        self.patch(MODULE, "digest_file", lambda *_: None)
        found = self.findings()
        self.assertEqual(3, len(found))
        self.assertEqual({Grade.WARNING}, {each.grade for each in found})
        self.assertIn("it is being written", found[0].what)
        self.assertLess(sum(self.slept), 3 * 3.0)

    def test_known_meanwhile(self) -> None:
        """
        A file that a server has just replaced, with what it knows of it, is sound.
        """
        path = self.rot(self.sdist, "demo")
        digest_file = MODULE.digest_file

        def replace(file: Any, *rest: Any) -> Any:
            digests = digest_file(file, *rest)
            if file.path == str(path):
                self.put("demo", self.sdist)
                self.remember(self.sdist)
            return digests

        self.patch(MODULE, "digest_file", replace)
        self.assertEqual([], self.faults())

    def test_gone_meanwhile(self) -> None:
        """
        One that went is no fault.
        """
        verification = self.verification()
        (self.directory / self.wheel.filename).unlink()
        self.assertEqual([], list(verification.faults()))

    def test_many(self) -> None:
        """
        The faults of many files come in the order of the files.
        """
        for n in range(100):
            built = make_wheel("many", f"{n:03}.0")
            self.put("many", rotten(built))
            self.remember(built)
        subjects = [found.subject for found in self.findings()]
        self.assertEqual(100, len(subjects))
        self.assertEqual(sorted(subjects), subjects)

    def test_nothing_written(self) -> None:
        """
        To look changes nothing.
        """
        before = {p: os.stat(p).st_mtime_ns for p in self.directory.rglob("*")}
        self.faults()
        after = {p: os.stat(p).st_mtime_ns for p in self.directory.rglob("*")}
        self.assertEqual(before, after)
