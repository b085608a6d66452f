"""
Whose turn it is, among several processes.
"""

from zope.interface import Attribute, Interface


class ITurns(Interface):
    """
    Sees to it that what all processes of a server do, they do one after the other.
    """

    async def take(what: str) -> "ITurn":
        """
        Wait until no other process does *what*.

        :param what: as a file name.
        """


class ITurn(Interface):
    """
    Ours, until it is ended. Where there cannot be any, and when another's does not
    end, everybody may go ahead.
    """

    waited: bool = Attribute("Has another process done it meanwhile, or tried?")

    def end() -> None:
        """
        It is done. Can be called repeatedly.
        """
