"""
The page at the root: what this is, how to point installers here, and what it does.
"""

from collections.abc import Sequence
from html import escape
from typing import ClassVar

from attrs import define
from twisted.web.server import Request

from proxypypi.model import Outcome
from proxypypi.web.address import FROM, address_of
from proxypypi.web.headers import ALWAYS_ASK, cache_status, set_headers
from proxypypi.web.router import Router
from proxypypi.web.ui.board import Board
from proxypypi.web.ui.frame import FOLLOW, POLICY, frame
from proxypypi.web.ui.usage import installing, publishing
from proxypypi.web.uploads import UploadRoutes

_PAGE = """\
<p>A caching proxy for Python packages. {role}
Files dropped into its directory are listed with the rest.</p>
<div class="columns">
<div>
{installing}{publishing}<h2>What is here</h2>
<p><a href="local/">Projects with files here</a>, served without asking anybody:
use <code>{local}</code> for builds that repeat. <code>{snapshot}</code> is an index as
of the end of that day.</p>
</div>
<div>
{report}</div>
</div>
{follow}"""
_EXAMPLE = "2026-11-01"
_LIVE = '<span id="live" class="soft" hidden>live</span>\n'


@define(eq=False)
class HomeRoutes:
    """
    :ivar _upstreams: addresses of the indexes it stands in for.
    :ivar _uploads: takes what is published to the root, as some clients are told to.
    :ivar _board: tells what goes on.
    """

    router: ClassVar[Router] = Router()
    _upstreams: Sequence[str]
    _uploads: UploadRoutes
    _board: Board

    @router.route("/", methods=["GET"])
    async def home(self, request: Request) -> bytes:
        base = address_of(request)
        health, report = await self._board.report()
        content = _PAGE.format(
            role=(
                f"It stands in for {escape(' and '.join(self._upstreams))}."
                if self._upstreams
                else "It serves what is in its directory, and asks no one else."
            ),
            installing=installing(base),
            publishing=(
                f"<h2>Publish</h2>\n{publishing(base)}"
                if self._uploads.takes_any
                else ""
            ),
            local=escape(f"{base}local/"),
            snapshot=escape(f"{base}snapshot/{_EXAMPLE}/simple/"),
            report=report,
            follow=FOLLOW,
        )
        page = frame("proxypypi", content, beside=f"{health}{_LIVE}")
        set_headers(
            request,
            content_type="text/html; charset=utf-8",
            content_length=str(len(page)),
            content_security_policy=POLICY,
            cache_control=ALWAYS_ASK,
            cache_status=cache_status(Outcome(hit=True)),
            vary=FROM,
        )
        return page

    @router.route("/", methods=["POST"])
    async def publish(self, request: Request) -> bytes:
        return await self._uploads.publish(request)
