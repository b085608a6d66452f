"""
The route by which people have the cache filled.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any, ClassVar

import msgspec
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.server import Request

from proxypypi.cache.flight import SingleFlight, patiently
from proxypypi.cache.prefetch import Prefetch
from proxypypi.errors import BadRequest, StillFetching
from proxypypi.model import Outcome
from proxypypi.rules.requirements import Requirements, parse_requirements
from proxypypi.web.fields import read_field
from proxypypi.web.gate import Gate
from proxypypi.web.headers import NEVER_KEEP, cache_status, set_headers
from proxypypi.web.router import Router

_LONGEST = 900.0  # seconds that a client is kept waiting
_MOST_WANTED = 2000  # lines that name a project
_MOST_AT_ONCE = 16  # files of requirements that are being seen to


@define(eq=False)
class RequirementsRoutes:
    """
    What was begun goes on, whatever becomes of the client; who asks for the same
    meanwhile waits for the same.
    """

    _log: ClassVar[Logger] = Logger()
    router: ClassVar[Router] = Router()

    _gate: Gate
    _prefetch: Prefetch
    _clock: IReactorTime
    _in_thread: Callable[..., "Deferred[Any]"]
    _flight: SingleFlight = field(factory=SingleFlight, init=False)

    @router.route("/requirements.txt", methods=["POST"])
    async def fetch(self, request: Request) -> bytes:
        await self._gate.check_administer(request)
        content = await read_field(request, "requirements")
        key = sha256(content).digest()
        if len(self._flight) >= _MOST_AT_ONCE and not self._flight.is_flying(key):
            raise StillFetching(what="what others want")
        report = await patiently(
            self._flight.join(key, lambda: self._fetch(content)),
            self._clock,
            "what the requirements name",
            _LONGEST,
        )
        set_headers(
            request,
            content_type="application/json",
            content_length=str(len(report)),
            cache_control=NEVER_KEEP,
            cache_status=cache_status(Outcome()),
        )
        return report

    async def _fetch(self, content: bytes) -> bytes:
        """
        :returns: the report.
        :raises BadRequest: it is no text, or too much.
        """
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as e:
            raise BadRequest(reason="the requirements are not in UTF-8") from e
        found: Requirements = await self._in_thread(parse_requirements, text)
        if len(found.wanted) > _MOST_WANTED:
            raise BadRequest(reason=f"there are more than {_MOST_WANTED} requirements")
        fetched = await self._prefetch.fetch(found.wanted)
        failed = [
            {"requirement": one.said, "reason": one.problem}
            for one in fetched
            if one.problem
        ]
        self._log.info(
            "requirements: {files} files are here, {failed} of {count} lines failed",
            files=sum(len(one.files) for one in fetched),
            failed=len(failed),
            count=len(fetched),
        )
        facts = {
            "cached": [one.said for one in fetched if not one.problem],
            "unparseable": found.unparseable,
            "failed": failed,
        }
        return msgspec.json.encode(facts) + b"\n"
