"""
Has files here for somebody who will want them later.
"""

from collections.abc import Mapping
from typing import ClassVar

from attrs import define
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.files import Files
from proxypypi.cache.finding import Finder
from proxypypi.cache.flight import persistently
from proxypypi.cache.found import FoundFile
from proxypypi.cache.metadata import MetadataCache
from proxypypi.errors import NoSuchFile, ProxypypiError, StillFetching
from proxypypi.names import NormalizedName, is_wheel
from proxypypi.rules.integrity import agree, contradict


@define(eq=False)
class Keeper:
    """
    One file at a time, by the same ways by which clients get it.
    """

    _log: ClassVar[Logger] = Logger()

    _finder: Finder
    _files: Files
    _metadata: MetadataCache
    _clock: IReactorTime

    async def keep(
        self, name: NormalizedName, filename: str, hashes: Mapping[str, str]
    ) -> None:
        """
        Have a file here, all of it, and what its index offers beside it.

        :param hashes: that it must have; empty for any.
        :raises ProxypypiError: it is not here, and cannot be had.
        """
        found = await persistently(
            lambda: self._bring(name, filename, hashes), self._clock
        )
        offered = found.listed is not None and found.listed.core_metadata
        if offered and not is_wheel(filename):  # wheels have it inside
            try:
                await persistently(lambda: self._metadata.get(found), self._clock)
            except ProxypypiError as e:
                self._log.warn("metadata of {file}: {error}", file=filename, error=e)

    async def _bring(
        self, name: NormalizedName, filename: str, hashes: Mapping[str, str]
    ) -> FoundFile:
        found = await self._finder.find(name, filename)
        if found.held is None:
            listed = found.listed.hashes if found.listed is not None else {}
            if contradict(listed, hashes):
                raise _another(filename)
            await self._files.keep(found)
            found = await self._finder.find(name, filename)
        if found.held is None:
            raise StillFetching(what=filename)  # it came, and is not known yet
        if hashes and not agree(found.held.facts.hashes, hashes):
            raise _another(filename)
        return found


def _another(filename: str) -> NoSuchFile:
    return NoSuchFile(
        filename=filename, why=f"the {filename} to be had has another digest"
    )
