"""
Tests for :mod:`proxypypi.store.counts`.
"""

import os
import subprocess
import sys
from tempfile import TemporaryFile
from typing import IO, Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from proxypypi.events import (
    CONNECTIONS,
    FETCHED,
    FILES_KEPT,
    GAUGES,
    METRICS,
    REQUESTS,
    STREAMS,
    IEvents,
)
from proxypypi.store.counts import Counts

KEPT = (FILES_KEPT.name,)
CONNECTED = (CONNECTIONS.name,)

PROCESS = """
import sys
from proxypypi.events import CONNECTIONS, FILES_KEPT
from proxypypi.store.counts import Counts
counts = Counts.shared(int(sys.argv[1]), ["pypi"])
for line in sys.stdin:
    counts.note(FILES_KEPT, count=int(line))
    if int(line):
        counts.set(CONNECTIONS, value=7)
    print(counts.is_first, flush=True)
"""


class Process:
    """
    Another one that counts.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(file.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[file.fileno()],
        )
        self.pid = self._child.pid

    def keep(self, files: int) -> str:
        """
        :param files: if there are any, seven clients are connected.
        :returns: what it says when it has counted them: is it the first?
        """
        pipes: Any = self._child
        pipes.stdin.write(f"{files}\n")
        pipes.stdin.flush()
        said: str = pipes.stdout.readline()
        return said.strip()

    def kill(self) -> None:
        self._child.kill()
        self._child.communicate()


class AloneTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.counts = Counts.alone(["pypi", "gpu"])

    def test_complete(self) -> None:
        """
        There is a number for each value of each label, and all begin at zero.
        """
        verifyObject(IEvents, self.counts)
        totals = self.counts.totals()
        self.assertEqual({0}, set(totals.values()))
        self.assertEqual({metric.name for metric in METRICS}, {k[0] for k in totals})
        self.assertIn((FETCHED.name, "gpu"), totals)
        self.assertIn((REQUESTS.name, "simple", "hit"), totals)

    def test_note(self) -> None:
        """
        What is noted is counted, by its labels, and nothing else is.
        """
        self.counts.note(REQUESTS, "simple", "hit")
        self.counts.note(REQUESTS, "simple", "hit", count=3)
        self.counts.note(FETCHED, "gpu", count=5_000_000_000)
        self.counts.set(CONNECTIONS, value=4)
        self.counts.set(CONNECTIONS, value=3)
        noted = {key: n for key, n in self.counts.totals().items() if n}
        self.assertEqual(
            {
                (REQUESTS.name, "simple", "hit"): 4,
                (FETCHED.name, "gpu"): 5_000_000_000,
                CONNECTED: 3,
            },
            noted,
        )

    def test_closed_sets(self) -> None:
        """
        A label has no other values than it may have: the numbers cannot grow in number.
        """
        self.assertRaises(KeyError, self.counts.note, REQUESTS, "simple", "odd")
        self.assertRaises(KeyError, self.counts.note, FETCHED, "nobody")
        self.assertLess(len(self.counts.totals()), 300)

    def test_add(self) -> None:
        """
        It counts on from what was counted before; what is not known is left out, and so
        is how things were.
        """
        self.counts.note(FILES_KEPT)
        before = {KEPT: 41, CONNECTED: 9, ("odd",): 1, (FETCHED.name, "gone"): 1}
        self.counts.add(before)
        noted = {key: n for key, n in self.counts.totals().items() if n}
        self.assertEqual({KEPT: 42}, noted)

    def test_pids(self) -> None:
        """
        The one process there is, is the first.
        """
        self.assertTrue(self.counts.is_first)
        self.assertEqual({0: os.getpid()}, self.counts.pids())


class SharedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = self.enterContext(TemporaryFile())
        self.file.truncate(Counts.size(["pypi"]))
        self.counts = Counts.shared(self.file.fileno(), ["pypi"])

    def start(self) -> Process:
        process = Process(self.file)
        self.addCleanup(process.kill)
        return process

    def read(self) -> tuple[int, int]:
        """
        :returns: files kept, and connections.
        """
        totals = self.counts.totals()
        return totals[KEPT], totals[CONNECTED]

    def test_sum(self) -> None:
        """
        All see what all have counted, at once.
        """
        self.counts.note(FILES_KEPT)
        first, second = self.start(), self.start()
        self.assertEqual("False", first.keep(10))
        self.assertEqual("False", second.keep(100))
        self.assertTrue(self.counts.is_first)
        self.assertEqual((111, 14), self.read())
        pids = {os.getpid(), first.pid, second.pid}
        self.assertEqual(pids, set(self.counts.pids().values()))

    def test_a_process_dies(self) -> None:
        """
        What it has counted stays counted, and how things were in it is of no account;
        who comes after it counts on in its place.
        """
        first, second = self.start(), self.start()
        first.keep(10)
        second.keep(100)
        rows = set(self.counts.pids())
        first.kill()
        self.assertEqual((110, 7), self.read())
        self.assertEqual({os.getpid(), second.pid}, set(self.counts.pids().values()))
        third = self.start()
        third.keep(1)
        self.assertEqual((111, 14), self.read())
        self.assertEqual(rows, set(self.counts.pids()))

    def test_nothing_of_those_before(self) -> None:
        """
        How things were in a process that has died is forgotten when another gets its
        place, though that has not said yet how things are.
        """
        first = self.start()
        first.keep(10)
        first.kill()
        second = self.start()
        second.keep(0)
        self.assertEqual(2, len(self.counts.pids()))
        self.assertEqual((10, 0), self.read())

    def test_too_many(self) -> None:
        """
        If there are more processes than places, the last place is for all the others.
        """
        self.patch(Counts, "_lock", lambda self, row, how: False)
        late = Counts.shared(self.file.fileno(), ["pypi"])
        late.note(STREAMS)
        self.assertFalse(late.is_first)
        self.assertEqual(1, self.counts.totals()[(STREAMS.name,)])

    def test_gauges(self) -> None:
        """
        Those that tell how things are, are known by name.
        """
        self.assertIn(CONNECTIONS.name, GAUGES)
        self.assertNotIn(FILES_KEPT.name, GAUGES)
