"""
Tests for :mod:`proxypypi.cache.rereading`.
"""

import os
import random
from hashlib import sha256
from pathlib import Path

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.rereading import check_again, reread
from proxypypi.cache.transfer import Transfer
from proxypypi.errors import CannotKeep
from proxypypi.events import UNHEARD
from proxypypi.model import Distribution
from proxypypi.rules.integrity import Digests
from tests.scripted import FILE_URL, ScriptedIndex

CONTENT = random.Random("rereading").randbytes(2_500_000)


class RereadingTests(SynchronousTestCase):
    def setUp(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(CONTENT)
        self.fd = os.open(path, os.O_RDWR)
        self.addCleanup(os.close, self.fd)

    def test_part(self) -> None:
        """
        So many bytes from the first are read, however many there are.
        """
        for size in (0, 1, 1_000_000, 1_048_576, 2_000_000, len(CONTENT)):
            digests = Digests.checking({"sha256": ""})
            reading = reread(self.fd, size, digests, maybeDeferred)
            self.successResultOf(Deferred.fromCoroutine(reading))
            self.assertEqual(
                sha256(CONTENT[:size]).hexdigest(), digests.hex()["sha256"], size
            )

    def test_fewer(self) -> None:
        """
        That there are fewer is an error.
        """
        reading = reread(self.fd, len(CONTENT) + 1, Digests.checking({}), maybeDeferred)
        self.failureResultOf(Deferred.fromCoroutine(reading), EOFError)

    def test_lost(self) -> None:
        """
        What is not as it came any more is an error, be it other bytes or too few.
        """
        digest = sha256(CONTENT).hexdigest()
        listed = Distribution(
            filename="demo-1.zip", url=FILE_URL, hashes={"sha256": digest}
        )
        transfer = Transfer(listed, ScriptedIndex(), Clock(), UNHEARD)
        transfer.digests.update(CONTENT)
        transfer.got = len(CONTENT)

        def check() -> "Deferred[None]":
            return Deferred.fromCoroutine(check_again(self.fd, transfer, maybeDeferred))

        self.successResultOf(check())
        os.pwrite(self.fd, b"other", 1000)
        self.failureResultOf(check(), CannotKeep)
        os.pwrite(self.fd, CONTENT[1000:1005], 1000)
        self.successResultOf(check())
        os.ftruncate(self.fd, 1000)
        self.failureResultOf(check(), CannotKeep)
