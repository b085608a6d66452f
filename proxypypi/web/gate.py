"""
Who is let in, and what they may do.
"""

from attrs import define
from twisted.web.server import Request

from proxypypi.errors import NotAllowed
from proxypypi.model import User
from proxypypi.web.rights import check_local


@define(eq=False)
class Gate:
    """
    Asks who somebody is, and lets nobody through who may not do what they want.
    """

    async def check_upload(self, request: Request) -> User:
        """
        :raises NotAuthenticated: it has to be said who asks.
        :raises NotAllowed: that user may not upload.
        """
        raise NotAllowed(reason="uploads need --upload-auth")

    async def check_administer(self, request: Request) -> User:
        """
        Without ``--upload-auth``, programs of this machine may.

        :raises NotAuthenticated: it has to be said who asks.
        :raises NotAllowed: that user may not.
        """
        check_local(request)
        return User(may_administer=True)
