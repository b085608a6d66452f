"""
Tests for :mod:`proxypypi.auth.users`.
"""

import resource
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.auth.users import UsersFile
from proxypypi.cache.health import Health
from tests.passwords import write_users
from tests.proxy_case import Threads
from tests.test_auth_hashes import KNOWN


class UsersFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.health, self.threads = Clock(), Health(), Threads()
        self.path = write_users(Path(self.mktemp()).absolute(), bob="one")
        self.file = UsersFile(
            "read-auth", self.path, self.health, self.clock, self.threads
        )
        self.file.load()

    def look(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.file.look()))

    def fits(self, name: str, password: str) -> Any:
        checking = self.file.fits(name, password.encode())
        return self.successResultOf(Deferred.fromCoroutine(checking))

    def test_fits(self) -> None:
        """
        A user's own password does, and nobody else's.
        """
        write_users(self.path, bob="one", eve="two")
        self.look()
        for name, password, expected in (
            ("bob", "one", True),
            ("eve", "two", True),
            ("bob", "two", False),
            ("eve", "", False),
            ("Bob", "one", False),
            ("", "", False),
            ("nobody", "one", False),
            ("nobody", "two", False),
        ):
            self.assertIs(expected, self.fits(name, password), (name, password))

    def test_changes(self) -> None:
        """
        A change counts within a second, and costs no more looks than one a second.
        """
        self.look()
        write_users(self.path, eve="two")
        self.threads.calls.clear()
        for _ in range(10):
            self.look()
        self.assertEqual([], self.threads.calls)
        self.assertTrue(self.fits("bob", "one"))
        version = self.file.version
        self.clock.advance(1)
        self.look()
        self.look()
        self.assertEqual(["fits", "_state_of", "_try_to_read"], self.threads.calls)
        self.assertFalse(self.fits("bob", "one"))
        self.assertTrue(self.fits("eve", "two"))
        self.assertNotEqual(version, self.file.version)

    def test_many_wait_for_one_look(self) -> None:
        """
        Those who come while it is looked for a change wait for the same.
        """
        self.threads.hold()
        waiting = [Deferred.fromCoroutine(self.file.look()) for _ in range(3)]
        self.threads.release()
        for each in waiting:
            self.successResultOf(each)
        self.assertEqual(1, self.threads.calls.count("_state_of"))

    def test_silent_disk(self) -> None:
        """
        A disk that does not answer keeps nobody out for long, and health says so until
        it does.
        """
        self.threads.hold("_state_of")
        waiting = Deferred.fromCoroutine(self.file.look())
        self.clock.advance(2)
        self.successResultOf(waiting)
        self.assertTrue(self.fits("bob", "one"))
        self.assertIn("cannot be told", self.health.trouble)
        self.threads.release()
        self.assertEqual("", self.health.trouble)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_goes_bad(self) -> None:
        """
        Who was in it stays, while health says so without telling what the file is, and
        until it is good again.
        """
        for spoil in (
            lambda: self.path.write_text("bob:hunter2"),
            self.path.unlink,
        ):
            spoil()
            self.clock.advance(1)
            self.look()
            self.assertTrue(self.fits("bob", "one"))
            self.assertEqual(
                "--read-auth: it cannot be used, see the log", self.health.trouble
            )
            write_users(self.path, bob="one")
            self.clock.advance(1)
            self.look()
            self.assertEqual("", self.health.trouble)

    def test_bad_from_the_start(self) -> None:
        """
        A worker that starts when the file is bad lets nobody in, until it is good.
        """
        content = self.path.read_text()
        self.path.write_text("bob:hunter2")
        self.file = UsersFile(
            "read-auth", self.path, self.health, self.clock, self.threads
        )
        self.file.load()
        self.assertNotEqual("", self.health.trouble)
        for password in ("one", "hunter2", ""):
            self.assertFalse(self.fits("bob", password))
        self.path.write_text(content)
        self.look()
        self.assertTrue(self.fits("bob", "one"))

    def test_cannot_be_read_for_a_moment(self) -> None:
        """
        It is tried again although the file stays as it is, also by a worker that starts
        meanwhile; the log says so once.
        """
        write_users(self.path, eve="two")
        new = UsersFile("read-auth", self.path, self.health, self.clock, self.threads)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with capturedLogs() as events:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
            try:
                new.load()
                for _ in range(3):
                    self.clock.advance(1)
                    self.look()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            self.assertIn("cannot be used", self.health.trouble)
            self.assertTrue(self.fits("bob", "one"))
            self.clock.advance(1)
            self.look()
        self.assertTrue(self.fits("eve", "two"))
        self.assertEqual("", self.health.trouble)
        told = [event for event in events if event["log_level"] is LogLevel.error]
        self.assertEqual(2, len(told))  # by each
        self.successResultOf(Deferred.fromCoroutine(new.look()))
        self.assertIn("eve", new.users)

    def test_nobody_is_in_it(self) -> None:
        """
        A file that was emptied lets nobody in, and one that was empty is noticed when
        it is filled.
        """
        self.path.write_text("")
        self.clock.advance(1)
        with capturedLogs() as events:
            self.look()
        self.assertIn(LogLevel.warn, [event["log_level"] for event in events])
        self.assertFalse(self.fits("bob", "one"))
        write_users(self.path, eve="two")
        self.clock.advance(1)
        self.look()
        self.assertTrue(self.fits("eve", "two"))

    def test_unknown_users_cost_as_much(self) -> None:
        """
        The slowest kind of password of the file is tried for them.
        """
        write_users(self.path, bob="one")
        with self.path.open("a") as users:
            users.write(f"eve:{KNOWN[0][1]}\nold:{KNOWN[2][1]}\n")
        self.look()
        tried: list[Any] = []

        def in_thread(call: Any, *arguments: Any) -> Any:
            tried.append(call.__self__.text)
            return self.threads(call, *arguments)

        self.patch(self.file, "_in_thread", in_thread)
        self.fits("nobody", "x")
        self.assertEqual([self.file.users["bob"].text], tried)
