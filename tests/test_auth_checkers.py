"""
Tests for :mod:`proxypypi.auth.checkers`.
"""

from twisted.cred.checkers import ICredentialsChecker
from twisted.logger import capturedLogs, formatEvent
from zope.interface.verify import verifyObject

from proxypypi.auth.checkers import PasswordChecker, TokenChecker
from proxypypi.errors import TooManyLogIns
from proxypypi.store.tokens import Token
from tests.passwords import basic, write_users
from tests.test_auth_accounts import AccountsTestCase


class PasswordTests(AccountsTestCase):
    def test_interfaces(self) -> None:
        """
        Checkers are what twisted.cred takes for such.
        """
        verifyObject(ICredentialsChecker, PasswordChecker([]))
        verifyObject(
            ICredentialsChecker,
            TokenChecker([], self.tokens, self.clock, self.threads),
        )

    def test_one_file_for_both(self) -> None:
        """
        It is looked into once.
        """
        self.open(read_auth=self.uploaders)
        self.assertTrue(self.log_in(basic("bob", "one")).may_upload)
        self.assertEqual(1, self.checked())

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

    def test_others_are_not_kept(self) -> None:
        """
        Who tries many passwords keeps nobody out who comes from elsewhere.
        """
        self.threads.hold("fits")
        for i in range(200):
            self.start(basic("bob", str(i))).addErrback(lambda _: None)
        other = self.start(basic("bob", "one"), client="192.0.2.2")
        self.assertNoResult(other)
        self.threads.release()
        self.assertTrue(self.successResultOf(other).may_upload)

    def guess(self, name: str, client: str = "192.0.2.1") -> None:
        self.start(basic(name, "x"), client=client).addErrback(lambda _: None)

    def checked_before(self, *said: str, client: str = "192.0.2.1") -> int:
        """
        How many passwords are, of those that wait, until this right one has been.
        """
        before = self.checked()
        waiting = self.start(*said, client=client)
        while not waiting.called:
            self.threads.step()
        self.successResultOf(waiting)
        checked = self.checked() - before
        self.threads.release()
        return checked

    def test_same_network(self) -> None:
        """
        Who has an IPv6 network tries as many passwords at a time from all of it as
        others do from one address.
        """
        self.threads.hold("fits")
        for i in range(100):
            self.guess(f"{i}", f"2001:db8:1:1::{i:x}")
        other = "2001:db8:1:2::1"
        self.assertLess(self.checked_before(basic("eve", "two"), client=other), 10)

    def test_same_address(self) -> None:
        """
        Who tries a user's password again and again does not keep other users waiting
        who come from the same address, as all do behind a web server.
        """
        self.threads.hold("fits")
        for i in range(100):
            self.start(basic("bob", f"{i}")).addErrback(lambda _: None)
        self.assertLess(self.checked_before(basic("eve", "two")), 10)

    def test_remembered(self) -> None:
        """
        Who has logged in lately does not wait at all.
        """
        self.log_in(basic("eve", "two"))
        self.threads.hold("fits")
        for i in range(102):
            self.guess(f"{i}")
        self.assertEqual("eve", self.log_in(basic("eve", "two")).name)

    def test_right_before(self) -> None:
        """
        Who has logged in earlier, or before the users changed, does not wait behind
        many from the same address.
        """
        self.log_in(basic("eve", "two"))
        write_users(self.readers, eve="two", fay="four")
        for seconds in (1, 601):
            self.clock.advance(seconds)
            self.threads.hold("fits")
            for i in range(102):
                self.guess(f"{i}")
            self.assertLess(self.checked_before(basic("eve", "two")), 10, seconds)

    def test_waited_too_long(self) -> None:
        """
        Who has waited for ten seconds is told so.
        """
        self.threads.hold("fits")
        for i in range(2):
            self.guess(f"{i}")
        waiting = self.start(basic("bob", "one"))
        self.clock.advance(9.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.1)
        self.failureResultOf(waiting, TooManyLogIns)


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
