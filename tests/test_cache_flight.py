"""
Tests for :mod:`proxypypi.cache.flight`.
"""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.flight import (
    PATIENCE,
    Hindrance,
    SingleFlight,
    patiently,
    persistently,
    unless,
)
from proxypypi.errors import StillFetching


class SingleFlightTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.flight = SingleFlight()
        self.jobs: list[Deferred[Any]] = []

    async def job(self) -> Any:
        done: Deferred[Any] = Deferred()
        self.jobs.append(done)
        return await done

    def join(self, key: str = "a") -> "Deferred[Any]":
        return self.flight.join(key, self.job)

    def test_one_job_for_all(self) -> None:
        """
        Who asks while the job runs gets the same result, from one run.
        """
        waiting = [self.join() for _ in range(3)]
        self.assertEqual(1, len(self.jobs))
        self.jobs[0].callback("result")
        self.assertEqual(["result"] * 3, [self.successResultOf(w) for w in waiting])

    def test_one_failure_for_all(self) -> None:
        """
        A failure, too; it is nobody's once all have been told.
        """
        waiting = [self.join() for _ in range(3)]
        self.jobs[0].errback(ValueError())
        for w in waiting:
            self.failureResultOf(w, ValueError)

    def test_next_job(self) -> None:
        """
        Who asks afterwards starts anew, also after a failure.
        """
        for number in range(3):
            waiting = self.join()
            if number == 1:
                self.jobs[number].errback(ValueError())
                self.failureResultOf(waiting, ValueError)
            else:
                self.jobs[number].callback(number)
                self.assertEqual(number, self.successResultOf(waiting))

    def test_asked_again_by_the_result(self) -> None:
        """
        The result is no longer under way when it is told.
        """
        first = self.join()
        second: list[Deferred[Any]] = []
        first.addCallback(lambda _: second.append(self.join()))
        self.jobs[0].callback("old")
        self.assertEqual(2, len(self.jobs))
        self.jobs[1].callback("new")
        self.assertEqual("new", self.successResultOf(second[0]))

    def test_keys(self) -> None:
        """
        Other keys are other jobs.
        """
        a, b = self.join("a"), self.join("b")
        self.jobs[1].callback("b")
        self.assertEqual("b", self.successResultOf(b))
        self.assertNoResult(a)
        self.assertEqual(
            (True, False), (self.flight.is_flying("a"), self.flight.is_flying("b"))
        )

    def test_giving_up(self) -> None:
        """
        Who gives up leaves the job to the others; it goes on even when all have.
        """
        first, second, third = (self.join() for _ in range(3))
        first.cancel()
        third.cancel()
        for given_up in (first, third):
            self.failureResultOf(given_up, CancelledError)
        self.assertFalse(self.jobs[0].called)
        self.jobs[0].callback("result")
        self.assertEqual("result", self.successResultOf(second))
        only = self.join()
        only.cancel()
        self.failureResultOf(only, CancelledError)
        self.assertTrue(self.flight.is_flying("a"))
        again = self.join()
        self.assertEqual(2, len(self.jobs))
        self.jobs[1].callback("found done")
        self.assertEqual("found done", self.successResultOf(again))

    def test_job_that_is_done_at_once(self) -> None:
        """
        A job need not wait for anything.
        """

        async def job() -> str:
            return "now"

        self.assertEqual("now", self.successResultOf(self.flight.join("a", job)))
        self.assertFalse(self.flight.is_flying("a"))


class PatientlyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.waiting: Deferred[str] = Deferred()

    def test_in_time(self) -> None:
        """
        What comes in time is as it is.
        """
        for outcome in ("result", ValueError()):
            waiting: Deferred[Any] = Deferred()
            patient = patiently(waiting, self.clock, "it")
            self.clock.advance(11.9)
            if isinstance(outcome, ValueError):
                waiting.errback(outcome)
                self.failureResultOf(patient, ValueError)
            else:
                waiting.callback(outcome)
                self.assertEqual(outcome, self.successResultOf(patient))
            self.assertEqual([], self.clock.getDelayedCalls())

    def test_too_late(self) -> None:
        """
        After twelve seconds, before any installer gives up, we say what we wait for.
        """
        self.assertEqual(12.0, PATIENCE)
        patient = patiently(self.waiting, self.clock, "attrs")
        self.clock.advance(11.9)
        self.assertNoResult(patient)
        self.clock.advance(0.1)
        failure = self.failureResultOf(patient, StillFetching)
        self.assertEqual("still fetching attrs, try again", str(failure.value))

    def test_own_patience(self) -> None:
        """
        Less can be asked for.
        """
        patient = patiently(self.waiting, self.clock, "attrs", 3.0)
        self.clock.advance(3.0)
        self.failureResultOf(patient, StillFetching)

    def test_cancelled(self) -> None:
        """
        To be cancelled is not to be late.
        """
        patient = patiently(self.waiting, self.clock, "attrs")
        patient.cancel()
        self.failureResultOf(patient, CancelledError)
        self.assertEqual([], self.clock.getDelayedCalls())


class UnlessTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.waiting: Deferred[str] = Deferred()
        self.hindrance = Hindrance()

    def wait(self) -> "Deferred[str]":
        return unless(self.waiting, self.hindrance.told())

    def test_nothing_wrong(self) -> None:
        """
        What goes well is waited for.
        """
        waiting = self.wait()
        self.waiting.callback("done")
        self.assertEqual("done", self.successResultOf(waiting))
        self.hindrance.met(ValueError())

    def test_hindered(self) -> None:
        """
        What goes wrong ends the wait, be it before it began.
        """
        waiting = self.wait()
        self.assertNoResult(waiting)
        self.hindrance.met(ValueError())
        self.failureResultOf(waiting, ValueError)
        self.waiting = Deferred()
        self.failureResultOf(self.wait(), ValueError)


class PersistentlyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.outcomes: list[Any] = []
        self.tries = 0

    async def job(self) -> Any:
        self.tries += 1
        outcome = self.outcomes.pop(0) if self.outcomes else StillFetching(what="it")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def begin(self, *outcomes: Any) -> "Deferred[Any]":
        self.outcomes.extend(outcomes)
        return Deferred.fromCoroutine(persistently(self.job, self.clock))

    def test_at_once(self) -> None:
        """
        What is there is not waited for, and what fails otherwise not tried again.
        """
        self.assertEqual("done", self.successResultOf(self.begin("done")))
        self.failureResultOf(self.begin(ValueError()), ValueError)
        self.assertEqual(2, self.tries)

    def test_again(self) -> None:
        """
        What is on its way is asked for again, every two seconds.
        """
        waiting = self.begin(StillFetching(what="it"), StillFetching(what="it"), "done")
        self.clock.advance(1.9)
        self.assertEqual(1, self.tries)
        self.clock.pump([0.1, 2.0])
        self.assertEqual("done", self.successResultOf(waiting))

    def test_not_for_ever(self) -> None:
        """
        After two minutes of such answers it is given up.
        """
        waiting = self.begin()
        self.clock.pump([2.0] * 59)
        self.assertNoResult(waiting)
        self.clock.advance(2.0)
        self.failureResultOf(waiting, StillFetching)
