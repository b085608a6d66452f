"""
What clients say of who they are (:rfc:`7617`, :rfc:`6750`).
"""

import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from attrs import field, frozen
from twisted.cred.credentials import ICredentials, UsernamePassword
from zope.interface import Attribute, implementer

from proxypypi.auth.htpasswd import TOKEN_USER
from proxypypi.errors import NotAuthenticated

_HEADER = re.compile(rb"(basic|bearer) +([A-Za-z0-9+/._~=-]+)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class IToken(ICredentials):
    """
    A token, in place of user and password.
    """

    secret = Attribute("What the program was given.")


@implementer(IToken)
@frozen
class TokenCredentials:
    secret: str = field(repr=False)


def parse_authorization(values: Sequence[bytes]) -> Any:
    """
    :param values: of the request's ``Authorization`` headers.
    :returns: credentials for a :class:`~twisted.cred.portal.Portal`.
    :raises NotAuthenticated: there are none, or what there is is not understood.
    """
    if not values:
        raise NotAuthenticated(reason="a user and a password, or a token, are needed")
    found = _HEADER.fullmatch(values[0].strip()) if len(values) == 1 else None
    if found is None:
        raise NotAuthenticated(reason="the Authorization header is not understood")
    if found[1].lower() == b"bearer":
        return TokenCredentials(found[2].decode("ascii"))
    name, password = _pair(found[2])
    if name == TOKEN_USER:
        return TokenCredentials(password)
    return UsernamePassword(name.encode(), password.encode())


def _pair(encoded: bytes) -> tuple[str, str]:
    try:
        raw = b64decode(encoded, validate=True)
    except ValueError:
        raise NotAuthenticated(reason="user and password are not in base64") from None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # as some clients have it, whatever we say
    name, colon, password = text.partition(":")
    if not colon or _CONTROL.search(text):
        raise NotAuthenticated(reason="that is no user and password")
    return name, password
