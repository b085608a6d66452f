"""
The pages of an upstream index: each asked for once, without another try.
"""

from attrs import define

from proxypypi.errors import NoDocument, NoProjectList, NoSuchProject
from proxypypi.model import RawPage
from proxypypi.names import NormalizedName
from proxypypi.upstream.client import Client
from proxypypi.upstream.replies import Reply
from proxypypi.upstream.urls import shown
from proxypypi.upstream.wholes import collect, expect_decoded

LARGEST_PAGE = 100 * 1024 * 1024
LARGEST_DOCUMENT = 50 * 1024 * 1024

_ACCEPT = (
    "application/vnd.pypi.simple.v1+json,"
    " application/vnd.pypi.simple.v1+html;q=0.2,"
    " text/html;q=0.01"
)

_ACCEPT_DOCUMENT = "application/json"

_NO_LIST = (403, 404, 405, 406, 410, 501)  # of those who do not list their projects
_NO_DOCUMENT = _NO_LIST  # of those who have no JSON API, or nothing to say


@define(eq=False)
class Pages:
    """
    Its project pages, its documents and its project list. Where *known* is given, they
    say :obj:`None` if that still holds; *background* says that nobody waits.

    :ivar _url: the index's address.
    :ivar _missing: statuses that say that there is no such project.
    """

    _url: str
    _client: Client
    _missing: frozenset[int]

    async def fetch_page(
        self, url: str, name: NormalizedName, known: RawPage | None, background: bool
    ) -> RawPage | None:
        """
        :raises NoSuchProject: the index has no such project.
        """
        reply = await self._ask(url, known, background)
        if reply is None:
            return None
        if reply.code in self._missing:
            reply.discard()
            raise NoSuchProject(project=name)
        expect_decoded(reply)
        return self.raw_page(reply, await collect(reply, LARGEST_PAGE))

    async def fetch_document(
        self, url: str, known: RawPage | None, background: bool
    ) -> RawPage | None:
        """
        :raises NoDocument: the index has none at this address.
        """
        reply = await self._ask(url, known, background, _ACCEPT_DOCUMENT)
        if reply is None:
            return None
        if reply.code in self._missing or reply.code in _NO_DOCUMENT:
            reply.discard()
            raise NoDocument(url=shown(url))
        expect_decoded(reply)
        return self.raw_page(reply, await collect(reply, LARGEST_DOCUMENT))

    async def begin_list(self, known: RawPage | None, background: bool) -> Reply | None:
        """
        :returns: the list, whose body is yet to come.
        :raises NoProjectList: the index has none.
        """
        reply = await self._ask(self._url, known, background)
        if reply is None:
            return None
        if reply.code in self._missing or reply.code in _NO_LIST:
            reply.discard()
            raise NoProjectList(url=shown(reply.url))
        if reply.code >= 500:
            reply.discard()
            raise reply.refusal()
        return reply

    def raw_page(self, reply: Reply, body: bytes) -> RawPage:
        """
        :param body: that of the reply, as it is to be kept.
        """
        return RawPage(
            index=self._url,
            url=reply.url,
            content_type=reply.header("Content-Type") or "",
            body=body,
            etag=reply.header("ETag"),
            last_modified=reply.header("Last-Modified"),
            last_serial=reply.header("X-PyPI-Last-Serial"),
            sent_at=reply.sent_at,
        )

    async def _ask(
        self,
        url: str,
        known: RawPage | None,
        background: bool,
        accept: str = _ACCEPT,
    ) -> Reply | None:
        """
        :returns: :obj:`None` if *known* still holds.
        """
        headers = {"Accept": accept}
        if known is not None and known.index == self._url:
            if known.etag is not None:
                headers["If-None-Match"] = known.etag
            if known.last_modified is not None:
                headers["If-Modified-Since"] = known.last_modified
        client = self._client
        reply = await client.ask(client.pages, url, headers=headers, modest=background)
        if reply.code == 304 and len(headers) > 1:
            reply.discard()
            return None
        return reply
