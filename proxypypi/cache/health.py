"""
What makes our answers worse than they could be, at the moment.
"""

from collections.abc import Callable, Collection
from typing import Any, ClassVar, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

T = TypeVar("T")


@define(eq=False)
class Health:
    """
    One line a subject, from when something goes wrong until it goes right again.
    """

    _log: ClassVar[Logger] = Logger()

    _troubles: dict[str, str] = field(factory=dict, init=False)

    def worsen(self, subject: str, trouble: str) -> None:
        if subject not in self._troubles:
            self._log.warn("{subject}: {trouble}", subject=subject, trouble=trouble)
        self._troubles[subject] = trouble

    def mend(self, subject: str) -> None:
        if self._troubles.pop(subject, None) is not None:
            self._log.info("{subject}: all is well again", subject=subject)

    @property
    def troubles(self) -> Collection[str]:
        """
        In sentences.
        """
        return self._troubles.values()

    @property
    def trouble(self) -> str:
        """
        All of it in one line; empty for none.
        """
        return "; ".join(self.troubles)

    async def keeping(
        self, what: str, save: Callable[..., "Deferred[T]"], *arguments: Any
    ) -> T | None:
        """
        Save what is good to have, but not worth failing for.

        :param what: is saved.
        :returns: what *save* returns; :obj:`None` if it failed.
        """
        try:
            saved = await save(*arguments)
        except OSError as e:
            self.worsen("disk", f"{what} cannot be kept: {e.strerror or e}")
            return None
        self.mend("disk")
        return saved
