"""
What people publish: checked, and put with the rest.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import define, field
from msgspec import Raw
from twisted.internet.defer import Deferred, DeferredLock, DeferredSemaphore
from twisted.logger import Logger

from proxypypi.cache.arrivals import ArrivingFile, no_room
from proxypypi.cache.flight import SingleFlight
from proxypypi.cache.health import Health
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.pages import PageCache
from proxypypi.cache.private import PrivateNames
from proxypypi.cache.upstreams import Upstreams
from proxypypi.errors import (
    FileExists,
    NoSuchProject,
    NotAllowed,
    StillFetching,
    UpstreamError,
)
from proxypypi.interfaces import (
    IAttestations,
    IDirectory,
    ITurns,
)
from proxypypi.model import User
from proxypypi.names import NormalizedName, is_wheel
from proxypypi.rules.attestations import read_attestations
from proxypypi.rules.publication import Claimed, Publication, check_hashes, judge
from proxypypi.store.archives import Findings, digests_of, requires_python_in, sha256_of
from proxypypi.store.inspection import inspect

_TURN = "~upload"  # no project's name
_EXAMINED_AT_ONCE = 2  # each takes a thread, for minutes if it is large


@define(eq=False)
class Uploads:
    """
    Decides about each file, once it has come.
    """

    _log: ClassVar[Logger] = Logger()

    _pages: PageCache
    _holdings: Holdings
    _directory: IDirectory
    _upstreams: Upstreams
    _names: PrivateNames
    _attestations: IAttestations
    _health: Health
    _turns: ITurns
    _in_thread: Callable[..., "Deferred[Any]"]
    _flight: SingleFlight = field(factory=SingleFlight, init=False)
    _examining: DeferredSemaphore = field(
        factory=lambda: DeferredSemaphore(_EXAMINED_AT_ONCE), init=False
    )
    _publishing: DeferredLock = field(factory=DeferredLock, init=False)

    def check(self, user: User, name: NormalizedName) -> None:
        """
        See that it is not certain already that this user may not publish that project.

        :raises NameDenied: it is refused.
        :raises NotAllowed: it is not among those of the user.
        """
        self._names.check(name)
        if not user.may_publish(name, upstream_has=False):
            raise _not_allowed(user, name, False)

    def publish(
        self, user: User, claimed: Claimed, arriving: ArrivingFile
    ) -> "Deferred[Publication]":
        """
        Check a file that has come, and publish it. That goes on even if nobody waits
        for it any more.

        :raises BadRequest: it is not what it is said to be.
        :raises NameDenied: the project is refused.
        :raises NotAllowed: that user may not publish it.
        :raises FileExists: there is another of that name.
        :raises UpstreamError: it cannot be known whether an upstream has the project.
        :raises NoRoom: the disk does not take it.
        """
        return self._flight.join(
            arriving, lambda: self._check_and_publish(user, claimed, arriving)
        )

    async def _check_and_publish(
        self, user: User, claimed: Claimed, arriving: ArrivingFile
    ) -> Publication:
        try:
            metadata, publication = await self._examining.run(
                Deferred.fromCoroutine, self._examine(claimed, arriving)
            )
            attestations = read_attestations(claimed.attestations, arriving.sha256)
            is_new = await self._check_rights(user, publication.name)
            try:
                await arriving.upload.sync()
                put = await self._put(publication, arriving, metadata, attestations)
            except OSError as e:
                raise no_room(e) from e
            if is_new:
                await self._names.claim(publication.name)
            self._log.info(
                "{user} published {filename} of {project}"
                if put
                else "{user} published {filename} of {project}, which was here already",
                user=user.name or "somebody",
                filename=publication.filename,
                project=publication.name,
            )
            return publication
        finally:
            arriving.discard()

    async def _examine(
        self, claimed: Claimed, arriving: ArrivingFile
    ) -> tuple[bytes | None, Publication]:
        """
        :returns: also its metadata.
        """
        path = arriving.upload.path
        if set(claimed.hashes) - {"sha256"}:
            found = await self._in_thread(digests_of, path, claimed.hashes)
        else:
            found = {"sha256": arriving.sha256}
        check_hashes(claimed, found)
        metadata: bytes | None = await self._in_thread(inspect, path, claimed.filename)
        publication: Publication = await self._in_thread(judge, claimed, metadata)
        return metadata, publication

    async def _check_rights(self, user: User, name: NormalizedName) -> bool:
        """
        :returns: is it known that no upstream that may be asked has the project?
        """
        self.check(user, name)
        has: bool | None = None
        if self._upstreams.asked_about(name):
            try:
                await self._pages.get(name)
                has = True
            except NoSuchProject:
                has = False
            except (UpstreamError, StillFetching):
                if not user.may_publish(name, upstream_has=True):
                    raise
        if not user.may_publish(name, upstream_has=bool(has)):
            raise _not_allowed(user, name, bool(has))
        return has is False

    async def _put(
        self,
        publication: Publication,
        arriving: ArrivingFile,
        metadata: bytes | None,
        attestations: tuple[Raw, ...],
    ) -> bool:
        """
        One after the other, in all processes: of two of one name the second finds the
        first.

        :returns: is it there only now?
        :raises FileExists: and it is not the same.
        """
        name, filename = publication.name, publication.filename
        await self._publishing.acquire()
        turn = await self._turns.take(_TURN)
        try:
            self._directory.changed(name)  # or the last second would not be seen
            if await self._is_there(publication, arriving):
                await self._attest(publication, arriving, attestations)
                return False
            file = await arriving.upload.publish(name, filename)
            if file is None:
                self._directory.changed(name)
                if not await self._is_there(publication, arriving):
                    raise FileExists(filename=filename, project=name)
                return False
            findings = Findings(
                hashes={"sha256": arriving.sha256},
                requires_python=requires_python_in(metadata or b""),
                metadata=metadata if is_wheel(filename) else None,
            )
            await self._keep(name, arriving.sha256, attestations)
            await self._holdings.add_private(name, file, findings)
            return True
        finally:
            turn.end()
            self._publishing.release()

    async def _attest(
        self,
        publication: Publication,
        arriving: ArrivingFile,
        attestations: tuple[Raw, ...],
    ) -> None:
        """
        The file is here already, and what is attested of it may be new.
        """
        if attestations:
            await self._keep(publication.name, arriving.sha256, attestations)
            await self._holdings.attest(publication.name, publication.filename)

    async def _keep(
        self, name: NormalizedName, sha256: str, attestations: tuple[Raw, ...]
    ) -> None:
        if attestations:
            await self._health.keeping(
                f"attestations of {name}",
                self._attestations.keep,
                name,
                sha256,
                attestations,
            )

    async def _is_there(self, publication: Publication, arriving: ArrivingFile) -> bool:
        """
        :raises FileExists: there is another of that name.
        """
        files = await self._directory.files(publication.name)
        there = files.get(publication.filename)
        if there is None:
            return False
        digest = ""
        if there.size == arriving.size:
            digest = await self._in_thread(sha256_of, there.path)
        if digest != arriving.sha256:
            raise FileExists(filename=publication.filename, project=publication.name)
        return True


def _not_allowed(user: User, name: NormalizedName, upstream_has: bool) -> NotAllowed:
    who = user.name or "this user"
    if upstream_has and not user.projects:
        return NotAllowed(
            reason=f"{who} may not publish {name}: an upstream index has a project of "
            "that name, so that it has to be named among those of the user"
        )
    return NotAllowed(reason=f"{name} is not among the projects that {who} may publish")
