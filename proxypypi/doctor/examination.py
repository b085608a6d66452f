"""
All that is looked at, side by side, each in its time.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from proxypypi.auth.htpasswd import read_users
from proxypypi.config import Configuration
from proxypypi.doctor.addresses import Addresses
from proxypypi.doctor.directory import examine_directory
from proxypypi.doctor.threads import in_own_thread
from proxypypi.doctor.upstreams import Checkup
from proxypypi.model import Finding
from proxypypi.names import NormalizedName
from proxypypi.settings import Settings
from proxypypi.store.claims import ClaimStore

_FOR_DISK = 20.0  # seconds
_FOR_ADDRESSES = 20.0
_FOR_INDEX = 60.0


async def examine(
    configuration: Configuration, reactor: Any, environment: Mapping[str, str]
) -> list[Finding]:
    """
    :param configuration: that a server would start with.
    """
    settings, in_thread = configuration.settings, partial(in_own_thread, reactor)
    addresses = Addresses(settings, reactor, in_thread)
    now = reactor.seconds()

    def bounded(
        work: "Deferred[list[Finding]]", subject: str, seconds: float
    ) -> "Deferred[list[Finding]]":
        def too_late(_: object, seconds: float) -> list[Finding]:
            what = f"nothing is known after {seconds:.0f} s"
            return [Finding.error(subject, what)]

        return work.addTimeout(seconds, reactor, onTimeoutCancel=too_late)

    disk = in_thread(partial(examine_directory, settings, now))
    listening = Deferred.fromCoroutine(addresses.examine(now))
    is_secret = partial(_is_secret, settings)
    parts = [
        bounded(disk, "directory", _FOR_DISK),
        bounded(listening, "addresses", _FOR_ADDRESSES),
    ]
    for upstream in settings.upstreams:
        checkup = Checkup(upstream, reactor, environment, is_secret)
        asking = Deferred.fromCoroutine(checkup.examine())
        parts.append(bounded(asking, checkup.subject, _FOR_INDEX))
    found = await gatherResults(parts, consumeErrors=True)
    return [*_options(configuration), *(each for part in found for each in part)]


def _is_secret(settings: Settings, name: NormalizedName) -> bool:
    """
    May no index ever hear of a project?
    """
    if any(fnmatchcase(name, glob) for glob in (*settings.private, *settings.deny)):
        return True
    try:
        return ClaimStore.of(settings.directory).is_claimed(name)
    except OSError:  # of which is told by those who look at the directory
        return True


def _options(configuration: Configuration) -> Iterable[Finding]:
    """
    That they are valid has been found out by reading them.
    """
    file = configuration.file
    yield Finding.ok(
        "options", f"they are valid, with {file}" if file else "they are valid"
    )
    for warning in configuration.warnings:
        yield Finding.warning("options", warning)
    settings = configuration.settings
    for option, path in (
        ("--upload-auth", settings.upload_auth),
        ("--read-auth", settings.read_auth),
    ):
        if path is not None:
            count = len(read_users(path))
            yield Finding.ok(option, f"{path} has the passwords of {count}")
    if not settings.upstreams:
        yield Finding.ok("upstreams", "none is asked")
