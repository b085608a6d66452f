"""
What a bundle says of projects, put beside what is known of them here.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TypeVar

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from proxypypi.bundles.merging import added, merged, stricter
from proxypypi.bundles.notes import FileNote, PageNote, ProjectNote
from proxypypi.cache.facts import make_facts
from proxypypi.errors import DamagedRecord, UnreadablePage
from proxypypi.model import FactsChange, FileFacts, LocalFile
from proxypypi.names import NormalizedName, comparable
from proxypypi.simple.reading import read_page
from proxypypi.store.archives import look_inside
from proxypypi.store.attestations import AttestationStore
from proxypypi.store.claims import ClaimStore
from proxypypi.store.facts import FactsStore
from proxypypi.store.marks import Yanks, change_yanks, load_marks, set_status
from proxypypi.store.pages import PageStore
from proxypypi.store.wishes import Wishes

_ROUNDED = 0.001  # seconds that a time on disk may differ from the one it is of

T = TypeVar("T")


def at_once(fired: "Deferred[T]") -> T:
    """
    What a store that works in no thread has to say.
    """
    results: list[T | Failure] = []
    fired.addBoth(results.append)
    [result] = results
    if isinstance(result, Failure):
        result.raiseException()
    return result


@define(eq=False)
class Knowledge:
    """
    Of all that lies in a directory.

    :ivar troubles: what could not be done, and why.
    """

    _root: Path
    troubles: list[str] = field(factory=list, init=False)
    _facts: FactsStore = field(init=False)
    _pages: PageStore = field(init=False)
    _attestations: AttestationStore = field(init=False)
    _claims: ClaimStore = field(init=False)
    _rereads: Wishes = field(init=False)

    def __attrs_post_init__(self) -> None:
        cache = self._root / ".proxypypi" / "cache"
        self._facts = FactsStore(cache, self._decisions, maybeDeferred)
        self._pages = PageStore(cache / "pages", maybeDeferred)
        self._attestations = AttestationStore(self._decisions, maybeDeferred)
        self._claims = ClaimStore.of(self._root)
        self._rereads = Wishes.to_reread(self._root)

    @property
    def _decisions(self) -> Path:
        return self._root / ".proxypypi" / "decisions"

    def facts_about(self, name: NormalizedName) -> Mapping[str, FileFacts]:
        return self._facts.read_facts(name)

    def decide(self, name: NormalizedName, note: ProjectNote, now: float) -> None:
        """
        What people decided on the other side holds here, too.

        :param now: POSIX seconds.
        """
        if note.claimed:
            self._claims.claim(name, now, "by a bundle")
        versions = {comparable(v): why for v, why in note.yanked_versions.items()}
        try:
            self._yank(name, versions, note.yanked_files)
        except DamagedRecord as e:
            self.troubles.append(str(e))
        marks, _ = load_marks(self._decisions, name)
        if note.status is not None and stricter(note.status, marks.status):
            set_status(self._decisions, name, note.status, note.status_reason)

    def _yank(
        self,
        name: NormalizedName,
        versions: Mapping[str, str],
        files: Mapping[str, str],
    ) -> None:
        marks, _ = load_marks(self._decisions, name)
        if not added(marks.versions, versions) and not added(marks.files, files):
            return

        def change(yanks: Yanks) -> None:
            yanks.versions.update(added(yanks.versions, versions))
            yanks.files.update(added(yanks.files, files))

        change_yanks(self._decisions, name, change)

    def learn(
        self, name: NormalizedName, note: ProjectNote, coming: Collection[str]
    ) -> None:
        """
        What is known on the other side of files that are here, and of those that will
        be. It is known before they are there, or a server that runs beside would take
        them for files that people have put there.

        :param coming: names of files of the bundle, but for those of which there is
            another here.
        """
        files = {filename: note.files[filename] for filename in coming}
        self._attest(name, files)
        self._note_first_seen(name, files)
        page = at_once(self._pages.load(name))
        ours_at = page[1] if page is not None else 0.0
        theirs_at = note.page.checked_at if note.page is not None else 0.0

        def change(kept: Mapping[str, FileFacts]) -> Mapping[str, FileFacts]:
            facts = dict(kept)
            for filename, theirs in note.files.items():
                ours = kept.get(filename)
                if ours is not None and ours.hashes["sha256"] == theirs.sha256:
                    facts[filename] = merged(ours, ours_at, theirs, theirs_at)
                elif filename in files:
                    facts[filename] = _foretold(theirs)
            return facts

        self._change(name, change)

    def _attest(self, name: NormalizedName, files: Mapping[str, FileNote]) -> None:
        kept = at_once(self._attestations.digests(name))
        for file in files.values():
            if file.attestations and file.sha256 not in kept:
                keeping = self._attestations.keep(name, file.sha256, file.attestations)
                at_once(keeping)

    def _note_first_seen(
        self, name: NormalizedName, files: Mapping[str, FileNote]
    ) -> None:
        """
        Of private ones.
        """
        seen = at_once(self._facts.load_first_seen(name))
        earlier = {
            filename: {file.sha256: file.seen_at}
            for filename, file in files.items()
            if file.origin is None
            and file.seen_at < seen.get(filename, {}).get(file.sha256, float("inf"))
        }
        if earlier:
            at_once(self._facts.add_first_seen(name, earlier))

    def take_page(self, name: NormalizedName, note: PageNote, body: bytes) -> bool:
        """
        Keep a page, unless the one that is kept was known to hold later.

        :returns: is it kept?
        """
        raw = note.page(body)
        try:
            read_page(raw, name)
        except UnreadablePage as e:
            self.troubles.append(f"the page of {name} in it is none: {e}")
            return False
        kept = at_once(self._pages.load(name))
        if kept is not None and kept[1] + _ROUNDED >= note.checked_at:
            return False
        # A newer one may come in between, and is written over. No lock forbids that, as
        # every page that a server keeps would have to wait for it: what is lost is had
        # anew, since with this page comes the time at which it was known to hold.
        at_once(self._pages.save(name, raw, note.checked_at))
        at_once(self._pages.save_doubt(name, None))
        self._rereads.make(name)
        return True

    def describe(
        self,
        name: NormalizedName,
        files: Mapping[LocalFile, Mapping[str, str]],
        note: ProjectNote,
    ) -> None:
        """
        These are the files that were foretold.

        :param files: that lie here now, to their digests.
        """
        found = {
            file.filename: make_facts(
                file, look_inside(file.path, file.filename, hashes), 0.0, None
            )
            for file, hashes in files.items()
        }

        def change(kept: Mapping[str, FileFacts]) -> Mapping[str, FileFacts]:
            facts = dict(kept)
            for filename, read in found.items():
                theirs = note.files[filename]
                ours = kept.get(filename)
                if ours is None or ours.hashes["sha256"] != theirs.sha256:
                    ours = _foretold(theirs)
                facts[filename] = _described(ours, read)
            return facts

        self._change(name, change)

    def _change(self, name: NormalizedName, change: FactsChange) -> None:
        known = self.facts_about(name)
        if change(known) != known:
            at_once(self._facts.change_facts(name, change))
            self._rereads.make(name)


def _foretold(note: FileNote) -> FileFacts:
    """
    Facts of a file that lies nowhere yet: they describe none that does.
    """
    return FileFacts(
        size=0,
        modified_at=0,
        inode=0,
        changed_at=0,
        hashes={"sha256": note.sha256},
        seen_at=note.seen_at,
        origin=note.origin,
        uploaded_at=note.uploaded_at,
        missed_at=note.missed_at,
        missed_again=note.missed_again,
        attested=bool(note.attestations),
    )


def _described(facts: FileFacts, read: FileFacts) -> FileFacts:
    """
    :param read: what the file itself says.
    """
    return evolve(
        read,
        seen_at=facts.seen_at,
        origin=facts.origin,
        uploaded_at=facts.uploaded_at,
        missed_at=facts.missed_at,
        missed_again=facts.missed_again,
        attested=facts.attested,
    )
