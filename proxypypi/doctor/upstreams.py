"""
Whether an index can be asked, and what it says.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from attrs import define, frozen

from proxypypi.errors import (
    BadName,
    BadSettings,
    NoProjectList,
    NoSuchProject,
    UnreadablePage,
    UpstreamError,
)
from proxypypi.model import Finding, Grade, ProjectPage
from proxypypi.names import NormalizedName, is_among, normalize
from proxypypi.rules.checkup import WELL_KNOWN, grade_clock, missing_from
from proxypypi.settings import UpstreamSettings
from proxypypi.simple.reading import read_page
from proxypypi.upstream.connect import connect_index
from proxypypi.upstream.index import Index
from proxypypi.upstream.outbound import Outbound
from proxypypi.upstream.patience import Patience
from proxypypi.upstream.urls import origin_of

_ADVICE = "see to its address, to the way there, and to its credentials"


class _Seen(Exception):
    """
    So much of a list is enough.
    """


def _see(data: bytes) -> None:
    raise _Seen


@frozen(kw_only=True)
class _Answer:
    """
    :ivar late: seconds by which its clock is late.
    """

    page: ProjectPage
    is_json: bool
    late: float | None


@define(eq=False)
class Checkup:
    """
    Of one index.

    :ivar _reactor: connects, and tells the time.
    :ivar _environment: says how to get there.
    :ivar _is_secret: may no index ever hear of a project?
    :ivar _patience: :obj:`None` for the usual one.
    """

    _settings: UpstreamSettings
    _reactor: Any
    _environment: Mapping[str, str]
    _is_secret: Callable[[NormalizedName], bool]
    _patience: Patience | None = None

    @property
    def subject(self) -> str:
        return f"upstream {self._settings.name}"

    async def examine(self) -> list[Finding]:
        """
        Ask for the page of a project that it is likely to have.
        """
        try:
            way = self._way()
            index = connect_index(
                self._settings,
                self._reactor,
                self._environment,
                patience=self._patience,
            )
        except BadSettings as e:
            return [Finding.error(self.subject, str(e))]
        candidates = list(self._candidates())
        try:
            answer = await self._ask(index, candidates)
            if answer is None:
                return [await self._look_for_it(index, candidates, way)]
        except (UpstreamError, UnreadablePage) as e:
            return [Finding.error(self.subject, f"{e} ({way})", _ADVICE)]
        finally:
            await index.close()
        return [*self._said(answer, way), *self._clock(answer)]

    async def _ask(
        self, index: Index, candidates: Iterable[NormalizedName]
    ) -> _Answer | None:
        """
        :returns: :obj:`None` if it has none of them.
        """
        for name in candidates:
            try:
                raw = await index.fetch_page(name, None)
            except NoSuchProject:
                continue
            assert raw is not None, "as nothing was known"
            now = self._reactor.seconds()
            return _Answer(
                page=read_page(raw, name),
                is_json="json" in raw.content_type.lower(),
                late=now - raw.sent_at if raw.sent_at is not None else None,
            )
        return None

    async def _look_for_it(
        self, index: Index, candidates: Collection[NormalizedName], way: str
    ) -> Finding:
        """
        Is there an index at all?
        """
        known = f"it is there, but what its pages say is not known ({way})"
        try:
            await index.fetch_list(None, _see)
        except _Seen:
            pass
        except NoProjectList:
            if candidates:
                what = f"it has no project list, and none of {', '.join(candidates)}"
                advice = "see to its address, if it should"
                return Finding.warning(self.subject, f"{what} ({way})", advice)
        if candidates and not urlsplit(self._settings.url).path.endswith("simple/"):
            what = f"it answers, and has none of {', '.join(candidates)} ({way})"
            advice = "see to its address: that of most indexes ends in /simple/"
            return Finding.error(self.subject, what, advice)
        return Finding.ok(self.subject, known)

    def _said(self, answer: _Answer, way: str) -> Iterator[Finding]:
        missing = list(missing_from(answer.page, answer.is_json))
        if not missing:
            what = "it gives JSON, digests, sizes, upload times and core metadata"
            yield Finding.ok(self.subject, f"{what} ({way})")
        for what in missing:
            yield Finding.warning(self.subject, f"it gives no {what} ({way})")

    def _clock(self, answer: _Answer) -> Iterator[Finding]:
        if answer.late is None:
            return
        if grade_clock(answer.late) is Grade.OK:
            yield Finding.ok("clock", f"it agrees with that of {self._settings.name}")
            return
        fast = "fast" if answer.late > 0 else "slow"
        what = f"it is {abs(answer.late):.0f} s {fast}, says {self._settings.name}"
        yield Finding.warning("clock", what, "set it by a time server")

    def _candidates(self) -> Iterator[NormalizedName]:
        """
        Projects that it may be asked about, and that it is likely to have.
        """
        globs = self._settings.projects
        said = (glob.rstrip("*") for glob in globs if not glob.startswith("!"))
        for text in dict.fromkeys((*WELL_KNOWN, *said)):
            try:
                name = normalize(text)
            except BadName:
                continue
            if is_among(name, globs) and not self._is_secret(name):
                yield name

    def _way(self) -> str:
        """
        How it is asked; without credentials.

        :raises BadSettings: an outbound proxy has no address.
        """
        home = origin_of(self._settings.url)
        proxy = Outbound.of_environment(self._environment).proxy_for(home)
        way = f"asked through {proxy}" if proxy is not None else "asked directly"
        if home.scheme != "https":
            return way
        said = [
            n for n in ("SSL_CERT_FILE", "SSL_CERT_DIR") if self._environment.get(n)
        ]
        trusted = [f"{name}={self._environment[name]}" for name in said]
        if self._settings.ca_bundle is not None:
            trusted.append(f"ca-bundle {self._settings.ca_bundle}")
        return f"{way}, trusting {' and '.join(trusted)}" if trusted else way
