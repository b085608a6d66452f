"""
Tests for :mod:`proxypypi.cache.health`: what goes wrong is said until it goes right.
"""

import errno
import shutil
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.health import Health
from tests.distributions import make_sdist, make_wheel
from tests.proxy_case import ProxyTestCase


class TroubleIsSaidUntilItIsOverTests(SynchronousTestCase):
    def test_none(self) -> None:
        """
        There is nothing to say at first, and mending what is whole says nothing.
        """
        health = Health()
        health.mend("disk")
        self.assertEqual("", health.trouble)

    def test_subjects(self) -> None:
        """
        Every subject has its own trouble, the latest; one ends without the other.
        """
        health = Health()
        health.worsen("upstream", "it is silent")
        health.worsen("disk", "it is full")
        health.worsen("upstream", "it is down")
        self.assertEqual("it is down; it is full", health.trouble)
        self.assertEqual(["it is down", "it is full"], list(health.troubles))
        health.mend("upstream")
        self.assertEqual("it is full", health.trouble)
        health.mend("disk")
        self.assertEqual("", health.trouble)


class SavingIsNotWorthFailingForTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.health = Health()
        self.saved: list[tuple[Any, ...]] = []

    def keep(self, result: "Deferred[None]") -> "Deferred[None]":
        def save(*arguments: Any) -> "Deferred[None]":
            self.saved.append(arguments)
            return result

        keeping = self.health.keeping("the page of demo", save, "demo", 5)
        return Deferred.fromCoroutine(keeping)

    def test_saved(self) -> None:
        """
        What is to be saved is handed on, and its end is waited for.
        """
        saving: Deferred[None] = Deferred()
        kept = self.keep(saving)
        self.assertNoResult(kept)
        saving.callback(None)
        self.successResultOf(kept)
        self.assertEqual([("demo", 5)], self.saved)
        self.assertEqual("", self.health.trouble)

    def test_no_room(self) -> None:
        """
        If the disk does not take it, that is said, by name and reason, and no more.
        """
        for error, reason in (
            (OSError(errno.ENOSPC, "No space left on device"), "No space left"),
            (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
            (OSError("odd"), "odd"),
        ):
            self.successResultOf(self.keep(fail(error)))
            self.assertIn("the page of demo", self.health.trouble)
            self.assertIn(reason, self.health.trouble)

    def test_mends(self) -> None:
        """
        The next that is saved ends it.
        """
        self.successResultOf(self.keep(fail(OSError(errno.ENOSPC, "full"))))
        self.successResultOf(self.keep(succeed(None)))
        self.assertEqual("", self.health.trouble)

    def test_defects(self) -> None:
        """
        What is no fault of the disk is not hidden.
        """
        self.failureResultOf(self.keep(fail(ValueError("a defect"))), ValueError)
        self.assertEqual("", self.health.trouble)


class AnswersOutliveAFullDiskTests(ProxyTestCase):
    """
    With files where the proxy's own folders should be, nothing of its state can be
    written.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", "1.0", requires_python=">=3.9")
        self.index.add(self.wheel)
        self.own = self.directory / ".proxypypi"
        self.folders = [
            self.own / "cache" / "pages",
            self.own / "cache" / "facts",
            self.own / "cache" / "metadata",
            self.own / "decisions" / "first-seen",
        ]

    def fill(self, *folders: Path) -> None:
        for folder in folders or self.folders:
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.write_bytes(b"")

    def make_room(self) -> None:
        for folder in self.folders:
            if folder.is_file():
                folder.unlink()

    def health(self) -> str:
        answer = self.get("/-/health")
        self.assertEqual(200, answer.code)
        return answer.body.decode().strip()

    def test_pages(self) -> None:
        """
        Pages are served, by upstream and by memory, and health says what is wrong.
        """
        self.fill()
        for status in ("fwd=miss; stored", "hit"):
            answer = self.get("/simple/demo/")
            self.assertEqual(200, answer.code)
            self.assertEqual(f"proxypypi; {status}", answer.header("Cache-Status"))
        self.assertRegex(self.health(), r"^degraded: the page of demo cannot be kept: ")

    def test_confirmed_pages(self) -> None:
        """
        So are those that upstream confirms.
        """
        self.get("/simple/demo/")
        self.fill()
        self.advance(901)
        answer = self.get("/simple/demo/")
        self.assertEqual(200, answer.code)
        self.assertIn("fwd-status=304", str(answer.header("Cache-Status")))
        self.assertRegex(self.health(), "^degraded: ")

    def test_private_files(self) -> None:
        """
        Private files are listed with all that is known of them, and served.
        """
        self.fill()
        private = make_wheel("own", "2.0", requires_python=">=3.8")
        self.drop(private)
        for route in ("simple", "local"):
            entry = self.files("own", route)[private.filename]
            self.assertEqual({"sha256": private.sha256}, entry["hashes"])
            self.assertEqual(">=3.8", entry["requires-python"])
            self.assertIn("upload-time", entry)
        url = f"/files/own/{private.filename}"
        self.assertEqual(private.content, self.get(url).body)
        self.assertEqual(private.metadata, self.get(f"{url}.metadata").body)
        self.assertRegex(self.health(), "^degraded: ")

    def test_cached_files(self) -> None:
        """
        A file whose bytes find room is fetched, kept and served, though not what is
        known of it; so is core metadata.
        """
        sdist = make_sdist("demo", "1.0")
        self.index.add(sdist, core_metadata=True)
        self.fill()
        for built in (self.wheel, sdist):
            url = f"/files/demo/{built.filename}"
            for _ in range(2):
                self.assertEqual(built.content, self.get(url).body)
                self.assertEqual(built.metadata, self.get(f"{url}.metadata").body)
        self.assertEqual(
            sorted(f"demo/{b.filename}" for b in (self.wheel, sdist)), self.kept()
        )

    def test_mends(self) -> None:
        """
        Health is well again after the first that could be kept, which then outlives
        a restart.
        """
        self.fill()
        self.get("/simple/demo/")
        self.assertRegex(self.health(), "^degraded: ")
        self.make_room()
        self.index.add(make_wheel("other"))
        self.get("/simple/other/")
        self.assertEqual("ok", self.health())
        self.index.down = True
        self.start_proxy()
        self.assertEqual(200, self.get("/simple/other/").code)
