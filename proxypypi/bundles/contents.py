"""
What goes into a bundle: what ``/local/`` lists, and what is known of it.

Files that are withheld, too young, quarantined or denied do not: what is not given out
here is not carried elsewhere. What is known of them is, so that it is known there, too.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import BinaryIO

from attrs import define, field
from msgspec import Raw
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from proxypypi.bundles.manifest import (
    Member,
    file_name,
    note_name,
    page_name,
    place_of,
)
from proxypypi.bundles.notes import FileNote, PageNote, ProjectNote, render_note
from proxypypi.bundles.writing import Piece, Told
from proxypypi.cache.flight import persistently
from proxypypi.cache.gathering import Gathering, Parts
from proxypypi.cache.reader import SETTLED
from proxypypi.errors import NoSuchProject, ProxypypiError
from proxypypi.interfaces import IAttestations, IClaims, IDirectory, IPageStore
from proxypypi.model import ProjectPage, RawPage
from proxypypi.names import NormalizedName
from proxypypi.rules.integrity import agree
from proxypypi.rules.merge import Held
from proxypypi.rules.wanted import Wanted, WantedFiles

_MOMENT = 0.1  # seconds


@define(eq=False)
class Contents:
    """
    :ivar _since: POSIX seconds; what came here before is left out. 0 for all.
    :ivar _told: how many are looked through of all that there are to look through.
    :ivar _others: takes the content of all that is no file here.
    :ivar pieces: what goes in, in order.
    :ivar missing: what was wanted and does not go in: how it was said, and why.
    :ivar left_out: files that are not given out here, and why, by name.
    """

    _gathering: Gathering
    _directory: IDirectory
    _pages: IPageStore
    _attestations: IAttestations
    _claims: IClaims
    _clock: IReactorTime
    _others: BinaryIO
    _since: float = 0.0
    _told: Told = lambda done, all: None
    pieces: list[Piece] = field(factory=list, init=False)
    missing: list[tuple[str, str]] = field(factory=list, init=False)
    left_out: dict[str, str] = field(factory=dict, init=False)

    async def add_all(self) -> None:
        """
        All that is here.
        """
        names = await self._directory.projects()
        for number, name in enumerate(names):
            self._told(number, len(names))
            with suppress(NoSuchProject):  # it went, or no file of it can be read
                parts = await self._gather(name)
                listed = parts.merge().page.by_filename
                self._leave_out(parts, listed)
                await self._add(parts, listed)

    async def add(self, wanted: Collection[Wanted], all_releases: bool = False) -> None:
        """
        :param all_releases: of a requirement all that fit, not the newest alone.
        """
        chosen: dict[NormalizedName, set[str]] = {}
        for number, one in enumerate(wanted):
            self._told(number, len(wanted))
            try:
                parts = await self._gather(one.project)
                page = parts.merge().page
                names = self._pick(one, page, all_releases)
            except NoSuchProject:
                self._miss(one.said, f"no file of {one.project} is here")
            except ProxypypiError as e:
                self._miss(one.said, str(e))
            else:
                chosen.setdefault(one.project, set()).update(names)
        for name in sorted(chosen):
            await self._add(await self._gather(name), chosen[name])

    def _pick(
        self, wanted: Wanted, page: ProjectPage, all_releases: bool
    ) -> Collection[str]:
        if not isinstance(wanted, WantedFiles):
            return wanted.pick_all(page) if all_releases else wanted.pick(page)
        here = []
        for filename, hashes in wanted.files.items():
            listed = page.by_filename.get(filename)
            if listed is None:
                self._miss(wanted.said, f"{filename} is not here")
            elif hashes and not agree(listed.hashes, hashes):
                self._miss(wanted.said, f"the {filename} here has another digest")
            else:
                here.append(filename)
        return here

    async def _gather(self, name: NormalizedName) -> Parts:
        """
        :raises ProxypypiError: it is not here, or is refused.
        """
        files = await self._directory.files(name)
        now = self._clock.seconds()
        changed_at = max((f.changed_at / 1e9 for f in files.values()), default=0.0)
        if 0 <= now - changed_at < SETTLED:  # or what was just put there is missed
            await deferLater(self._clock, changed_at + SETTLED - now + _MOMENT)
        parts, known = None, set[str]()
        with suppress(NoSuchProject):
            gathered = await persistently(
                lambda: self._gathering.gather(name, local=True), self._clock
            )
            parts = gathered.parts
            known = {held.file.filename for held in parts.held}
        for filename in sorted(files.keys() - known):
            why = "it cannot be read, or is still being written"
            self._miss(file_name(name, filename), why)
        if parts is None:
            raise NoSuchProject(project=name)
        return parts

    def _miss(self, said: str, why: str) -> None:
        if (said, why) not in self.missing:
            self.missing.append((said, why))

    def _leave_out(self, parts: Parts, listed: Collection[str]) -> None:
        for held in parts.held:
            filename = held.file.filename
            if filename not in listed:
                why = "it is withheld" if held.withheld else "it is quarantined"
                if filename in parts.held_back:
                    why = "it is too young"
                self.left_out[file_name(parts.name, filename)] = why

    async def _add(self, parts: Parts, filenames: Collection[str]) -> None:
        """
        :param filenames: of the files that are meant.
        """
        files = [
            held
            for held in parts.held
            if held.file.filename in filenames
            and held.file.changed_at / 1e9 >= self._since
        ]
        page = await self._page_of(parts, bool(files))
        note = ProjectNote(
            files=await self._notes(parts, files),
            page=PageNote.of(*page) if page is not None else None,
            claimed=self._claims.is_claimed(parts.name),
            yanked_versions=dict(parts.marks.versions),
            yanked_files=dict(parts.marks.files),
            status=parts.marks.status,
            status_reason=parts.marks.status_reason,
        )
        self._put(note_name(parts.name), render_note(note), 0.0)
        if page is not None:
            raw, checked_at = page
            self._put(page_name(parts.name), raw.body, checked_at)
        self.pieces.extend(_pieces(parts.name, files, note.files))

    async def _page_of(
        self, parts: Parts, has_files: bool
    ) -> tuple[RawPage, float] | None:
        if parts.upstream is None:
            return None
        page = await self._pages.load(parts.name)
        is_news = page is not None and (has_files or page[1] >= self._since)
        return page if is_news else None

    async def _notes(self, parts: Parts, files: Iterable[Held]) -> dict[str, FileNote]:
        """
        Of all cached files, for they may be where the bundle goes, and have vanished
        upstream meanwhile; private ones that are not meant are not even named.
        """
        notes = {
            held.file.filename: FileNote.of(held.facts)
            for held in parts.held
            if held.facts.cached
        }
        for held in files:
            attestations: tuple[Raw, ...] = ()
            if held.facts.attested:
                digest = held.facts.hashes["sha256"]
                attestations = await self._attestations.load(parts.name, digest)
            notes[held.file.filename] = FileNote.of(held.facts, attestations)
        return notes

    def _put(self, name: str, content: bytes, moment: float) -> None:
        self._others.write(content)
        member = Member(name, len(content), sha256(content).hexdigest())
        place_of(member)  # or no reader would take it
        self.pieces.append(Piece(member=member, moment=moment))


def _pieces(
    name: NormalizedName, files: Iterable[Held], notes: Mapping[str, FileNote]
) -> Iterator[Piece]:
    for held in files:
        filename = held.file.filename
        note = notes[filename]
        member = Member(file_name(name, filename), held.file.size, note.sha256)
        yield Piece(member=member, moment=note.moment, path=held.file.path)
