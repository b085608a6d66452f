"""
Tests for :mod:`proxypypi.cache.attempts`.
"""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.attempts import Attempts
from proxypypi.cache.shelf import HeldPage
from proxypypi.errors import UpstreamRefusal
from proxypypi.model import ProjectPage, RawPage
from proxypypi.names import normalize

DEMO, OTHER = normalize("demo"), normalize("other")
INDEX = "https://index.example/simple/"
NO = UpstreamRefusal(url=INDEX, reason="no", status=403)


def page_of(checked_at: float) -> HeldPage:
    raw = RawPage(index=INDEX, url=INDEX, content_type="text/html", body=b"")
    return HeldPage(raw=raw, page=ProjectPage(name=DEMO), checked_at=checked_at)


class AttemptsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.attempts = Attempts(self.clock)

    def test_pause(self) -> None:
        """
        A page is asked for anew every ten seconds at most; each project counts alone.
        """
        self.assertTrue(self.attempts.begin(DEMO, None))
        self.clock.advance(9.9)
        self.assertFalse(self.attempts.begin(DEMO, None))
        self.assertTrue(self.attempts.begin(OTHER, None))
        self.clock.advance(0.2)
        self.assertTrue(self.attempts.begin(DEMO, None))

    def test_failed(self) -> None:
        """
        For as long, a failure is the answer, without an attempt.
        """
        self.attempts.failed(DEMO, NO)
        for _ in range(2):
            with self.assertRaises(UpstreamRefusal) as raised:
                self.attempts.begin(DEMO, page_of(900.0))
            self.assertEqual(str(NO), str(raised.exception))
            self.assertIsNot(NO, raised.exception)
        self.assertTrue(self.attempts.begin(OTHER, None))
        self.clock.advance(10.0)
        self.assertTrue(self.attempts.begin(DEMO, page_of(900.0)))

    def test_had_since(self) -> None:
        """
        A failure counts no more once the page is asked for again, or was got by another
        process.
        """
        self.attempts.failed(DEMO, NO)
        self.clock.advance(2.0)
        self.assertTrue(self.attempts.begin(DEMO, page_of(1001.0)))
        self.attempts.failed(OTHER, NO)
        self.attempts.again(OTHER)
        self.assertTrue(self.attempts.begin(OTHER, None))

    def test_clock_that_was_wrong(self) -> None:
        """
        What happened in the future does not count.
        """
        self.attempts.begin(DEMO, None)
        self.attempts.failed(OTHER, NO)
        self.clock.rightNow -= 500.0
        self.assertTrue(self.attempts.begin(DEMO, None))
        self.assertTrue(self.attempts.begin(OTHER, None))
