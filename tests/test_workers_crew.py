"""
Tests for :mod:`proxypypi.workers.crew`.
"""

from collections.abc import Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.workers.crew import Crew, Seat
from proxypypi.workers.process import IEmployer, IWorker


@define(eq=False)
class Worker:
    """
    A worker that the test plays the part of.

    :ivar told: what it was told, in order.
    """

    number: int
    pid: int
    _employer: IEmployer
    told: list[str] = field(factory=list)

    def retire(self) -> None:
        self.told.append("retire")

    def end(self) -> None:
        self.told.append("end")

    def hurry(self) -> None:
        self.told.append("hurry")

    def kill(self) -> None:
        self.told.append("kill")

    def is_ready(self) -> None:
        self._employer.ready(self)

    def has_closed(self) -> None:
        self._employer.closed(self)

    def has_ended(self, how: str = "with status 1") -> None:
        self._employer.ended(self, how)


class CrewTestCase(SynchronousTestCase):
    """
    :ivar workers: all that were started, in that order.
    """

    seats = 1

    def setUp(self) -> None:
        self.clock = Clock()
        self.workers: list[Worker] = []
        self.crew = Crew(
            [Seat(n + 1, self.hire, self.clock) for n in range(self.seats)], self.clock
        )

    def hire(self, number: int, employer: IEmployer) -> IWorker:
        worker = Worker(number, 100 + len(self.workers), employer)
        self.workers.append(worker)
        return worker

    def start(self) -> "Deferred[str]":
        return Deferred.fromCoroutine(self.crew.start())

    def renew(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self.crew.renew())

    def started(self, age: float = 60.0) -> list[Worker]:
        """
        :param age: seconds that pass once all are ready.
        """
        started = self.start()
        for worker in self.workers:
            worker.is_ready()
        self.assertEqual("", self.successResultOf(started))
        self.clock.advance(age)
        return self.workers[:]

    def said(self, events: Sequence[LogEvent]) -> str:
        return "\n".join(map(formatEvent, events))


class StartTests(CrewTestCase):
    seats = 2

    def test_all(self) -> None:
        """
        It has started when every worker is ready.
        """
        started = self.start()
        first, second = self.workers
        self.assertEqual((1, 2), (first.number, second.number))
        second.is_ready()
        self.assertNoResult(started)
        first.is_ready()
        self.assertEqual("", self.successResultOf(started))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_one_cannot(self) -> None:
        """
        If one cannot start, that is told, and it is not tried again.
        """
        started = self.start()
        self.workers[0].is_ready()
        self.workers[1].has_ended("no memory")
        self.assertEqual("no memory", self.successResultOf(started))
        self.clock.advance(60)
        self.assertEqual(2, len(self.workers))

    def test_slow(self) -> None:
        """
        One that takes a minute is killed.
        """
        started = self.start()
        self.workers[0].is_ready()
        with capturedLogs() as events:
            self.clock.advance(60)
        self.assertEqual(["kill"], self.workers[1].told)
        self.assertIn("worker 2 (pid 101) is not ready after 60 s", self.said(events))
        self.workers[1].has_ended("killed by signal 9")
        self.assertEqual("killed by signal 9", self.successResultOf(started))


class DeathTests(CrewTestCase):
    def test_at_once(self) -> None:
        """
        A worker that dies is replaced at once; the log says which one, and how it died.
        """
        (worker,) = self.started()
        with capturedLogs() as events:
            worker.has_ended("killed by signal 9")
        self.assertEqual(2, len(self.workers))
        self.assertEqual(
            "worker 1 (pid 100) has ended, killed by signal 9", self.said(events)
        )

    def test_young(self) -> None:
        """
        Those that die young, one after the other, are replaced after longer and longer
        pauses, half a minute at most; one that lives longer ends that.
        """
        self.started(age=0)
        for pause in (1, 2, 4, 8, 16, 30, 30):
            with capturedLogs() as events:
                self.workers[-1].has_ended()
            before = len(self.workers)
            self.assertIn(f"another one starts in {pause} s", self.said(events))
            self.clock.advance(pause - 0.1)
            self.assertEqual(before, len(self.workers), pause)
            self.clock.advance(0.1)
            self.assertEqual(before + 1, len(self.workers), pause)
            self.workers[-1].is_ready()
            self.clock.advance(4.9)
        self.clock.advance(0.1)
        self.workers[-1].has_ended()
        self.workers[-1].is_ready()
        before = len(self.workers)
        self.workers[-1].has_ended()
        self.clock.advance(1)
        self.assertEqual(before + 1, len(self.workers))

    def test_no_start(self) -> None:
        """
        So it is with those that do not even start, and the log says why.
        """
        self.started()[0].has_ended()
        for pause in (1, 2, 4):
            with capturedLogs() as events:
                self.workers[-1].has_ended("no memory")
            self.assertIn("worker 1 cannot start: no memory", self.said(events))
            self.assertIn(f"another one starts in {pause} s", self.said(events))
            before = len(self.workers)
            self.clock.advance(pause)
            self.assertEqual(before + 1, len(self.workers))

    def test_takes_no_more_clients(self) -> None:
        """
        For one that somebody else told to end, another takes over before it has ended.
        """
        (worker,) = self.started(age=0)
        worker.has_closed()
        self.assertEqual(2, len(self.workers))
        self.workers[1].is_ready()
        self.assertEqual([], worker.told)
        worker.has_ended()
        self.assertEqual(2, len(self.workers))


class RenewalTests(CrewTestCase):
    seats = 2

    def test_one_after_the_other(self) -> None:
        """
        Each retires when its successor is ready, and only then is the next one's turn.
        """
        first, second = self.started()
        renewed = self.renew()
        self.assertEqual(3, len(self.workers))
        self.assertEqual([], first.told)
        self.workers[2].is_ready()
        self.assertEqual(["retire"], first.told)
        self.assertEqual(4, len(self.workers))
        self.assertEqual([], second.told)
        first.has_closed()
        first.has_ended()
        with capturedLogs() as events:
            self.workers[3].is_ready()
        self.successResultOf(renewed)
        self.assertEqual(["retire"], second.told)
        self.assertIn("all workers are new", self.said(events))
        self.assertEqual(4, len(self.workers))

    def test_no_successor(self) -> None:
        """
        If one does not start, the old ones stay, and the log says why.
        """
        first, second = self.started()
        renewed = self.renew()
        with capturedLogs() as events:
            self.workers[2].has_ended("bad certificate")
        self.successResultOf(renewed)
        self.assertEqual(([], []), (first.told, second.told))
        self.assertEqual(
            "worker 1 cannot start: bad certificate\n"
            "worker 1 stays the old one, and so do those after it",
            self.said(events),
        )
        self.clock.advance(60)
        self.assertEqual(3, len(self.workers))

    def test_again(self) -> None:
        """
        Asked again and again meanwhile, it is done once more, from the first to the
        last.
        """
        self.started()
        renewed = self.renew()
        for _ in range(5):
            self.successResultOf(self.renew())
        for worker in self.workers[2:4]:
            worker.is_ready()
        for n in (2, 3, 4, 5):
            self.workers[n].is_ready()
        self.successResultOf(renewed)
        self.assertEqual([1, 2] * 3, [worker.number for worker in self.workers])

    def test_old_one_dies(self) -> None:
        """
        If the old one dies first, its successor is waited for; if that does not start
        either, there is another try.
        """
        first, _ = self.started()
        self.renew()
        first.has_ended()
        self.assertEqual(3, len(self.workers))
        self.workers[2].has_ended("no memory")
        self.clock.advance(1)
        self.assertEqual([1, 2, 1, 1], [worker.number for worker in self.workers])

    def test_nobody_serves(self) -> None:
        """
        A pause is over when it is time for new ones; if that fails, there is another
        one.
        """
        for worker in self.started(age=0):
            worker.has_ended()
        renewed = self.renew()
        self.assertEqual(3, len(self.workers))
        self.workers[2].has_ended("no memory")
        self.successResultOf(renewed)
        self.clock.advance(1)
        self.assertEqual([1, 2, 1, 2], [worker.number for worker in self.workers])
        self.clock.advance(1)
        self.assertEqual([1, 2, 1, 2, 1], [w.number for w in self.workers])

    def test_young_one_dies(self) -> None:
        """
        There is no pause if there is a successor already, and no second one.
        """
        first, _ = self.started(age=0)
        self.renew()
        first.has_ended()
        self.workers[2].is_ready()
        self.clock.advance(60)
        self.assertEqual([1, 2, 1, 2], [worker.number for worker in self.workers])

    def test_they_do_not_pile_up(self) -> None:
        """
        Beside the one that serves, two with clients left may stay in each seat; who is
        longest there has to go, by force if need be.
        """
        for worker in self.started():
            worker.told.clear()
        for _ in range(3):
            self.renew()
            for _ in self.crew.seats:
                self.workers[-1].is_ready()
        told = [worker.told for worker in self.workers if worker.number == 1]
        self.assertEqual([["retire", "hurry"], ["retire"], ["retire"], []], told)
        self.clock.advance(3)
        self.assertEqual("kill", told[0][-1])


class EndTests(CrewTestCase):
    seats = 2

    def test_end(self) -> None:
        """
        It has ended when all have; before that, they tell that they take no more
        clients.
        """
        first, second = self.started()
        ended: Deferred[Any] = self.crew.end()
        shut = self.crew.when_shut()
        self.assertEqual((["end"], ["end"]), (first.told, second.told))
        first.has_closed()
        self.assertNoResult(shut)
        second.has_closed()
        self.successResultOf(shut)
        first.has_ended()
        self.assertNoResult(ended)
        with capturedLogs() as events:
            second.has_ended("killed by signal 9")
        self.successResultOf(ended)
        self.assertEqual("", self.said(events))
        self.clock.advance(60)
        self.assertEqual(2, len(self.workers))

    def test_nobody_is_there(self) -> None:
        """
        With nobody to wait for it has ended at once, and a pause is over.
        """
        for worker in self.started(age=0):
            worker.has_ended()
        self.successResultOf(self.crew.end())
        self.successResultOf(self.crew.when_shut())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_all_are_told(self) -> None:
        """
        Who is not ready yet is told, too, and who has clients left.
        """
        first, second = self.started()
        renewed = self.renew()
        self.workers[2].is_ready()
        ended = self.crew.end()
        for worker in self.workers:
            self.assertEqual("end", worker.told[-1])
            worker.has_ended()
        self.successResultOf(ended)
        self.successResultOf(renewed)
        self.assertEqual(4, len(self.workers))
        self.assertEqual(["retire", "end"], first.told)
        self.assertEqual(["end"], second.told)

    def test_ready_too_late(self) -> None:
        """
        Who becomes ready after that ends all the same.
        """
        self.start()
        ended = self.crew.end()
        for worker in self.workers:
            worker.is_ready()
            self.assertNoResult(ended)
            worker.has_closed()
            worker.has_ended()
        self.successResultOf(ended)
        self.assertEqual(2, len(self.workers))

    def test_hurry(self) -> None:
        """
        In a hurry all are told, and those that do not listen are killed.
        """
        self.started()
        self.crew.end()
        self.crew.hurry()
        self.clock.advance(2.9)
        for worker in self.workers:
            self.assertEqual(["end", "hurry"], worker.told)
        self.clock.advance(0.1)
        for worker in self.workers:
            self.assertEqual(["end", "hurry", "kill"], worker.told)
