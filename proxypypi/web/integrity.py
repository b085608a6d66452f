"""
Provenance of files (PEP 740, the Integrity API).
"""

from typing import ClassVar

from attrs import define
from twisted.web.server import Request

from proxypypi.cache.attestations import Attestations
from proxypypi.model import Outcome
from proxypypi.names import check_filename, normalize
from proxypypi.web.headers import ALWAYS_ASK, cache_status, set_headers
from proxypypi.web.router import Router


@define(eq=False)
class IntegrityRoutes:
    """
    Of files that came with attestations.
    """

    router: ClassVar[Router] = Router()
    _attestations: Attestations

    @router.route("/integrity/<project>/<version>/<name>/provenance", methods=["GET"])
    async def provenance(
        self, request: Request, project: str, version: str, name: str
    ) -> bytes:
        body = await self._attestations.provenance(
            normalize(project), version, check_filename(name)
        )
        set_headers(
            request,
            content_type="application/vnd.pypi.integrity.v1+json",
            content_length=str(len(body)),
            cache_control=ALWAYS_ASK,
            cache_status=cache_status(Outcome(hit=True)),
        )
        return body
