"""
The files of a project that lie here, and what is known of their content.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.facts import MOST_FILES, Facts, describes, make_facts
from proxypypi.cache.reader import SETTLED, Reader
from proxypypi.cache.removal import Removal
from proxypypi.interfaces import IDirectory
from proxypypi.model import Distribution, FileFacts, LocalFile, ProjectPage
from proxypypi.names import NormalizedName
from proxypypi.rules.integrity import agree
from proxypypi.rules.merge import Held
from proxypypi.store.archives import Findings, blake2b_of, core_metadata, look_inside
from proxypypi.store.changes import Changes


@frozen
class _Known:
    """
    The holdings as they were last put together, and from what.
    """

    files: Mapping[str, LocalFile]
    facts: Mapping[str, FileFacts]
    page: ProjectPage | None
    withheld: frozenset[str]
    held: tuple[Held, ...]
    good_until: float

    def is_of(
        self,
        files: Mapping[str, LocalFile],
        facts: Mapping[str, FileFacts],
        page: ProjectPage | None,
        now: float,
    ) -> bool:
        return (
            self.files is files
            and self.facts is facts
            and self.page is page
            and now < self.good_until
        )


@define(eq=False)
class Holdings:
    """
    Joins what the directory shows with what is known of each file's content.
    """

    _directory: IDirectory
    _facts: Facts
    _reader: Reader
    _removal: Removal
    _changes: Changes
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _known: Bounded[NormalizedName, _Known] = field(
        factory=lambda: Bounded(MOST_FILES), init=False
    )

    async def of(
        self, name: NormalizedName, page: ProjectPage | None
    ) -> tuple[Held, ...]:
        """
        All files of a project, by file name; the same object while nothing changes.

        :param page: what the index says; tells cached files from private ones.
        :raises StillFetching: there is much to read yet.
        """
        now = self._clock.seconds()
        files = await self._directory.files(name)
        known = self._known.get(name)
        facts = await self._facts.of(name)
        unchanged = known is not None and known.is_of(files, facts, page, now)
        if not unchanged:  # else, of thousands, each would be looked at every time
            facts = await self._reader.facts_about(name, files.values(), page)
        withheld = await self._removal.withheld(name, facts)
        if known is not None and unchanged and known.withheld == withheld:
            return known.held
        described = {f for f, file in files.items() if describes(facts, file)}
        self._reader.note_all(name, {f: facts[f] for f in described})
        held = tuple(
            Held(
                file=files[filename],
                facts=facts[filename],
                withheld=filename in withheld,
            )
            for filename in sorted(described)
        )
        if known is not None and known.held == held:
            held = known.held
        good_until = min(
            (files[f].changed_at / 1e9 + SETTLED for f in files.keys() - described),
            default=float("inf"),
        )
        known = _Known(files, facts, page, withheld, held, good_until)
        self._known.put(name, known, cost=1 + len(held))
        return held

    async def one(
        self, name: NormalizedName, filename: str, page: ProjectPage | None
    ) -> Held | None:
        """
        One file of a project; :obj:`None` if it is not here.

        :raises StillFetching: it is large and has not been read yet.
        """
        file = (await self._directory.files(name)).get(filename)
        if file is None:
            return None
        facts = await self._reader.facts_about(name, [file], page)
        if not describes(facts, file):
            return None  # it is still being written, or went while it was read
        withheld = await self._removal.withheld(name, {filename: facts[filename]})
        return Held(file=file, facts=facts[filename], withheld=bool(withheld))

    def holds_until(self, name: NormalizedName) -> float:
        """
        :returns: POSIX seconds until which the same is said again, as long as nothing
            is learned meanwhile; 0 if the next question has it looked up anew.
        """
        known = self._known.get(name)
        good_until = known.good_until if known is not None else float("inf")
        return min(good_until, self._directory.holds_until(name))

    async def observe(
        self, name: NormalizedName, page: ProjectPage | None, at: float
    ) -> None:
        """
        See :meth:`Removal.observe`.
        """
        await self._removal.observe(name, page, at)

    async def known(self, name: NormalizedName) -> list[Mapping[str, str]]:
        """
        The digests of a project's cached files.
        """
        facts = await self._facts.of(name)
        return [known.hashes for known in facts.values() if known.cached]

    async def metadata(self, name: NormalizedName, held: Held) -> bytes | None:
        """
        The core metadata of a wheel that is here; :obj:`None` if it has none.
        """
        filename, digest = held.file.filename, held.facts.metadata_sha256
        if digest is None:
            return None
        kept = await self._facts.metadata(name, filename, digest)
        if kept is not None:
            return kept
        findings: Findings = await self._in_thread(
            look_inside, held.file.path, filename, held.facts.hashes
        )
        if findings.metadata is not None:
            await self._facts.keep_metadata(name, filename, findings.metadata)
        return findings.metadata

    async def metadata_of_gone(
        self, name: NormalizedName, listed: Distribution
    ) -> bytes | None:
        """
        The core metadata of a wheel that was here, and that an index lists;
        :obj:`None` if it had none, or it is not known any more.
        """
        facts = (await self._facts.of(name)).get(listed.filename)
        if facts is None or not facts.metadata_sha256:
            return None
        if not agree(facts.hashes, listed.hashes):
            return None
        return await self._facts.metadata(name, listed.filename, facts.metadata_sha256)

    async def core_metadata(self, held: Held) -> bytes | None:
        """
        The core metadata of any file that is here; :obj:`None` if it has none.
        """
        found: bytes | None = await self._in_thread(
            core_metadata, held.file.path, held.file.filename
        )
        return found

    async def blake2b(self, held: Held) -> str:
        """
        The digest that PyPI makes a file's address from, in hexadecimal.
        """
        digest: str = await self._in_thread(blake2b_of, held.file.path)
        return digest

    def brought(self, name: NormalizedName) -> None:
        """
        Another process has added a file: what is in memory may not be good any more.
        """
        self._changes.others_changed(name)

    async def add(
        self,
        name: NormalizedName,
        file: LocalFile,
        hashes: Mapping[str, str],
        origin: str,
        uploaded_at: float | None,
    ) -> None:
        """
        A file came from an index, was checked, and now lies in the directory.

        :param origin: the address of that index.
        :param uploaded_at: POSIX seconds, as it says; :obj:`None` if it does not.
        """
        findings = await self._in_thread(look_inside, file.path, file.filename, hashes)
        learned = evolve(
            make_facts(file, findings, self._clock.seconds(), origin),
            uploaded_at=uploaded_at,
        )
        await self._facts.learn(
            name, lambda known: {**known, file.filename: learned}, {file: findings}
        )
        self._directory.changed(name)

    async def add_private(
        self, name: NormalizedName, file: LocalFile, findings: Findings
    ) -> None:
        """
        A file was put into the directory by us, for somebody who may. It counts at
        once.
        """
        await self._reader.learn(name, file, findings)
        self._directory.changed(name)

    async def attest(self, name: NormalizedName, filename: str) -> None:
        """
        There are attestations of a file that is here already.
        """
        await self._reader.attest(name, filename)
