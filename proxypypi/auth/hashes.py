"""
Hashed passwords, as htpasswd files have them.

The libraries that know all kinds of them (passlib, which nobody keeps, and libpass,
which goes on from it) share one name to be imported by, so that an environment can have
only one of both. Of what they can do we need apr1, which will never change.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import md5, sha1
from hmac import compare_digest

import bcrypt
from attrs import field, frozen

_BCRYPT_READS = 72  # bytes of a password; what htpasswd was given beyond is not in it
_DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 1000  # of apr1


@frozen
class Manner:
    """
    A way to hash passwords.

    :ivar pattern: of what comes out.
    :ivar hash: a password, as an older one was hashed.
    :ivar is_weak: can it be guessed by trying, by whoever has the file?
    """

    name: str
    pattern: re.Pattern[str]
    hash: Callable[[bytes, str], str]
    is_weak: bool = False


@frozen
class HashedPassword:
    """
    :ivar text: as the file has it.
    """

    manner: Manner
    text: str = field(repr=False)

    @property
    def cost(self) -> int:
        """
        How long it takes to try a password, compared with others.
        """
        if self.manner is BCRYPT:
            return 1 << int(self.text[4:6])
        return 1 if self.manner is APR1 else 0

    def fits(self, password: bytes) -> bool:
        """
        Is it this one that was hashed? Takes up to seconds.
        """
        again = self.manner.hash(password, self.text)
        return compare_digest(again.encode(), self.text.encode())


def understand(text: str) -> HashedPassword | None:
    """
    :returns: :obj:`None` if it is not hashed in one of the ways that we know.
    """
    for manner in (BCRYPT, APR1, SHA1):
        if manner.pattern.fullmatch(text):
            return HashedPassword(manner, text)
    return None


def describe(text: str) -> str:
    """
    What a hashed password that is not understood looks like; without any part of it.
    """
    for beginning, name in (
        (("$2",), "by a bcrypt that is malformed, or not 2a, 2b or 2y"),
        (("$apr1$",), "by an apr1 that is malformed"),
        (("{SHA}",), "by a SHA-1 that is malformed"),
        (("$5$", "$6$"), "by SHA-2 crypt"),
        (("$1$",), "by MD5 crypt"),
        (("$argon2", "$7$", "$y$", "$pbkdf2"), "by something that htpasswd never does"),
    ):
        if text.startswith(beginning):
            return f"hashed {name}"
    return "plain, or hashed by crypt"


def _bcrypt(password: bytes, before: str) -> str:
    return bcrypt.hashpw(password[:_BCRYPT_READS], before.encode()).decode()


def _sha1(password: bytes, before: str) -> str:
    digest = sha1(password, usedforsecurity=False).digest()
    return "{SHA}" + b64encode(digest).decode()


def _apr1(password: bytes, before: str) -> str:
    """
    Apache's own: MD5, a thousand times.
    """
    salt = before.split("$")[2].encode()
    inner = _md5(password + salt + password)
    length = len(password)
    mixed = password + b"$apr1$" + salt + (inner * (length // 16 + 1))[:length]
    while length:
        mixed += b"\0" if length & 1 else password[:1]
        length >>= 1
    digest = _md5(mixed)
    for i in range(_ROUNDS):
        digest = _md5(
            (password if i & 1 else digest)
            + (salt if i % 3 else b"")
            + (password if i % 7 else b"")
            + (digest if i & 1 else password)
        )
    return f"$apr1${salt.decode()}${_in_digits(digest)}"


def _in_digits(digest: bytes) -> str:
    said = ""
    for i in range(5):
        third = digest[i + 12] if i < 4 else digest[5]
        said += _number(digest[i] << 16 | digest[i + 6] << 8 | third, 4)
    return said + _number(digest[11], 2)


def _number(value: int, digits: int) -> str:
    return "".join(_DIGITS[value >> 6 * i & 63] for i in range(digits))


def _md5(data: bytes) -> bytes:
    return md5(data, usedforsecurity=False).digest()


# The last digits of salt and hash have bits to spare, which are zero.
BCRYPT = Manner(
    "bcrypt",
    re.compile(
        r"\$2[aby]\$(?:0[4-9]|1[0-7])\$"
        r"[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]"
    ),
    _bcrypt,
)
APR1 = Manner(
    "apr1", re.compile(r"\$apr1\$[!-#%-9;-~]{0,8}\$[./A-Za-z0-9]{21}[./01]"), _apr1
)
SHA1 = Manner("SHA-1", re.compile(r"\{SHA\}[A-Za-z0-9+/]{27}="), _sha1, is_weak=True)
