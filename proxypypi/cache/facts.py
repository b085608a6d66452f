"""
What is known of the content of files, in memory and kept.
"""

import hashlib
from collections.abc import Mapping

from attrs import define, field
from twisted.internet.defer import DeferredLock

from proxypypi.cache.health import Health
from proxypypi.cache.known import Known
from proxypypi.interfaces import IFactsStore
from proxypypi.model import FactsChange, FileFacts, LocalFile
from proxypypi.names import NormalizedName
from proxypypi.store.archives import Findings
from proxypypi.store.changes import Changes

MOST_FILES = 50_000  # whose facts are held in memory


@define(eq=False)
class Facts:
    """
    Remembers them for as long as there is room, and else has them loaded.
    """

    _store: IFactsStore
    _health: Health
    _changes: Changes
    _remembered: Known[Mapping[str, FileFacts]] = field(init=False)
    _learning: DeferredLock = field(factory=DeferredLock, init=False)

    def __attrs_post_init__(self) -> None:
        self._remembered = Known(self._changes, MOST_FILES)

    async def of(self, name: NormalizedName) -> Mapping[str, FileFacts]:
        """
        :returns: file name to facts; the same object until there is more to know.
        """
        facts = self._remembered.get(name)
        if facts is None:
            epoch = self._changes.epoch(name)
            facts = await self._store.load_facts(name)
            known = self._remembered.get(name)  # or somebody was quicker
            if known is not None:
                return known
            last = self._remembered.last(name)
            if last is not None and last == facts:
                facts = last
            self._remembered.put(name, facts, 1 + len(facts), epoch)
        return facts

    async def learn(
        self,
        name: NormalizedName,
        change: FactsChange,
        found: Mapping[LocalFile, Findings],
    ) -> Mapping[str, FileFacts]:
        """
        :param change: makes of what is known what is known from now on. Other processes
            may have learned more than we know, so that it is given what all know.
        :param found: in the files that were read just now.
        :returns: what is known from now on.
        """
        for file, findings in found.items():
            if findings.metadata is not None:
                await self.keep_metadata(name, file.filename, findings.metadata)
        # One after the other, so that the last that was kept is what is remembered.
        async with self._learning:
            with self._changes.changing(name):
                facts = await self._change(name, change)
                self._remembered.put(name, facts, 1 + len(facts))
        return facts

    async def _change(
        self, name: NormalizedName, change: FactsChange
    ) -> Mapping[str, FileFacts]:
        known = await self.of(name)

        def renew(kept: Mapping[str, FileFacts]) -> Mapping[str, FileFacts]:
            # What we know and is not kept could not be, or was lost.
            return change({**known, **kept})

        facts = await self._health.keeping(
            f"facts about {name}", self._store.change_facts, name, renew
        )
        return facts if facts is not None else change(known)

    async def metadata(
        self, name: NormalizedName, filename: str, digest: str
    ) -> bytes | None:
        """
        The core metadata kept for a file; :obj:`None` if none is that has this sha256.
        """
        kept = await self._store.load_metadata(name, filename)
        return kept if kept is not None and _sha256(kept) == digest else None

    async def keep_metadata(
        self, name: NormalizedName, filename: str, metadata: bytes
    ) -> None:
        await self._health.keeping(
            f"metadata of {filename}",
            self._store.save_metadata,
            name,
            filename,
            metadata,
        )


def make_facts(
    file: LocalFile,
    findings: Findings,
    seen_at: float,
    origin: str | None,
    attested: bool = False,
) -> FileFacts:
    """
    :param findings: in that file.
    :param origin: the address of the index it is from; :obj:`None` for a private one.
    """
    metadata = findings.metadata
    return FileFacts(
        size=file.size,
        modified_at=file.modified_at,
        inode=file.inode,
        changed_at=file.changed_at,
        hashes=findings.hashes,
        requires_python=findings.requires_python,
        metadata_sha256=_sha256(metadata) if metadata is not None else None,
        seen_at=seen_at,
        origin=origin,
        attested=attested,
    )


def describes(facts: Mapping[str, FileFacts], file: LocalFile) -> bool:
    """
    Are facts of this very file among them?
    """
    known = facts.get(file.filename)
    return known is not None and known.describe(file)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
