"""
Tests for :mod:`proxypypi.auth.accounts`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.auth.accounts import Accounts
from proxypypi.cache.health import Health
from proxypypi.errors import NotAuthenticated
from proxypypi.events import UNHEARD
from proxypypi.model import User
from proxypypi.settings import Settings, UserSettings
from proxypypi.store.tokens import Token, TokenStore
from tests.passwords import basic, write_users
from tests.proxy_case import Threads


class AccountsTestCase(SynchronousTestCase):
    """
    ``bob`` may upload and ``eve`` may read.
    """

    def setUp(self) -> None:
        self.clock, self.threads = Clock(), Threads()
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.tokens = TokenStore.of(self.directory)
        self.uploaders = write_users(self.directory / "up", bob="one")
        self.readers = write_users(self.directory / "read", eve="two")
        self.open()

    def open(self, **more: Any) -> None:
        files = {"upload_auth": self.uploaders, "read_auth": self.readers}
        settings = Settings(directory=self.directory, **{**files, **more})
        self.accounts = Accounts.of(
            settings, Health(), UNHEARD, self.clock, self.threads
        )

    def start(self, *said: str, client: str = "192.0.2.1") -> "Deferred[User]":
        headers = [each.encode() for each in said]
        return Deferred.fromCoroutine(self.accounts.log_in(headers, client))

    def log_in(self, *said: str) -> User:
        return self.successResultOf(self.start(*said))

    def is_refused(self, *said: str) -> bool:
        """
        Is it so, once whoever is made to wait has waited?
        """
        answer: Deferred[bool] = self.start(*said).addCallbacks(
            lambda _: False, lambda failure: bool(failure.check(NotAuthenticated))
        )
        self.clock.advance(4)
        return self.successResultOf(answer)

    def checked(self) -> int:
        """
        How many passwords were, so far.
        """
        return self.threads.calls.count("fits")

    def create(self, **more: Any) -> str:
        facts = {"name": "ci", "may_upload": True, "created_at": 0.0, **more}
        return basic("__token__", self.tokens.add(Token(**facts)))


class PasswordTests(AccountsTestCase):
    def test_rights(self) -> None:
        """
        They are those of the files that know user and password.
        """
        self.assertEqual(
            User(name="bob", may_read=True, may_upload=True, may_administer=True),
            self.log_in(basic("bob", "one")),
        )
        self.assertEqual(
            User(name="eve", may_read=True), self.log_in(basic("eve", "two"))
        )
        for name, password in (("bob", "two"), ("eve", "one"), ("x", "one"), ("", "")):
            self.assertTrue(self.is_refused(basic(name, password)), name)
        self.assertTrue(self.is_refused())
        self.assertTrue(self.is_refused("Basic nonsense"))

    def test_projects(self) -> None:
        """
        Those that the table gives a user are the user's.
        """
        self.open(users=(UserSettings(name="bob", projects=("acme-*",)),))
        self.assertEqual(("acme-*",), self.log_in(basic("bob", "one")).projects)

    def test_remembered(self) -> None:
        """
        Who installs forty packages has the password checked once, also if all is asked
        for at the same moment.
        """
        self.threads.hold("fits")
        waiting = [self.start(basic("bob", "one")) for _ in range(40)]
        self.threads.release()
        for each in waiting:
            self.assertEqual("bob", self.successResultOf(each).name)
        for _ in range(40):
            self.clock.advance(1)
            self.log_in(basic("bob", "one"))
        self.assertEqual(2, self.checked())  # by two files

    def test_changed(self) -> None:
        """
        Who is no longer in the file, or there with another password, is out after a
        second.
        """
        self.log_in(basic("bob", "one"))
        self.log_in(basic("eve", "two"))
        write_users(self.uploaders, bob="three")
        write_users(self.readers, fay="four")
        self.clock.advance(1)
        self.assertTrue(self.is_refused(basic("bob", "one")))
        self.assertTrue(self.is_refused(basic("eve", "two")))
        self.log_in(basic("bob", "three"))
        self.log_in(basic("fay", "four"))

    def test_changes_while_it_is_checked(self) -> None:
        """
        What was found out by an older file is not remembered for the newer one.
        """
        self.threads.hold("fits")
        first = self.start(basic("bob", "one"))
        write_users(self.uploaders, bob="three")
        self.clock.advance(1)
        self.start().addErrback(lambda _: None)  # somebody else has the file read
        self.threads.release()
        self.successResultOf(first)
        self.clock.advance(1)
        self.assertTrue(self.is_refused(basic("bob", "one")))


class FailureTests(AccountsTestCase):
    def test_later_each_time(self) -> None:
        """
        The answer to a wrong password comes late, and the next one later; that to a
        right one does not.
        """
        for late in (0.25, 0.5, 1.0):
            waiting = self.start(basic("bob", "x"))
            self.clock.advance(late - 0.01)
            self.assertNoResult(waiting)
            self.clock.advance(0.01)
            self.failureResultOf(waiting, NotAuthenticated)
        self.log_in(basic("bob", "one"))

    def test_gone_before_the_answer(self) -> None:
        """
        A client that goes away leaves nothing that waits.
        """
        waiting = self.start(basic("bob", "x"))
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_nothing_said(self) -> None:
        """
        Who says nothing has not failed, and does not wait.
        """
        self.failureResultOf(self.start(), NotAuthenticated)
        self.assertEqual(0, self.accounts.failures.count)

    def log_of(self, act: Callable[[], object]) -> str:
        with capturedLogs() as events:
            act()
        return "\n".join(map(formatEvent, events))

    def test_logged(self) -> None:
        """
        The log says who tried, unless that may be a secret at the wrong place, and
        never with what.
        """
        said = self.log_of(lambda: self.is_refused(basic("bob", "hunter2")))
        self.assertIn("a log-in from 192.0.2.1 failed, as 'bob'; 1 have", said)
        self.assertNotIn("hunter2", said)
        for header in (
            basic("hunter2", ""),
            basic("__token__", "hunter2"),
            "Bearer hunter2",
            basic("hunter2", "hunter2"),
        ):
            said = self.log_of(partial(self.is_refused, header))
            self.assertIn("failed, as somebody unknown", said)
            self.assertNotIn("hunter2", said)
        self.assertEqual(5, self.accounts.failures.count)
