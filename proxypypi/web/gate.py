"""
Who is let in, and what they may do.
"""

from attrs import define
from twisted.web.server import Request
from zope.interface import implementer

from proxypypi.auth.accounts import Accounts
from proxypypi.errors import NotAllowed
from proxypypi.interfaces import IReaders
from proxypypi.model import User
from proxypypi.web.access import client_of
from proxypypi.web.rights import check_local

OF_THE_WATCH = (b"/-/health", b"/-/ready")
"""
Paths that anybody may ask for, at any time.
"""

METRICS = b"/-/metrics"
"""
Is for those who may read, at any time.
"""


@implementer(IReaders)
@define(eq=False)
class Gate:
    """
    Asks who somebody is, and lets nobody through who may not do what they want.

    What it asks for is in the request's head; its body need not have come yet.

    :ivar _says_who_reads: is there ``--read-auth``?
    :ivar says_who_uploads: is there ``--upload-auth``?
    """

    _accounts: Accounts
    _says_who_reads: bool = False
    says_who_uploads: bool = False

    def is_open(self, request: Request) -> bool:
        """
        May everybody see the answer?
        """
        return not self._says_who_reads or request.path in OF_THE_WATCH

    async def check_read(self, request: Request) -> User:
        """
        From then on the request knows that not everybody may see the answer.

        :raises NotAuthenticated: it has to be said who asks.
        :raises NotAllowed: that user may not read.
        """
        user = await self._user(request)
        if not user.may_read:
            raise NotAllowed(reason=f"reading is not allowed for {user.name}")
        request.setComponent(IReaders, self)
        return user

    def know(self, said: bytes) -> bool:
        return self._accounts.may_read(said)

    async def check_upload(self, request: Request) -> User:
        """
        :raises NotAuthenticated: it has to be said who asks.
        :raises NotAllowed: that user may not upload.
        """
        if not self.says_who_uploads:
            raise NotAllowed(reason="uploads need --upload-auth")
        user = await self._user(request)
        if not user.may_upload:
            raise NotAllowed(reason=f"uploading is not allowed for {user.name}")
        return user

    async def check_administer(self, request: Request) -> User:
        """
        Without ``--upload-auth``, programs of this machine may.

        :raises NotAuthenticated: it has to be said who asks.
        :raises NotAllowed: that user may not.
        """
        if not self.says_who_uploads:
            check_local(request)
            return User(may_administer=True)
        user = await self._user(request)
        if not user.may_administer:
            raise NotAllowed(reason=f"this is not allowed for {user.name}")
        return user

    async def _user(self, request: Request) -> User:
        said = request.requestHeaders.getRawHeaders(b"Authorization", [])
        return await self._accounts.log_in(said, client_of(request.getClientAddress()))
