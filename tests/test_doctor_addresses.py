"""
Tests for :mod:`proxypypi.doctor.addresses`.
"""

import errno
import os
import sys
import time
from pathlib import Path
from typing import Any

from OpenSSL.crypto import FILETYPE_PEM
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.doctor.addresses import Addresses
from proxypypi.model import Finding, Grade
from proxypypi.settings import Settings
from proxypypi.store.lock import DirectoryLock
from tests.certificates import Authority

MODULE = sys.modules["proxypypi.doctor.addresses"]
DAY = 86_400.0
PORT = "tcp:8000:interface=127.0.0.1"


class AddressesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.reactor = MemoryReactorClock()
        self.asked: list[str] = []
        self.answers: dict[str, str] = {}
        self.patch(MODULE, "ask", self.ask)

    def ask(self, addresses: list[str], path: str = "/-/health") -> str | None:
        self.asked += addresses
        return self.answers.get(path)

    def refuse(self, number: int = errno.EADDRINUSE) -> None:
        """
        Have no address to give.
        """

        def listen(port: Any, factory: Any, backlog: int = 50, interface: Any = "",
                   **_: Any) -> Any:  # fmt: skip
            cause = OSError(number, os.strerror(number))
            raise CannotListenError(interface, port, cause)

        self.patch(self.reactor, "listenTCP", listen)

    def serve(self) -> None:
        """
        Have a server of this directory.
        """
        lock = DirectoryLock.of(self.root)
        lock.acquire()
        self.addCleanup(lock.release)

    def examine(self, *listen: str, **more: Any) -> list[Finding]:
        settings = Settings(directory=self.root, listen=listen or (PORT,), **more)
        in_thread: Any = maybeDeferred
        addresses = Addresses(settings, self.reactor, in_thread)
        examining = Deferred.fromCoroutine(addresses.examine(time.time()))
        found: list[Finding] = self.successResultOf(examining)
        return found

    def test_free(self) -> None:
        """
        Addresses that can be had are had for a moment only.
        """
        found = self.examine(PORT, "unix:p.sock")
        self.assertEqual([PORT, "unix:p.sock"], [each.subject for each in found])
        self.assertEqual({Grade.OK}, {each.grade for each in found})
        self.assertEqual({"it can be had"}, {each.what for each in found})
        self.assertEqual([], self.asked)
        self.assertFalse((self.root / ".proxypypi").exists())

    def test_ours(self) -> None:
        """
        One that a server of this directory has is asked how that is.
        """
        self.serve()
        self.refuse()
        for health, ready, grade, word in (
            ("ok", "ok", Grade.OK, "our server listens there, and is well"),
            ("ok", None, Grade.WARNING, "is about to end"),
            ("degraded: no room", "ok", Grade.WARNING, "degraded: no room"),
        ):
            self.answers = {"/-/health": health}
            if ready is not None:
                self.answers["/-/ready"] = ready
            (found,) = self.examine()
            self.assertIs(grade, found.grade, word)
            self.assertIn(word, found.what)
        self.assertEqual({"http://127.0.0.1:8000"}, set(self.asked))

    def test_left_out(self) -> None:
        """
        An address that our server, which runs, has not is worth a warning.
        """
        self.serve()
        self.refuse()
        self.answers = {"/-/health": "ok", "/-/ready": "ok"}
        ours, other = self.examine(PORT, "unix:p.sock")
        self.assertEqual((Grade.OK, Grade.WARNING), (ours.grade, other.grade))
        self.assertIn("does not listen there", other.what)

    def test_everywhere(self) -> None:
        """
        Who listens on all addresses is asked at this machine's own.
        """
        self.refuse()
        self.examine("tcp:8000", "tcp6:8000:interface=\\:\\:1")
        asked = ["http://localhost:8000", "http://[::1]:8000"]
        self.assertEqual(asked, self.asked)

    def test_another(self) -> None:
        """
        One that another program has, or a server of another directory, is an error.
        """
        self.refuse()
        for health, word in (
            (None, "Address already in use"),
            ("<html>", "Address already in use"),
            ("ok", "serves another directory"),
        ):
            self.answers = {"/-/health": health} if health is not None else {}
            (found,) = self.examine()
            self.assertIs(Grade.ERROR, found.grade, word)
            self.assertIn(word, found.what)
            self.assertIn("end who listens there", found.advice)

    def test_not_allowed(self) -> None:
        """
        One that we may not have, or that is not here, nobody is asked about.
        """
        for number in (errno.EACCES, errno.EADDRNOTAVAIL):
            self.refuse(number)
            (found,) = self.examine()
            self.assertIs(Grade.ERROR, found.grade)
            self.assertIn(os.strerror(number), found.what)
        self.assertEqual([], self.asked)

    def test_unix(self) -> None:
        """
        Who listens on a unix socket is asked there.
        """
        self.serve()
        self.answers = {"/-/health": "ok", "/-/ready": "ok"}

        def listen(address: Any, *_: Any, **__: Any) -> Any:
            raise CannotListenError(None, address, "Cannot acquire lock")

        self.patch(self.reactor, "listenUNIX", listen)
        (found,) = self.examine("unix:/run/p.sock")
        self.assertIs(Grade.OK, found.grade)
        self.assertEqual({"unix:/run/p.sock"}, set(self.asked))

    def test_directory_taken(self) -> None:
        """
        If a server has the directory, and none of the addresses, no other can start.
        """
        self.serve()
        listening, taken = self.examine()
        self.assertIs(Grade.OK, listening.grade)
        self.assertEqual((Grade.ERROR, "directory"), (taken.grade, taken.subject))
        self.assertIn("another server has it", taken.what)

    def test_left_over(self) -> None:
        """
        The lock's file alone means nothing.
        """
        (self.root / ".proxypypi").mkdir()
        (self.root / ".proxypypi" / "lock").write_text("1\n")
        (found,) = self.examine()
        self.assertIs(Grade.OK, found.grade)

    def test_systemd(self) -> None:
        """
        What systemd opens cannot be tried; who has the directory may listen there.
        """
        self.serve()
        (found,) = self.examine("systemd:domain=INET:index=0")
        self.assertIs(Grade.OK, found.grade)
        self.assertIn("systemd", found.what)

    def test_no_endpoint(self) -> None:
        """
        What a start refuses is an error, and the others are looked at all the same.
        """
        bad, good = self.examine("frob:1", PORT)
        self.assertEqual((Grade.ERROR, Grade.OK), (bad.grade, good.grade))
        self.assertIn("it is no server endpoint", bad.what)
        (bad,) = self.examine("fd:1", workers=2)
        self.assertIs(Grade.ERROR, bad.grade)

    def ssl(self, **more: Any) -> str:
        made = Authority().vouch_for("one.example")
        key, certificate = self.root / "key.pem", self.root / "cert.pem"
        key.write_bytes(made.privateKey.dump(FILETYPE_PEM))
        certificate.write_bytes(made.dump(FILETYPE_PEM))
        return f"ssl:8443:privateKey={key}:certKey={certificate}"

    def test_certificate(self) -> None:
        """
        A certificate is told with the day on which it ends.
        """
        for grade, word in (
            (Grade.OK, "it is good until 20"),
            (Grade.WARNING, "it ends soon, on 20"),
            (Grade.ERROR, "it has ended, on 20"),
        ):
            self.patch(MODULE, "grade_certificate", lambda *_, g=grade: g)
            found, listening = self.examine(self.ssl())
            self.assertIs(grade, found.grade)
            self.assertTrue(found.what.startswith(word), found.what)
            self.assertTrue(found.subject.endswith("cert.pem"))
            self.assertIs(Grade.OK, listening.grade)

    def test_bad_certificate(self) -> None:
        """
        One that cannot be used is an error that names it.
        """
        endpoint = self.ssl()
        (self.root / "cert.pem").write_bytes(b"")
        (found,) = self.examine(endpoint)
        self.assertIs(Grade.ERROR, found.grade)
        self.assertIn("holds no certificates", found.what)
