"""
Tests for :mod:`proxypypi.cache.hashing`.
"""

import os
from hashlib import sha256
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.hashing import Hashing
from proxypypi.rules.integrity import Digests
from tests.proxy_case import Threads

PIECE = 100_000


class HashingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.threads = Threads()
        self.running = Digests.checking({})
        self.hashing = Hashing(self.running, self.threads)
        self.pieces = [os.urandom(PIECE) for _ in range(30)]

    def hex(self, count: int) -> str:
        return sha256(b"".join(self.pieces[:count])).hexdigest()

    def test_in_threads(self) -> None:
        """
        Long pieces are hashed by a thread; what comes meanwhile, too, once that has
        ended.
        """
        self.threads.hold()
        for piece in self.pieces[:5]:
            self.hashing.update(piece)
        self.assertEqual(1, len(self.threads.calls))
        self.assertEqual(self.hex(0), self.running.hex()["sha256"])
        self.threads.release()
        self.assertEqual(self.hex(5), self.running.hex()["sha256"])

    def test_short_pieces(self) -> None:
        """
        For a short piece no thread is bothered, nor where there is none.
        """
        self.hashing.update(b"a" * 1000)
        alone = Hashing(Digests.checking({}))
        alone.update(self.pieces[0])
        self.assertEqual([], self.threads.calls)
        digest = sha256(b"a" * 1000).hexdigest()
        self.assertEqual(digest, self.running.hex()["sha256"])
        self.assertEqual(self.hex(1), alone.digests.hex()["sha256"])

    def test_digests(self) -> None:
        """
        Who asks for the digests has those of all that came, whatever threads do.
        """
        self.threads.hold()
        for count, piece in enumerate(self.pieces, 1):
            self.hashing.update(piece)
            if count % 7 == 0:
                found = self.hashing.digests.hex()["sha256"]
                self.assertEqual(self.hex(count), found)
        self.assertEqual(self.hex(30), self.hashing.digests.hex()["sha256"])
        self.threads.release()
        self.assertEqual(self.hex(30), self.hashing.digests.hex()["sha256"])

    def test_slow_threads(self) -> None:
        """
        Little waits for a thread that does not come to it.
        """
        self.threads.hold()
        for count, piece in enumerate(self.pieces, 1):
            self.hashing.update(piece)
            hashed = [
                n for n in range(31) if self.hex(n) == self.running.hex()["sha256"]
            ]
            self.assertLessEqual(count - hashed[0], 8)

    def test_real_threads(self) -> None:
        """
        Two that hash at once do not mix up the order.
        """
        started: list[Thread] = []

        def in_thread(call: Any) -> "Deferred[Any]":
            thread = Thread(target=call)
            started.append(thread)
            thread.start()
            return Deferred()

        for _ in range(50):
            hashing = Hashing(Digests.checking({}), in_thread)
            for piece in self.pieces:
                hashing.update(piece)
            self.assertEqual(self.hex(30), hashing.digests.hex()["sha256"])
        for thread in started:
            thread.join()
        self.assertEqual(50, len(started))
