"""
What is to be had anew, on disk: commands leave word there for the server.
"""

import os
from pathlib import Path

from attrs import define
from zope.interface import implementer

from proxypypi.interfaces import IWishes
from proxypypi.names import NormalizedName


@implementer(IWishes)
@define(eq=False)
class Wishes:
    """
    An empty file for each project.
    """

    _directory: Path

    @classmethod
    def of(cls, root: Path) -> "Wishes":
        """
        :param root: the cache directory.
        """
        return cls(root / ".proxypypi" / "cache" / "refresh")

    @classmethod
    def to_reread(cls, root: Path) -> "Wishes":
        """
        Of another kind: that what is kept of a project be read from disk anew, as a
        command has changed it.
        """
        return cls(root / ".proxypypi" / "cache" / "reread")

    def make(self, name: NormalizedName) -> None:
        """
        :raises OSError: it cannot be written.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / name).touch()

    def take(self, name: NormalizedName) -> bool:
        try:
            os.unlink(self._directory / name)
        except OSError:
            return False
        return True
