"""
Tests for :mod:`proxypypi.auth.accounts`, and for the checkers it asks.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.auth.accounts import Accounts
from proxypypi.auth.checkers import PasswordChecker, TokenChecker
from proxypypi.cache.health import Health
from proxypypi.errors import NotAuthenticated, TooManyLogIns
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
        self.accounts = Accounts.of(settings, Health(), self.clock, self.threads)

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

    def test_one_file_for_both(self) -> None:
        """
        It is looked into once.
        """
        self.open(read_auth=self.uploaders)
        self.assertTrue(self.log_in(basic("bob", "one")).may_upload)
        self.assertEqual(1, self.checked())

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

    def test_few_at_once(self) -> None:
        """
        Two passwords are checked at a time, and what is too much to wait is told.
        """
        self.threads.hold("fits")
        waiting = [self.start(basic("bob", str(i))) for i in range(200)]
        self.assertEqual(2, self.checked())
        refused = [each for each in waiting if each.called]
        for each in refused:
            self.failureResultOf(each, TooManyLogIns)
        self.assertEqual(200 - 2 - 100, len(refused))
        self.threads.release()
        for each in waiting:
            each.addErrback(lambda _: None)
        self.clock.advance(4)
        self.assertEqual(102 * 2, self.checked())

    def test_interfaces(self) -> None:
        """
        Checkers are what twisted.cred takes for such.
        """
        verifyObject(ICredentialsChecker, PasswordChecker([]))
        verifyObject(
            ICredentialsChecker,
            TokenChecker([], self.tokens, self.clock, self.threads),
        )


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


class TokenTests(AccountsTestCase):
    def test_ways(self) -> None:
        """
        A token is a password, or stands alone.
        """
        header = self.create()
        secret = self.tokens.add(Token(name="x", created_at=0.0))
        self.assertTrue(self.log_in(header).may_upload)
        self.assertFalse(self.log_in(f"Bearer {secret}").may_upload)
        self.assertTrue(self.log_in(f"Bearer {secret}").may_read)
        self.assertTrue(self.is_refused(basic("bob", secret)))
        self.assertTrue(self.is_refused(basic("__token__", secret[:-1])))

    def test_revoked(self) -> None:
        """
        It is good for nothing a second later.
        """
        header = self.create()
        self.log_in(header)
        self.tokens.revoke("ci")
        self.clock.advance(1)
        self.assertTrue(self.is_refused(header))

    def test_expired(self) -> None:
        """
        So is one whose time has come.
        """
        header = self.create(expires_at=5.0)
        self.log_in(header)
        self.clock.advance(5)
        self.assertTrue(self.is_refused(header))

    def test_of_a_user(self) -> None:
        """
        It may do what its user may, as long as there is that user.
        """
        header = self.create(name="a", user="bob")
        self.assertTrue(self.log_in(header).may_upload)
        self.assertFalse(self.log_in(self.create(name="b", user="eve")).may_upload)
        self.assertTrue(self.is_refused(self.create(name="c", user="nobody")))
        write_users(self.uploaders, fay="x")
        self.clock.advance(1)
        self.assertTrue(self.is_refused(header))

    def test_damaged(self) -> None:
        """
        A damaged one grants nothing, and the log says why.
        """
        header = self.create()
        for path in (self.directory / ".proxypypi/decisions/tokens").iterdir():
            path.write_bytes(b'{"may_upload": true}')
        with capturedLogs() as events:
            self.assertTrue(self.is_refused(header))
        said = "\n".join(map(formatEvent, events))
        self.assertIn(f"a token is of no use, {path} is damaged", said)
