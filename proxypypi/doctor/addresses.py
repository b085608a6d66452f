"""
Whether the addresses can be had, or are a server's of this directory already.
"""

import errno
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.protocol import Factory

from proxypypi.daemon.asking import ask
from proxypypi.errors import BadCertificate, BadSettings, CannotListen
from proxypypi.listening import listen, reachable
from proxypypi.model import Finding, Grade
from proxypypi.rules.checkup import grade_certificate
from proxypypi.settings import Settings
from proxypypi.store.locked import is_held
from proxypypi.tls import Endpoint, Identity, parse_endpoint
from proxypypi.workers.sockets import check_endpoint

_FREE = "it can be had"
_OURS = "our server listens there"
_ANOTHER = "end who listens there, or listen at another"


@define(eq=False)
class Addresses:
    """
    Those of a server's settings.

    :ivar _reactor: listens.
    :ivar _in_thread: runs a blocking call.
    """

    _settings: Settings
    _reactor: Any
    _in_thread: "Callable[[Callable[[], Any]], Deferred[Any]]"

    async def examine(self, now: float) -> list[Finding]:
        """
        :param now: POSIX seconds.
        """
        found = [await self._examine(each, now) for each in self._settings.listen]
        findings = [finding for each in found for finding in each]
        if any(each.what.startswith(_OURS) for each in findings):
            return [
                _left_out(each) if each.what == _FREE else each for each in findings
            ]
        if not any(map(_is_lent, self._settings.listen)) and self._is_taken():
            what = "another server has it, which listens elsewhere"
            findings.append(Finding.error("directory", what, "end that one first"))
        return findings

    async def _examine(self, endpoint: str, now: float) -> list[Finding]:
        if _is_lent(endpoint):
            return [Finding.ok(endpoint, "it is for systemd to open")]
        try:
            parsed = self._parse(endpoint)
        except BadSettings as e:
            return [Finding.error(endpoint, str(e))]
        identity = parsed.identity
        findings = [] if identity is None else [_certificate(identity, now)]
        try:
            port = listen(endpoint, parsed.server, Factory())
        except CannotListen as e:
            who = partial(self._who, endpoint, parsed, e)
            return [*findings, await self._in_thread(who)]
        await maybeDeferred(port.stopListening)
        return [*findings, Finding.ok(endpoint, _FREE)]

    def _parse(self, endpoint: str) -> Endpoint:
        """
        :raises BadSettings: a start would fail.
        """
        try:
            parsed = parse_endpoint(self._reactor, endpoint)
        except BadCertificate as e:
            raise BadSettings(reason=str(e)) from e
        except Exception as e:  # each kind of endpoint has its own
            raise BadSettings(reason=f"it is no server endpoint: {e}") from e
        if self._settings.workers > 1:
            check_endpoint(endpoint)
        return parsed

    def _who(self, endpoint: str, parsed: Endpoint, error: CannotListen) -> Finding:
        """
        Why an address cannot be had. Blocks.
        """
        address = _address_of(error.__cause__, "https" if parsed.identity else "http")
        said = ask([address]) if address else None
        if said != "ok" and not (said or "").startswith("degraded: "):
            return Finding.error(
                endpoint, f"it cannot be had: {error.reason}", _ANOTHER
            )
        if not self._is_taken():
            what = "a proxypypi listens there, but serves another directory"
            return Finding.error(endpoint, what, _ANOTHER)
        if said != "ok":
            return Finding.warning(endpoint, f"{_OURS}, {said}")
        if ask([address], "/-/ready") is None:
            return Finding.warning(endpoint, f"{_OURS}, and is about to end")
        return Finding.ok(endpoint, f"{_OURS}, and is well")

    def _is_taken(self) -> bool:
        """
        Has a server the directory?
        """
        try:
            return is_held(self._settings.directory / ".proxypypi" / "lock")
        except OSError:
            return False


def _is_lent(endpoint: str) -> bool:
    """
    Is it one that nobody but systemd can open, and that cannot be told from here?
    """
    return endpoint.startswith("systemd:")


def _left_out(found: Finding) -> Finding:
    what = "our server, which runs, does not listen there"
    return Finding.warning(found.subject, what, "restart it, with these options")


def _address_of(error: Any, scheme: str) -> str:
    """
    Where to ask who has an address; empty if nobody has it.

    :param error: Twisted's.
    """
    cause = getattr(error, "socketError", None)
    if getattr(error, "interface", None) is None:  # a unix socket's
        path = getattr(error, "port", "")
        return f"unix:{path.decode() if isinstance(path, bytes) else path}"
    if getattr(cause, "errno", None) != errno.EADDRINUSE:
        return ""
    return f"{scheme}://{reachable(error.interface or '0.0.0.0')}:{error.port}"


def _certificate(identity: Identity, now: float) -> Finding:
    path: Path = identity.files.certificate
    ends_at = identity.files.ends_at()
    day = datetime.fromtimestamp(ends_at, timezone.utc).date().isoformat()
    grade = grade_certificate(ends_at, now)
    if grade is Grade.ERROR:
        what = f"it has ended, on {day}"
        return Finding.error(str(path), what, "renew it, and send the server HUP")
    if grade is Grade.WARNING:
        return Finding.warning(str(path), f"it ends soon, on {day}", "renew it")
    return Finding.ok(str(path), f"it is good until {day}")
