"""
A bundle's files, put into the directory: each whole, or not at all.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from attrs import define, field
from twisted.internet.defer import maybeDeferred

from proxypypi.bundles.admission import Admission, Admitted
from proxypypi.bundles.comparing import Comparison, Verdict, compare
from proxypypi.bundles.knowledge import Knowledge, at_once
from proxypypi.bundles.manifest import Kind, Member, Place, file_name, place_of
from proxypypi.bundles.notes import ProjectNote, parse_note
from proxypypi.bundles.reading import Bundle
from proxypypi.bundles.writing import Told
from proxypypi.errors import BadBundle, CannotKeep, DoesNotFit
from proxypypi.model import LocalFile
from proxypypi.names import NormalizedName
from proxypypi.rules.integrity import Digests
from proxypypi.settings import Settings
from proxypypi.store.archives import sha256_of
from proxypypi.store.room import check_room
from proxypypi.store.tally import Tally
from proxypypi.store.uploads import UploadStore


@define(eq=False)
class Report:
    """
    Names of members.

    :ivar brought: was put into the directory.
    :ivar already: was there.
    :ivar others: there is another of that name, which stays.
    :ivar damaged: has not the digest that it should have, and was not kept.
    :ivar missing: is not in the bundle, although its manifest has it.
    :ivar left_out: may not come, and why.
    :ivar remarks: what people should know of those that were brought.
    :ivar size: bytes, of those that were brought.
    :ivar pages: how many were kept.
    """

    brought: list[str] = field(factory=list, init=False)
    already: list[str] = field(factory=list, init=False)
    others: list[str] = field(factory=list, init=False)
    damaged: list[str] = field(factory=list, init=False)
    missing: list[str] = field(factory=list, init=False)
    left_out: dict[str, str] = field(factory=dict, init=False)
    remarks: dict[str, str] = field(factory=dict, init=False)
    size: int = field(default=0, init=False)
    pages: int = field(default=0, init=False)


@define(eq=False)
class _Project:
    """
    One that is coming.

    :ivar note: all that the bundle says of it.
    :ivar arrived: files that lie here by now, and are not described yet, to their
        digests.
    """

    name: NormalizedName
    note: ProjectNote
    admitted: Admitted
    arrived: dict[LocalFile, Mapping[str, str]] = field(factory=dict, init=False)

    @property
    def cached_size(self) -> int:
        """
        Of the files that arrived and are not private, in bytes.
        """
        notes = self.admitted.note.files
        cached = (f for f in self.arrived if notes[f.filename].origin is not None)
        return sum(file.size for file in cached)


@define(eq=False)
class Arrival:
    """
    Of one bundle. Done again after an interruption, it goes on from there.

    :ivar comparisons: by the member's name.
    """

    _settings: Settings
    _bundle: Bundle
    comparisons: Mapping[str, Comparison] = field(init=False)
    knowledge: Knowledge = field(init=False)
    report: Report = field(factory=Report, init=False)
    _admission: Admission = field(init=False)
    _uploads: UploadStore = field(init=False)
    _tally: Tally = field(init=False)
    _project: _Project | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        root = self._settings.directory
        self.knowledge = Knowledge(root)
        members = self._bundle.manifest.members
        self.comparisons = compare(root, members, self.knowledge)
        self._admission = Admission(self._settings)
        uploads = root / ".proxypypi" / "cache" / "uploads"
        self._uploads = UploadStore(uploads, root, maybeDeferred)
        self._tally = Tally.of(root)

    def foresee(self) -> None:
        """
        Report what will be brought.

        :raises BadBundle: it is damaged.
        :raises OSError: the bundle cannot be read, or what was decided here.
        """
        for member in self._bundle.members():
            place = place_of(member)
            if place.kind is Kind.NOTE:
                self._project = self._read_note(place, member)
            elif place.kind is Kind.FILE:
                verdict = self._judge(self._at_hand, place, member)
                if verdict is not None:
                    self._count(member, verdict)
        self.report.missing.extend(member.name for member in self._bundle.missing)

    def check_room(self) -> None:
        """
        :raises DoesNotFit: the files would not fit if all may come.
        """
        size = sum(
            member.size
            for member in self._bundle.manifest.members
            if self._verdict(member) is Verdict.NEW
        )
        try:
            check_room(self._settings.directory, size, self._settings.min_free)
        except OSError as e:
            raise DoesNotFit(size=size, reason=e.strerror or str(e)) from e

    def bring(self, now: float, told: Told = lambda done, all: None) -> None:
        """
        :param now: POSIX seconds.
        :raises BadBundle: it is damaged; what came before that is here.
        :raises CannotKeep: the directory does not take a file.
        :raises OSError: the bundle cannot be read, or a record not be written.
        """
        self._uploads.sweep()
        try:
            for member in self._bundle.members(told):
                self._take(member, now)
        finally:
            self._end_project()
        self.report.missing.extend(member.name for member in self._bundle.missing)

    def _take(self, member: Member, now: float) -> None:
        place = place_of(member)
        if place.kind is Kind.NOTE:
            self._end_project()
            self._begin_project(self._read_note(place, member), now)
            return
        project = self._at_hand
        page = project.admitted.note.page
        if place.kind is Kind.FILE:
            self._take_file(project, place, member)
        elif page is not None:
            body = self._bundle.content(member)
            self.report.pages += self.knowledge.take_page(place.project, page, body)

    @property
    def _at_hand(self) -> _Project:
        assert self._project is not None, "a manifest whose order was not checked"
        return self._project

    def _read_note(self, place: Place, member: Member) -> _Project:
        note = parse_note(self._bundle.content(member))
        admitted = self._admission.admit(place.project, note)
        return _Project(place.project, note, admitted)

    def _begin_project(self, project: _Project, now: float) -> None:
        name, note = project.name, project.admitted.note
        coming = []
        for filename in note.files:
            comparison = self.comparisons.get(file_name(name, filename))
            if comparison is None or comparison.verdict is Verdict.OTHER:
                continue
            is_new = comparison.verdict is Verdict.NEW
            if not (is_new and filename in project.admitted.refused):
                coming.append(filename)
        self.knowledge.decide(name, note, now)
        self.knowledge.learn(name, note, coming)
        self._project = project

    def _end_project(self) -> None:
        project, self._project = self._project, None
        if project is not None and project.arrived:
            self.knowledge.describe(
                project.name, project.arrived, project.admitted.note
            )
            with suppress(OSError):  # then all are counted, sooner or later
                self._tally.add(project.cached_size)

    def _judge(self, project: _Project, place: Place, member: Member) -> Verdict | None:
        """
        :returns: :obj:`None` if it may not come.
        :raises BadBundle: its note is about another file.
        """
        note = project.note.files.get(place.filename)
        if note is None or note.sha256 != member.sha256:
            raise BadBundle(reason=f"what is said of {member.name} in it differs")
        verdict = self.comparisons[member.name].verdict
        reason = project.admitted.refused.get(place.filename)
        if verdict is not Verdict.NEW or reason is None:
            return verdict
        self.report.left_out[member.name] = reason
        return None

    def _take_file(self, project: _Project, place: Place, member: Member) -> None:
        verdict = self._judge(project, place, member)
        if verdict is None:
            return
        if verdict is Verdict.NEW:
            self._unpack(project, place, member)
            return
        self._count(member, verdict)
        comparison = self.comparisons[member.name]
        is_news = place.filename in project.admitted.note.files and not comparison.known
        if verdict is Verdict.HERE and is_news:
            assert comparison.file is not None
            project.arrived[comparison.file] = {"sha256": member.sha256}

    def _unpack(self, project: _Project, place: Place, member: Member) -> None:
        digests = Digests.like(project.note.files[place.filename].hashes)
        with _keeping(member):
            upload = self._uploads.open()
        try:
            for piece in self._bundle.pieces():
                digests.update(piece)
                with _keeping(member):
                    upload.write(piece)
            found = digests.hex()
            if found["sha256"] != member.sha256:
                self.report.damaged.append(member.name)
                return
            with _keeping(member):
                at_once(upload.sync())
                file = at_once(upload.publish(place.project, place.filename))
        finally:
            upload.discard()
        if file is not None:
            project.arrived[file] = found
            self._count(member, Verdict.NEW)
            return
        # Somebody has put one there meanwhile.
        path = self._settings.directory / place.project / place.filename
        same = sha256_of(str(path)) == member.sha256
        self._count(member, Verdict.HERE if same else Verdict.OTHER)

    def _verdict(self, member: Member) -> Verdict | None:
        comparison = self.comparisons.get(member.name)
        return comparison.verdict if comparison is not None else None

    def _count(self, member: Member, verdict: Verdict) -> None:
        if verdict is Verdict.NEW:
            self.report.brought.append(member.name)
            self.report.size += member.size
            remark = self._at_hand.admitted.remarks.get(place_of(member).filename)
            if remark is not None:
                self.report.remarks[member.name] = remark
        elif verdict is Verdict.HERE:
            self.report.already.append(member.name)
        else:
            self.report.others.append(member.name)


@contextmanager
def _keeping(member: Member) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        reason = e.strerror or str(e)
        raise CannotKeep(filename=member.name, reason=reason) from e
