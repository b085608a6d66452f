"""
Who somebody is, and what they may read.
"""

from zope.interface import Attribute, Interface, classImplements

from proxypypi.model import User


class IUser(Interface):
    """
    What :class:`~proxypypi.model.User` provides: who has logged in.
    """

    may_read = Attribute("May pages and files be read?")
    may_upload = Attribute("May distributions be uploaded?")
    may_administer = Attribute("May pages be refreshed, and files fetched?")


classImplements(User, IUser)


class IReaders(Interface):
    """
    Those to whom an answer may be given, if not to everybody.
    """

    def know(said: bytes) -> bool:
        """
        Is it one of them who has *said* in an ``Authorization`` header? Only who was
        asked within the last second is known.
        """
