"""
The files of a project that lie here, and what is known of their content.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.flight import SingleFlight, patiently
from proxypypi.cache.health import Health
from proxypypi.errors import DamagedRecord
from proxypypi.interfaces import IDirectory, IFactsStore, IReleases
from proxypypi.model import FileFacts, LocalFile, ProjectPage
from proxypypi.names import NormalizedName
from proxypypi.rules.integrity import Digests, agree, strongest
from proxypypi.rules.merge import Held, is_private
from proxypypi.rules.removal import is_withheld, observe
from proxypypi.store.archives import Findings, blake2b_of, examine, look_inside

_SETTLED = 1.0  # seconds without a change after which a file counts as whole
_MOST_FILES = 50_000  # whose facts are held in memory


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


@define(eq=False)
class Holdings:
    """
    Joins what the directory shows with what is remembered of each file's content, and
    reads what is new, once, in a thread.

    :ivar _withhold: seconds; files that were younger when they vanished are withheld.
    """

    _log: ClassVar[Logger] = Logger()

    _directory: IDirectory
    _store: IFactsStore
    _releases: IReleases
    _withhold: float
    _health: Health
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _facts: Bounded[NormalizedName, Mapping[str, FileFacts]] = field(
        factory=lambda: Bounded(_MOST_FILES), init=False
    )
    _known: Bounded[NormalizedName, _Known] = field(
        factory=lambda: Bounded(_MOST_FILES), init=False
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
        facts = await self._facts_about(name, files.values(), page)
        withheld = await self._withheld(name, facts)
        known = self._known.get(name)
        if (
            known is not None
            and known.files is files
            and known.facts is facts
            and known.page is page
            and known.withheld == withheld
            and now < known.good_until
        ):
            return known.held
        described = {f for f, file in files.items() if _describes(facts, file)}
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
            (files[f].changed_at / 1e9 + _SETTLED for f in files.keys() - described),
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
        facts = await self._facts_about(name, [file], page)
        if not _describes(facts, file):
            return None  # it is still being written, or went while it was read
        withheld = await self._withheld(name, {filename: facts[filename]})
        return Held(file=file, facts=facts[filename], withheld=bool(withheld))

    async def observe(
        self, name: NormalizedName, page: ProjectPage | None, at: float
    ) -> None:
        """
        Remember what a refresh says of the files here.

        :param page: :obj:`None` if upstream has no such project any more.
        :param at: POSIX seconds at which the refresh was.
        """
        before = await self._remembered(name)
        after = {
            filename: observe(facts, page, filename, at)
            for filename, facts in before.items()
        }
        if after != before:
            await self._learn(name, after, {})

    async def known(self, name: NormalizedName) -> list[Mapping[str, str]]:
        """
        The digests of a project's cached files.
        """
        facts = await self._remembered(name)
        return [known.hashes for known in facts.values() if known.cached]

    async def metadata(self, name: NormalizedName, held: Held) -> bytes | None:
        """
        The core metadata of a wheel that is here; :obj:`None` if it has none.
        """
        filename, digest = held.file.filename, held.facts.metadata_sha256
        if digest is None:
            return None
        kept = await self._store.load_metadata(name, filename)
        if kept is not None and _sha256(kept) == digest:
            return kept
        findings: Findings = await self._in_thread(
            look_inside, held.file.path, filename, held.facts.hashes
        )
        if findings.metadata is not None:
            await self._keep_metadata(name, filename, findings.metadata)
        return findings.metadata

    async def blake2b(self, held: Held) -> str:
        """
        The digest that PyPI makes a file's address from, in hexadecimal.
        """
        digest: str = await self._in_thread(blake2b_of, held.file.path)
        return digest

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
        facts = await self._remembered(name)
        learned = evolve(
            self._facts_of(file, findings, self._clock.seconds(), origin),
            uploaded_at=uploaded_at,
        )
        await self._learn(name, {**facts, file.filename: learned}, {file: findings})
        self._directory.changed(name)

    async def _facts_about(
        self,
        name: NormalizedName,
        files: Iterable[LocalFile],
        page: ProjectPage | None,
    ) -> Mapping[str, FileFacts]:
        facts = await self._remembered(name)
        now = self._clock.seconds()
        unknown = [
            file
            for file in files
            if not _is_known(file, facts, page) and _is_settled(file, now)
        ]
        if unknown:
            key = (name, *(file.filename for file in unknown))
            reading = self._flight.join(key, lambda: self._read(name, unknown, page))
            facts = await patiently(reading, self._clock, f"what lies here of {name}")
        adopted = {
            filename: _adopted(known, page, filename)
            for filename, known in facts.items()
            if page is not None
            and not known.cached
            and not is_private(known, page, filename)
        }
        if adopted:
            facts = await self._learn(name, {**facts, **adopted}, {})
        return facts

    async def _withheld(
        self, name: NormalizedName, facts: Mapping[str, FileFacts]
    ) -> frozenset[str]:
        found = {f for f, known in facts.items() if is_withheld(known, self._withhold)}
        if not found:
            return frozenset()
        subject = f"releases of {name}"
        released: Mapping[str, str] = {}
        try:
            released = await self._releases.load(name)
        except DamagedRecord as e:
            self._health.worsen(subject, str(e))
        else:
            self._health.mend(subject)
        return frozenset(
            f for f in found if released.get(f) != facts[f].hashes["sha256"]
        )

    async def _remembered(self, name: NormalizedName) -> Mapping[str, FileFacts]:
        facts = self._facts.get(name)
        if facts is None:
            facts = await self._store.load_facts(name)
            known = self._facts.get(name)  # or somebody was quicker
            if known is not None:
                return known
            self._facts.put(name, facts, cost=1 + len(facts))
        return facts

    async def _read(
        self,
        name: NormalizedName,
        files: Iterable[LocalFile],
        page: ProjectPage | None,
    ) -> Mapping[str, FileFacts]:
        found: dict[LocalFile, Findings] = {}
        for file in files:
            listed = page.by_filename.get(file.filename) if page is not None else None
            digests = Digests.checking(listed.hashes if listed is not None else {})
            findings = await self._in_thread(examine, file, digests)
            if findings is not None:
                found[file] = findings
        seen = await self._store.load_first_seen(name)
        before = await self._remembered(name)
        learned = {
            file.filename: self._judge(
                file,
                findings,
                page,
                before.get(file.filename),
                seen.get(file.filename, {}),
            )
            for file, findings in found.items()
        }
        await self._note_first_seen(name, learned, seen)
        here = await self._directory.files(name)
        still = {
            filename: known
            for filename, known in (await self._remembered(name)).items()
            if filename in here
        }
        return await self._learn(name, {**still, **learned}, found)

    def _judge(
        self,
        file: LocalFile,
        findings: Findings,
        page: ProjectPage | None,
        before: FileFacts | None,
        seen: Mapping[str, float],
    ) -> FileFacts:
        """
        :param before: what was known under this name; it may have been another file.
        :param seen: digest to the time it was first seen under this name.
        """
        sha256 = findings.hashes["sha256"]
        listed = page.by_filename.get(file.filename) if page is not None else None
        origin = None
        if listed is not None and agree(findings.hashes, listed.hashes):
            assert page is not None
            origin = page.index
        seen_at = seen.get(sha256, self._clock.seconds())
        if before is not None and before.hashes["sha256"] == sha256:  # only moved
            return evolve(
                self._facts_of(
                    file,
                    findings,
                    before.seen_at,
                    origin if before.origin is None else before.origin,
                ),
                uploaded_at=before.uploaded_at,
                missed_at=before.missed_at,
                missed_again=before.missed_again,
            )
        learned = self._facts_of(file, findings, seen_at, origin)
        if origin is not None and listed is not None:
            return evolve(learned, uploaded_at=listed.uploaded_at)
        return learned

    async def _note_first_seen(
        self,
        name: NormalizedName,
        learned: Mapping[str, FileFacts],
        seen: Mapping[str, Mapping[str, float]],
    ) -> None:
        """
        Note when private files came, for good.
        """
        noted = dict(seen)
        for filename, facts in learned.items():
            times, sha256 = seen.get(filename, {}), facts.hashes["sha256"]
            if not facts.cached and sha256 not in times:
                noted[filename] = {**times, sha256: facts.seen_at}
                self._log.info(
                    "private file of {name}: {filename}", name=name, filename=filename
                )
        if noted != seen:
            await self._health.keeping(
                f"when files of {name} were first seen",
                self._store.save_first_seen,
                name,
                noted,
            )

    async def _learn(
        self,
        name: NormalizedName,
        facts: Mapping[str, FileFacts],
        found: Mapping[LocalFile, Findings],
    ) -> Mapping[str, FileFacts]:
        self._facts.put(name, facts, cost=1 + len(facts))
        for file, findings in found.items():
            if findings.metadata is not None:
                await self._keep_metadata(name, file.filename, findings.metadata)
        await self._health.keeping(
            f"facts about {name}", self._store.save_facts, name, facts
        )
        return facts

    async def _keep_metadata(
        self, name: NormalizedName, filename: str, metadata: bytes
    ) -> None:
        await self._health.keeping(
            f"metadata of {filename}",
            self._store.save_metadata,
            name,
            filename,
            metadata,
        )

    def _facts_of(
        self,
        file: LocalFile,
        findings: Findings,
        seen_at: float,
        origin: str | None,
    ) -> FileFacts:
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
        )


def _adopted(facts: FileFacts, page: ProjectPage, filename: str) -> FileFacts:
    listed = page.by_filename[filename]
    return evolve(facts, origin=page.index, uploaded_at=listed.uploaded_at)


def _is_known(
    file: LocalFile, facts: Mapping[str, FileFacts], page: ProjectPage | None
) -> bool:
    """
    Are these facts of this very file, and with the digest its index knows it by?
    """
    if not _describes(facts, file):
        return False
    listed = page.by_filename.get(file.filename) if page is not None else None
    needed = strongest(listed.hashes) if listed is not None else None
    return needed is None or needed in facts[file.filename].hashes


def _describes(facts: Mapping[str, FileFacts], file: LocalFile) -> bool:
    known = facts.get(file.filename)
    return known is not None and known.describe(file)


def _is_settled(file: LocalFile, now: float) -> bool:
    """
    Is nobody writing it any more, as far as can be told?

    A change time in the future is that of a clock that was wrong.
    """
    return not 0 <= now - file.changed_at / 1e9 < _SETTLED


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
