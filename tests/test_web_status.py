"""
Tests for :mod:`proxypypi.web.status`.
"""

from typing import Any

from tests.passwords import write_users
from tests.proxy_case import ProxyTestCase


class StatusTests(ProxyTestCase):
    def test_all_is_well(self) -> None:
        """
        Both routes say so in a word, to be asked for anew each time, and are no part of
        what is cached.
        """
        for path in ("/-/health", "/-/ready"):
            answer = self.get(path)
            self.assertEqual((200, b"ok\n"), (answer.code, answer.body), path)
            self.assertEqual("text/plain; charset=utf-8", answer.header("Content-Type"))
            self.assertEqual("no-store", answer.header("Cache-Control"), path)
            self.assertIsNone(answer.header("Cache-Status"), path)

    def test_trouble_upstream(self) -> None:
        """
        Health stays 200, and says what is wrong until upstream answers again; we are
        ready all the same.
        """
        self.index.add_project("attrs")
        self.index.down = True
        self.start("/simple/attrs/")
        self.advance_slowly(5)
        answer = self.get("/-/health")
        self.assertEqual(200, answer.code)
        self.assertRegex(answer.body, rb"^degraded: .*503.*\n$")
        self.assertEqual(200, self.get("/-/ready").code)
        self.index.heal()
        self.get("/simple/attrs/")
        self.assertEqual(b"ok\n", self.get("/-/health").body)

    def test_a_missing_project_is_no_trouble(self) -> None:
        """
        Upstream that answers 404 is well.
        """
        self.index.down = True
        self.start("/simple/attrs/")
        self.advance_slowly(5)
        self.index.heal()
        self.assertEqual(404, self.get("/simple/attrs/").code)
        self.assertEqual(b"ok\n", self.get("/-/health").body)

    def test_users_are_gone(self) -> None:
        """
        That a file of users cannot be used is told also while nobody logs in.
        """
        users = write_users(self.directory.with_suffix(".read"), eve="two")
        options: list[dict[str, Any]] = [{"read_auth": users}, {"upload_auth": users}]
        for option in options:
            self.start_proxy(**option)
            self.assertEqual(b"ok\n", self.get("/-/health").body)
            users.unlink()
            self.advance(1)
            self.assertRegex(self.get("/-/health").body, b"^degraded: .*-auth: ")
            write_users(users, eve="two")
            self.advance(1)
            self.assertEqual(b"ok\n", self.get("/-/health").body)

    def test_silent_disk(self) -> None:
        """
        If the disk of such files keeps silent, health says so after two seconds.
        """
        users = write_users(self.directory.with_suffix(".read"), eve="two")
        self.start_proxy(read_auth=users, upload_auth=users)
        self.threads.hold("_state_of")
        waiting = self.start("/-/health")
        self.advance(2)
        self.assertRegex(waiting.body, b"^degraded: .*cannot be told")
        self.threads.release()

    def test_stopping(self) -> None:
        """
        While running transfers may finish, we are not ready for more.
        """
        self.proxy.faces.stopping = True
        answer = self.get("/-/ready")
        self.assertEqual((503, b"stopping\n"), (answer.code, answer.body))
        answer = self.get("/-/health")
        self.assertEqual((200, b"degraded: stopping\n"), (answer.code, answer.body))

    def test_nothing_else(self) -> None:
        """
        Other addresses below are nobody's.
        """
        for path in ("/-/", "/-/other", "/-"):
            self.assertEqual(404, self.get(path).code, path)
        self.assertEqual(405, self.get("/-/health", "POST").code)
