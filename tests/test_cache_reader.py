"""
Tests for :mod:`proxypypi.cache.reader`, over HTTP: files that are new here.
"""

import os
import shutil

from proxypypi.rules.merge import iso
from tests.distributions import make_wheel, renamed
from tests.proxy_case import ProxyTestCase


class OnceTests(ProxyTestCase):
    def reads(self) -> int:
        """
        How often a file was read from end to end.
        """
        return self.threads.calls.count("examine")

    def test_read_once(self) -> None:
        """
        A file is read once, however often it is asked for, and not again after a
        restart.
        """
        self.drop(make_wheel("ours"))
        for restart in (False, True):
            if restart:
                self.start_proxy()
            for _ in range(3):
                self.files("ours")
                self.get("/files/ours/ours-1.0-py3-none-any.whl")
                self.advance(5)
        self.assertEqual(1, self.reads())

    def test_many_at_once(self) -> None:
        """
        Clients who want it while it is read wait for the same reading.
        """
        self.drop(make_wheel("ours"))
        self.threads.hold("examine")
        answers = [self.start("/local/ours/") for _ in range(3)]
        self.assertEqual([None] * 3, [answer.code for answer in answers])
        self.threads.release()
        self.flush()
        self.assertEqual([200] * 3, [answer.code for answer in answers])
        self.assertEqual(1, self.reads())

    def test_much_to_read(self) -> None:
        """
        Nobody waits in silence while much is read: 503, and later it is there.
        """
        self.drop(make_wheel("ours"))
        self.threads.hold("examine")
        answer = self.start("/local/ours/")
        self.advance_slowly(12.1)
        self.assertEqual((503, "2"), (answer.code, answer.header("Retry-After")))
        self.threads.release()
        self.flush()
        self.assertEqual(200, self.get("/local/ours/").code)
        self.assertEqual(1, self.reads())

    def test_fetched_files_are_not_read(self) -> None:
        """
        What we fetched and checked ourselves is known already.
        """
        wheel = make_wheel("demo")
        self.index.add(wheel)
        self.get(f"/files/demo/{wheel.filename}")
        self.files("demo")
        self.assertEqual(0, self.reads())


class FirstSeenTests(ProxyTestCase):
    def time_of(self, filename: str) -> str:
        time: str = self.files("ours", "local")[filename]["upload-time"]
        return time

    def test_kept(self) -> None:
        """
        When a file was first seen survives restarts, and the deletion of the cache.
        """
        path = self.drop(renamed("ours-1.0.zip", "ours"))
        first = self.time_of(path.name)
        self.assertEqual(iso(self.clock.seconds()), first)
        self.advance(1000)
        self.assertEqual(first, self.time_of(path.name))
        self.start_proxy()
        self.assertEqual(first, self.time_of(path.name))
        shutil.rmtree(self.directory / ".proxypypi" / "cache")
        self.start_proxy()
        self.assertEqual(first, self.time_of(path.name))

    def test_touched(self) -> None:
        """
        It is no time that the file system has.
        """
        path = self.drop(renamed("ours-1.0.zip", "ours"))
        first = self.time_of(path.name)
        for moment in (1.0, self.clock.seconds() + 5000):
            os.utime(path, (moment, moment))
            self.settle()
            self.assertEqual(first, self.time_of(path.name))

    def test_replaced(self) -> None:
        """
        It belongs to the name and the bytes: the same bytes put there again keep it,
        others have their own, and the first have theirs when they come back.
        """
        path = self.drop(renamed("ours-1.0.zip", "ours", b"one"))
        first = self.time_of(path.name)
        for content, expected in [(b"one", first), (b"two", None), (b"one", first)]:
            path.unlink()
            self.advance(1000)
            self.drop(renamed("ours-1.0.zip", "ours", content))
            if expected is None:
                self.assertEqual(iso(self.clock.seconds()), self.time_of(path.name))
            else:
                self.assertEqual(expected, self.time_of(path.name))
        other = self.drop(renamed("ours-2.0.zip", "ours", b"one"))
        self.assertNotEqual(first, self.time_of(other.name))
        self.assertEqual(first, self.time_of(path.name))

    def test_lost(self) -> None:
        """
        Even when that is lost or damaged, files are served.
        """
        path = self.drop(renamed("ours-1.0.zip", "ours"))
        self.time_of(path.name)
        seen = self.directory / ".proxypypi" / "decisions" / "first-seen" / "ours.json"
        self.assertTrue(seen.exists())
        for damage in (b"", b"{}", b"nonsense"):
            seen.write_bytes(damage)
            shutil.rmtree(self.directory / ".proxypypi" / "cache")
            self.start_proxy()
            self.assertEqual(200, self.get("/files/ours/ours-1.0.zip").code)
            self.flushLoggedErrors()


class ChangedTests(ProxyTestCase):
    def test_changed(self) -> None:
        """
        A cached file that has other bytes now is private, and /-/health says so, until
        it is what it was, or goes.
        """
        wheel = make_wheel("demo")
        self.index.add(wheel)
        url = f"/files/demo/{wheel.filename}"
        path = self.directory / "demo" / wheel.filename
        for end in ("restored", "removed"):
            self.assertEqual(wheel.content, self.get(url).body)
            path.write_bytes(wheel.content[:-1])
            self.settle()
            self.assertEqual(wheel.content[:-1], self.get(url).body)
            said = self.get("/-/health").body.decode()
            self.assertIn(f"{wheel.filename} is not what it was when it came", said)
            self.assertIn(f"proxypypi remove demo {wheel.filename} has it", said)
            if end == "restored":
                path.write_bytes(wheel.content)
            else:
                path.unlink()
            self.settle()
            self.files("demo")
            self.assertEqual(wheel.content, self.get(url).body, end)
            self.assertEqual(b"ok\n", self.get("/-/health").body, end)

    def test_never_cached(self) -> None:
        """
        People may do with their own files what they like.
        """
        path = self.drop(renamed("ours-1.0.zip", "ours", b"one"))
        self.files("ours")
        path.write_bytes(b"two")
        self.settle()
        self.files("ours")
        self.assertEqual(b"ok\n", self.get("/-/health").body)
