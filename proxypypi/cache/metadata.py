"""
Core metadata of distributions, apart from them (PEP 658, PEP 714).
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from proxypypi.cache.flight import SingleFlight, patiently
from proxypypi.cache.found import FoundFile
from proxypypi.cache.health import Health
from proxypypi.cache.holdings import Holdings
from proxypypi.cache.upstreams import Upstreams
from proxypypi.cache.wheels import metadata_within
from proxypypi.errors import NoSuchFile, UpstreamRefusal
from proxypypi.interfaces import IFactsStore, IIndex
from proxypypi.model import Outcome
from proxypypi.names import is_wheel
from proxypypi.rules.integrity import Digests, agree, is_strong

_LARGEST = 10 * 1024 * 1024  # bytes


@frozen(kw_only=True)
class FoundMetadata:
    """
    :ivar immutable: will there never be other bytes at this address?
    """

    content: bytes
    private: bool
    immutable: bool
    outcome: Outcome


@define(eq=False)
class MetadataCache:
    """
    That of wheels here is read from them; upstream's is fetched, checked and kept, and
    read from its wheel if it is offered but not there.
    """

    _holdings: Holdings
    _store: IFactsStore
    _upstreams: Upstreams
    _health: Health
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _flight: SingleFlight = field(factory=SingleFlight, init=False)

    async def get(self, found: FoundFile, even_so: bool = False) -> FoundMetadata:
        """
        :param even_so: look for it upstream though it is not offered.
        :raises NoSuchFile: none is offered for this file.
        :raises UpstreamError: it could not be fetched.
        """
        name, filename = found.name, found.filename
        content = await self._of_wheel(found)
        if content is not None:
            return FoundMetadata(
                content=content,
                private=found.private,
                immutable=found.immutable,
                outcome=Outcome(hit=True),
            )
        offered = found.listed.core_metadata if found.listed is not None else None
        unknown = NoSuchFile(
            filename=filename, why=f"no core metadata of {filename!r} is known"
        )
        if not offered and (found.listed is None or not even_so):
            raise unknown
        hashes = offered if isinstance(offered, Mapping) else {}
        kept = await self._store.load_metadata(name, _kept_as(found, hashes))
        if kept is not None and (not hashes or agree(_digests(kept, hashes), hashes)):
            content, outcome = kept, Outcome(hit=True)
        elif (upstream := self._upstreams.at(found.origin)) is None:
            raise unknown
        else:
            key = (name, _kept_as(found, {}), frozenset(hashes.items()))
            collapsed = self._flight.is_flying(key)
            fetching = self._flight.join(
                key, lambda: self._fetch(found, hashes, upstream.index)
            )
            content = await patiently(fetching, self._clock, f"{filename}.metadata")
            outcome = Outcome(
                forwarded="miss", stored=not collapsed, collapsed=collapsed
            )
        return FoundMetadata(
            content=content,
            private=False,
            immutable=found.immutable and is_strong(hashes),
            outcome=outcome,
        )

    async def _of_wheel(self, found: FoundFile) -> bytes | None:
        """
        What is known of a wheel that is here; or that was a moment ago, when its
        metadata was offered for that alone.
        """
        if found.held is not None:
            return await self._holdings.metadata(found.name, found.held)
        if found.listed is not None and not found.listed.core_metadata:
            return await self._holdings.metadata_of_gone(found.name, found.listed)
        return None

    async def _fetch(
        self, found: FoundFile, hashes: Mapping[str, str], index: IIndex
    ) -> bytes:
        assert found.listed is not None
        url = found.listed.url + ".metadata"
        try:
            content = await index.fetch_small(url, _LARGEST, hashes)
        except UpstreamRefusal as e:
            if e.status not in (403, 404, 410):
                raise
            within = await self._within(found, hashes, index)
            if within is None:
                raise NoSuchFile(
                    filename=found.filename,
                    why=f"upstream offers core metadata of {found.filename!r}, "
                    "but does not have it",
                ) from e
            content = within
        await self._health.keeping(
            f"metadata of {found.filename}",
            self._store.save_metadata,
            found.name,
            _kept_as(found, hashes),
            content,
        )
        return content

    async def _within(
        self, found: FoundFile, hashes: Mapping[str, str], index: IIndex
    ) -> bytes | None:
        """
        What the wheel itself has to say, as installers do not look there once they were
        promised that they need not.
        """
        assert found.listed is not None
        if not is_wheel(found.filename):
            return None
        url = found.listed.url
        size = found.size or await index.fetch_size(url)
        if not size:
            return None
        content = await metadata_within(
            index, url, size, found.filename, self._in_thread, hashed=bool(hashes)
        )
        if content is None or (hashes and not agree(_digests(content, hashes), hashes)):
            return None
        return content


def _kept_as(found: FoundFile, hashes: Mapping[str, str]) -> str:
    """
    :returns: a name that, without digests to tell, means that of this very file only.
    """
    if hashes or found.listed is None:
        return found.filename
    file = [found.origin, found.listed.url, *sorted(found.listed.hashes.values())]
    return f"{found.filename}~{sha256(' '.join(file).encode()).hexdigest()[:16]}"


def _digests(content: bytes, hashes: Mapping[str, str]) -> Mapping[str, str]:
    digests = Digests.checking(hashes)
    digests.update(content)
    return digests.hex()
