"""
Our own documents of the JSON API: exactly the files that a project's page lists, and
what the index says of them beyond that, or what they say of themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred

from proxypypi.cache.bounded import Bounded
from proxypypi.cache.documents import DocumentAnswer, Documents
from proxypypi.cache.finding import Finder
from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.gathering import INLINE, Gathered, Gathering, Parts
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.metadata import MetadataCache
from proxypypi.errors import (
    AllTooYoung,
    NoSuchFile,
    NoSuchProject,
    NoSuchRelease,
    ProxypypiError,
    Quarantined,
)
from proxypypi.model import Distribution, Outcome, Validity
from proxypypi.names import NormalizedName, comparable, is_wheel
from proxypypi.rules.merge import Listing, is_private
from proxypypi.rules.releases import Releases, releases_of
from proxypypi.simple.core_metadata import read_info
from proxypypi.simple.documents import Contents, Document, render_document
from proxypypi.simple.rendering import Representation, both

_MOST_MADE = 32 * 1024 * 1024  # bytes
_COST_OF_A_FILE = 1000  # bytes, as an outline holds it
_MOST_TRIED = 2  # files that are asked for what the release says of itself

_NOTHING = DocumentAnswer(fresh_until=float("inf"))


@frozen(kw_only=True)
class JsonAnswer:
    """
    :ivar private: does it list a file that came from no index?
    :ivar validity: of the answer.
    """

    plain: Representation
    gzipped: Representation
    private: bool
    outcome: Outcome
    validity: Validity


@frozen
class _Outline:
    """
    What a page lists, release by release.
    """

    parts: Parts
    listing: Listing
    releases: Releases

    @property
    def cost(self) -> int:
        """
        Bytes that it takes to hold it.
        """
        return _COST_OF_A_FILE * (1 + self.parts.count)

    def is_theirs(self, version: str) -> bool:
        """
        Does the index speak of the very files of this release?
        """
        upstream = self.parts.upstream
        if upstream is None:
            return False
        ours = {
            h.file.filename
            for h in self.parts.held
            if is_private(h.facts, upstream, h.file.filename)
        }
        return not any(d.filename in ours for d in self.releases.files[version])


@frozen
class _Made:
    """
    :ivar lasting: would it be the same if it were made again?
    """

    outline: _Outline
    about: Document | None
    theirs: Document | None
    plain: Representation
    gzipped: Representation
    lasting: bool

    @property
    def cost(self) -> int:
        size = len(self.plain.body) + len(self.gzipped.body)
        return self.outline.cost + size


@define(eq=False)
class JsonApi:
    """
    A document is made again only when what it is made from has changed.
    """

    _gathering: Gathering
    _documents: Documents
    _finder: Finder
    _metadata: MetadataCache
    _holdings: Holdings
    _in_thread: Callable[..., "Deferred[Any]"]
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _outlines: Bounded[NormalizedName, _Outline] = field(
        factory=lambda: Bounded(_MOST_MADE), init=False
    )
    _made: Bounded[tuple[NormalizedName, str, str], _Made] = field(
        factory=lambda: Bounded(_MOST_MADE), init=False
    )

    async def get(self, name: NormalizedName, version: str, base: str) -> JsonAnswer:
        """
        :param version: empty for all of the project.
        :param base: our address, with a final slash.
        :raises NoSuchRelease: no file of that version is listed.
        :raises Quarantined: none is, as none must be.
        :raises AllTooYoung: likewise, for now.
        :raises NoSuchProject: there is no such project, or it has no files; what else
            may be raised is what :meth:`Gathering.gather` does.
        """
        gathered = await self._gathering.gather(name)
        outline = await self._outline(gathered.parts)
        await self._gathering.note(gathered, outline.listing.private)
        spelt = _choose(outline, version)
        whole = not version
        about, theirs = await self._ask_both(gathered, outline, spelt, whole)
        key = (name, "" if whole else spelt, base)
        made = self._made.get(key)
        if made is None or not _is_of(made, outline, about.document, theirs.document):
            of = (id(outline), id(about.document), id(theirs.document))
            made = await self._flight.join(
                (key, of),
                lambda: self._make(outline, spelt, whole, about, theirs, base),
            )
            if made.lasting:
                self._made.put(key, made, made.cost)
        return JsonAnswer(
            plain=made.plain,
            gzipped=made.gzipped,
            private=outline.listing.private,
            outcome=_outcome(gathered, about, theirs),
            validity=evolve(
                gathered.validity,
                until=min(
                    gathered.validity.until, about.fresh_until, theirs.fresh_until
                ),
            ),
        )

    async def _outline(self, parts: Parts) -> _Outline:
        known = self._outlines.get(parts.name)
        if known is not None and known.parts.identity == parts.identity:
            return known

        async def make() -> _Outline:
            if parts.count <= INLINE:
                return _outline(parts)
            outline: _Outline = await self._in_thread(_outline, parts)
            return outline

        outline = await self._flight.join((parts.name, parts.identity), make)
        self._outlines.put(parts.name, outline, outline.cost)
        return outline

    async def _ask_both(
        self, gathered: Gathered, outline: _Outline, version: str, whole: bool
    ) -> tuple[DocumentAnswer, DocumentAnswer]:
        """
        :returns: what the index says of the release, and of the project, if that is
            wanted or all that it says.
        """
        theirs = await self._ask(gathered, "") if whole else _NOTHING
        if not outline.is_theirs(version):
            return _NOTHING, theirs
        if whole and _is_settled(theirs, version):
            return theirs, theirs
        about = await self._ask(gathered, version)
        if not whole and about.document is None and not about.hindered:
            theirs = await self._ask(gathered, "")
            if _is_settled(theirs, version):
                about = theirs
        return about, theirs

    async def _ask(self, gathered: Gathered, version: str) -> DocumentAnswer:
        page = gathered.parts.upstream
        if page is None:
            return _NOTHING
        return await self._documents.get(page.name, version, page.index)

    async def _make(
        self,
        outline: _Outline,
        version: str,
        whole: bool,
        about: DocumentAnswer,
        theirs: DocumentAnswer,
        base: str,
    ) -> _Made:
        info: Mapping[str, Any] | None = {}
        if about.document is None:
            files = outline.releases.files[version]
            info = await self._info(outline.parts.name, files, about.hindered)
        contents = Contents(
            name=outline.parts.name,
            releases=outline.releases.files,
            version=version,
            whole=whole,
            about=about.document,
            theirs=theirs.document,
            info=info or {},
            last_serial=outline.listing.page.last_serial,
        )
        if outline.parts.count <= INLINE:
            plain, gzipped = _render(contents, base)
        else:
            plain, gzipped = await self._in_thread(_render, contents, base)
        lasting = info is not None
        return _Made(outline, about.document, theirs.document, plain, gzipped, lasting)

    async def _info(
        self, name: NormalizedName, files: Sequence[Distribution], only_here: bool
    ) -> Mapping[str, Any] | None:
        """
        What one of the files says of itself.

        :param only_here: ask nobody for it.
        :returns: :obj:`None` if that cannot be known now.
        """
        known = True
        ordered = sorted(files, key=lambda d: not is_wheel(d.filename))
        for listed in ordered[:_MOST_TRIED]:
            try:
                found = await self._finder.find(name, listed.filename)
                if found.held is not None and not is_wheel(listed.filename):
                    content = await self._holdings.core_metadata(found.held)
                elif found.held is not None or not only_here:
                    content = (await self._metadata.get(found, even_so=True)).content
                else:
                    known = False
                    continue
            except NoSuchFile:
                continue
            except ProxypypiError:
                known = False
                continue
            if content:
                info: Mapping[str, Any] = await self._in_thread(read_info, content)
                return info
        return {} if known else None


def _outline(parts: Parts) -> _Outline:
    listing = parts.merge()
    return _Outline(parts, listing, releases_of(listing.page))


def _choose(outline: _Outline, version: str) -> str:
    """
    :returns: the version that the document is about, as it is spelt here.
    """
    name, page = outline.parts.name, outline.listing.page
    if page.status == "quarantined":
        here = outline.parts.marks.quarantined
        raise Quarantined(project=name, here=here, reason=page.status_reason)
    spelt = outline.releases.find(version) if version else outline.releases.newest
    if spelt is None and version:
        raise NoSuchRelease(project=name, version=version)
    if spelt is None and page.held_back is not None:
        raise AllTooYoung(project=name, until=page.held_back.until)
    if spelt is None:
        raise NoSuchProject(project=name)
    return spelt


def _is_settled(theirs: DocumentAnswer, version: str) -> bool:
    """
    Is it known what the index has to say of a version, if it is asked for no more?
    """
    if theirs.document is None:
        return theirs.hindered
    return comparable(theirs.document.version) == comparable(version)


def _is_of(
    made: _Made, outline: _Outline, about: Document | None, theirs: Document | None
) -> bool:
    return made.outline is outline and made.about is about and made.theirs is theirs


def _render(contents: Contents, base: str) -> tuple[Representation, Representation]:
    return both(render_document(contents, base))


def _outcome(
    gathered: Gathered, about: DocumentAnswer, theirs: DocumentAnswer
) -> Outcome:
    """
    That of the last question that was put; it says so if the answer is made here.
    """
    outcome = about.outcome or theirs.outcome or gathered.outcome
    if about.document is None and not outcome.detail:
        return evolve(outcome, detail="made-here")
    return outcome
