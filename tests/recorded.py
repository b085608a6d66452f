"""
What is logged during a test.
"""

from typing import Any

from attrs import define, field
from twisted.logger import ILogObserver, eventAsText, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer


@implementer(ILogObserver)
@define(eq=False)
class Recorded:
    """
    Make one by :meth:`during`.

    :ivar events: all of them, debug ones too.
    """

    events: list[Any] = field(factory=list)

    @classmethod
    def during(cls, test: SynchronousTestCase | TestCase) -> "Recorded":
        """
        Record until the end of *test*.
        """
        recorded = cls()
        globalLogPublisher.addObserver(recorded)
        test.addCleanup(globalLogPublisher.removeObserver, recorded)
        return recorded

    def __call__(self, event: Any) -> None:
        self.events.append(event)

    @property
    def sentences(self) -> list[str]:
        """
        What the program itself said, at info or above.
        """
        return [
            formatEvent(event)
            for event in self.events
            if str(event.get("log_namespace", "")).startswith("proxypypi")
            and event["log_level"].name != "debug"
        ]

    @property
    def everything(self) -> str:
        """
        All that anybody said, fields and tracebacks included.
        """
        return "\n".join(eventAsText(event) + repr(event) for event in self.events)
