"""
Files that are new here: what is in them, whose they are, and since when they are here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, ClassVar

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.facts import Facts, describes, make_facts
from proxypypi.cache.flight import SingleFlight, patiently
from proxypypi.cache.health import Health
from proxypypi.interfaces import IAttestations, IDirectory, IFactsStore
from proxypypi.model import Distribution, FileFacts, LocalFile, ProjectPage
from proxypypi.names import NormalizedName
from proxypypi.rules.integrity import Digests, agree, strongest
from proxypypi.rules.merge import is_private
from proxypypi.store.archives import Findings, examine

SETTLED = 1.0  # seconds without a change after which a file counts as whole


@define(eq=False)
class Reader:
    """
    Reads each file once, in a thread.

    :ivar _changed: cached files that count as private, for the bytes that they have.
    """

    _log: ClassVar[Logger] = Logger()

    _directory: IDirectory
    _facts: Facts
    _store: IFactsStore
    _attestations: IAttestations
    _health: Health
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _changed: set[tuple[NormalizedName, str]] = field(factory=set, init=False)

    async def facts_about(
        self,
        name: NormalizedName,
        files: Iterable[LocalFile],
        page: ProjectPage | None,
    ) -> Mapping[str, FileFacts]:
        """
        What is known of a project's files, once those are read that were not yet.

        :param files: that it is needed of; of those still being written there is none.
        :param page: what the index says; tells cached files from private ones.
        :raises StillFetching: there is much to read yet.
        """
        facts = await self._facts.of(name)
        now = self._clock.seconds()
        unknown = [
            file
            for file in files
            if not _is_known(file, facts, page) and is_settled(file, now)
        ]
        if unknown:
            key = (name, *(file.filename for file in unknown))
            reading = self._flight.join(key, lambda: self._read(name, unknown, page))
            await patiently(reading, self._clock, f"what lies here of {name}")
            facts = await self._facts.of(name)  # others may have learned more meanwhile
        if page is not None and _adopted(facts, page):
            facts = await self._facts.learn(
                name, lambda known: {**known, **_adopted(known, page)}, {}
            )
        return facts

    def note_all(self, name: NormalizedName, facts: Mapping[str, FileFacts]) -> None:
        """
        See whether files that had changed are what they were again, or have gone.

        :param facts: about those that are here now.
        """
        for changed in [each for each in self._changed if each[0] == name]:
            now = facts.get(changed[1])
            if now is None or now.cached:
                self._changed.discard(changed)
                self._health.mend(_subject(*changed))

    async def learn(
        self, name: NormalizedName, file: LocalFile, findings: Findings
    ) -> None:
        """
        :param file: a private one, that was put here and read by us.
        """
        await self._learn(name, {file: findings}, None, ())

    async def attest(self, name: NormalizedName, filename: str) -> None:
        """
        There are attestations of a file that is here already.
        """

        def change(known: Mapping[str, FileFacts]) -> Mapping[str, FileFacts]:
            if filename not in known:
                return known
            return {**known, filename: evolve(known[filename], attested=True)}

        if filename in await self._facts.of(name):
            await self._facts.learn(name, change, {})

    async def _read(
        self,
        name: NormalizedName,
        files: Iterable[LocalFile],
        page: ProjectPage | None,
    ) -> Mapping[str, FileFacts]:
        found: dict[LocalFile, Findings] = {}
        for file in files:
            listed = _listed(page, file)
            digests = Digests.checking(listed.hashes if listed is not None else {})
            findings = await self._in_thread(examine, file, digests)
            if findings is not None:
                found[file] = findings
        before = await self._facts.of(name)
        self._directory.changed(name)  # or the last second would not be seen
        here = await self._directory.files(name)
        return await self._learn(name, found, page, before.keys() - here.keys())

    async def _learn(
        self,
        name: NormalizedName,
        found: Mapping[LocalFile, Findings],
        page: ProjectPage | None,
        gone: Collection[str],
    ) -> Mapping[str, FileFacts]:
        """
        :param found: in files that are new, or were never read before.
        :param gone: names of files that were known, and are there no longer.
        """
        seen = await self._store.load_first_seen(name)
        attested = await self._attestations.digests(name)
        now = self._clock.seconds()

        def judge(known: Mapping[str, FileFacts]) -> Mapping[str, FileFacts]:
            return {
                file.filename: _judge(
                    file,
                    findings,
                    page,
                    known.get(file.filename),
                    seen.get(file.filename, {}).get(findings.hashes["sha256"], now),
                    attested,
                )
                for file, findings in found.items()
            }

        def change(known: Mapping[str, FileFacts]) -> Mapping[str, FileFacts]:
            still = {f: facts for f, facts in known.items() if f not in gone}
            return {**still, **judge(known)}

        before = await self._facts.of(name)
        learned = judge(before)
        self._note_changed(name, before, learned)
        await self._note_first_seen(name, learned, seen)
        return await self._facts.learn(name, change, found)

    def _note_changed(
        self,
        name: NormalizedName,
        before: Mapping[str, FileFacts],
        learned: Mapping[str, FileFacts],
    ) -> None:
        """
        A cached file with other bytes than it came with may be somebody's own, or
        spoilt: people have to know of it.
        """
        for filename, facts in learned.items():
            known = before.get(filename)
            if known is not None and known.cached and not facts.cached:
                self._changed.add((name, filename))
                self._health.worsen(
                    _subject(name, filename),
                    f"{filename} is not what it was when it came from {known.origin}, "
                    f"and counts as private; if nobody put it there, proxypypi remove "
                    f"{name} {filename} has it fetched again",
                )

    async def _note_first_seen(
        self,
        name: NormalizedName,
        learned: Mapping[str, FileFacts],
        seen: Mapping[str, Mapping[str, float]],
    ) -> None:
        """
        Note when private files came, for good.
        """
        noted = {}
        for filename, facts in learned.items():
            sha256 = facts.hashes["sha256"]
            if not facts.cached and sha256 not in seen.get(filename, {}):
                noted[filename] = {sha256: facts.seen_at}
                self._log.info(
                    "private file of {name}: {filename}", name=name, filename=filename
                )
        if noted:
            await self._health.keeping(
                f"when files of {name} were first seen",
                self._store.add_first_seen,
                name,
                noted,
            )


def _subject(name: NormalizedName, filename: str) -> str:
    return f"{filename} of {name}"


def _listed(page: ProjectPage | None, file: LocalFile) -> Distribution | None:
    return page.by_filename.get(file.filename) if page is not None else None


def _judge(
    file: LocalFile,
    findings: Findings,
    page: ProjectPage | None,
    before: FileFacts | None,
    seen_at: float,
    attested: Collection[str],
) -> FileFacts:
    """
    :param before: what was known under this name; it may have been another file.
    :param seen_at: when this content was first seen under this name.
    :param attested: digests of which there are attestations.
    """
    sha256 = findings.hashes["sha256"]
    listed = _listed(page, file)
    origin = None
    if listed is not None and agree(findings.hashes, listed.hashes):
        assert page is not None
        origin = page.index
    if before is not None and before.hashes["sha256"] != sha256:
        before = None
    if before is not None:  # it only moved
        seen_at = before.seen_at
    learned = make_facts(file, findings, seen_at, origin, sha256 in attested)
    if before is not None and before.cached:
        return evolve(
            learned,
            origin=before.origin,
            uploaded_at=before.uploaded_at,
            missed_at=before.missed_at,
            missed_again=before.missed_again,
        )
    if origin is not None and listed is not None:
        came_at = max(0.0, file.modified_at / 1e9)  # it is known no longer when
        return evolve(
            learned, uploaded_at=listed.uploaded_at, seen_at=min(seen_at, came_at)
        )
    return learned


def _adopted(
    known: Mapping[str, FileFacts], page: ProjectPage
) -> Mapping[str, FileFacts]:
    """
    Those that were private, and are the index's by now.
    """
    return {
        filename: evolve(
            facts,
            origin=page.index,
            uploaded_at=page.by_filename[filename].uploaded_at,
        )
        for filename, facts in known.items()
        if not facts.cached and not is_private(facts, page, filename)
    }


def _is_known(
    file: LocalFile, facts: Mapping[str, FileFacts], page: ProjectPage | None
) -> bool:
    """
    Are these facts of this very file, and with the digest its index knows it by?
    """
    if not describes(facts, file):
        return False
    listed = _listed(page, file)
    needed = strongest(listed.hashes) if listed is not None else None
    return needed is None or needed in facts[file.filename].hashes


def is_settled(file: LocalFile, now: float) -> bool:
    """
    Is nobody writing it any more, as far as can be told?

    A change time in the future is that of a clock that was wrong.
    """
    return not 0 <= now - file.changed_at / 1e9 < SETTLED
