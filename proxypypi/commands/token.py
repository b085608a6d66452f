"""
``token``: what programs log in with, in place of somebody's password.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from getopt import GetoptError, getopt
from time import time
from typing import Any, ClassVar

from twisted.python import usage

from proxypypi.auth.htpasswd import TOKEN_USER, read_users
from proxypypi.commands.directory import MISUSED, DirectoryOptions, parse
from proxypypi.commands.options import complain
from proxypypi.commands.wording import moment
from proxypypi.errors import BadSettings, TokenExists
from proxypypi.kinds import DURATION, GLOB, INSTANT
from proxypypi.layers import unread
from proxypypi.settings import Settings
from proxypypi.store.tokens import Token, TokenStore

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)

_USAGE = f"""\
Usage: proxypypi token ACTION [options]

Tokens are what programs log in with: each is the password of the user {TOKEN_USER}.

Actions:
    create        make one, and print it: it is kept nowhere
    list          list them
    revoke        end some

proxypypi token ACTION --help lists the options of an action. A running server
notices within two seconds.
"""


class NamedOptions(DirectoryOptions):
    """
    :ivar names: of tokens.
    """

    operands = "NAME..."
    most: ClassVar[int | None] = None
    names: tuple[str, ...]

    def parseArgs(self, *names: str) -> None:
        if not names:
            raise usage.UsageError(f"{self.command} needs a token's NAME")
        if self.most is not None and len(names) > self.most:
            extra = names[self.most]
            raise usage.UsageError(f"unexpected argument {extra!r} after the NAME")
        for name in names:
            if not _NAME.fullmatch(name):
                raise usage.UsageError(
                    f"{name!r} is no token's name, which is up to 64 letters, digits, "
                    "dots, dashes and underscores"
                )
        self.names = tuple(dict.fromkeys(names))


class CreateOptions(NamedOptions):
    """
    :ivar projects: globs of what may be uploaded.
    :ivar expires_at: POSIX seconds; :obj:`None` for never.
    """

    operands = "NAME"
    most = 1
    longdesc = (
        "Make a token and print it, this once. NAME is what it is called in the log "
        "and by the other actions. It may do no more than its user, and nothing once "
        "that user is gone."
    )
    optParameters = [
        ["user", "u", None, "On whose behalf it is used. [default: nobody's]"],
        [
            *("expires", None, None),
            "When it ends: after 90d or 12h, or a date. [default: never]",
        ],
    ]
    optFlags = [
        ["read-only", None, "It is for reading alone."],
        ["upload", None, "It is for uploading, too."],
    ]

    def __init__(self) -> None:
        self.projects: list[str] = []
        self.expires_at: float | None = None
        super().__init__()

    def opt_project(self, glob: str) -> None:
        """
        A glob of projects that it may upload; repeatable. [default: its user's]
        """
        try:
            self.projects.append(GLOB.parse(glob))
        except BadSettings as e:
            raise usage.UsageError(f"--project: {e}") from e

    def postOptions(self) -> None:
        if self["read-only"] == self["upload"]:
            raise usage.UsageError("say --read-only or --upload, one of them")
        if self.projects and not self["upload"]:
            raise usage.UsageError("--project is of no use without --upload")
        if self["expires"] is not None:
            self.expires_at = _moment(self["expires"])
        super().postOptions()


class RevokeOptions(NamedOptions):
    longdesc = "End tokens. Who uses one is refused from then on."


class ListOptions(DirectoryOptions):
    longdesc = "List all tokens; what each is to be used with is kept nowhere."


def token(command: str, arguments: Sequence[str]) -> int:
    """
    Have one of the actions done. Options may stand before it.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE, end="")
        return 0 if arguments else MISUSED
    known = CreateOptions()  # which has those of all actions
    try:
        _, rest = getopt(list(arguments), known.shortOpt, known.longOpt)
    except GetoptError as e:
        complain(unread(str(e), known.longOpt))
        return MISUSED
    if not rest:
        complain(f"{command} needs an ACTION: {', '.join(_ACTIONS)}")
        return MISUSED
    before = arguments[: -len(rest)]
    action, *after = rest
    act = _ACTIONS.get(action)
    if act is None:
        complain(f"there is no action {action!r}, but {', '.join(_ACTIONS)}")
        return MISUSED
    if after == ["-h"]:
        after = ["--help"]
    return act(f"{command} {action}", [*before, *after])


def _create(command: str, arguments: Sequence[str]) -> int:
    options = parse(CreateOptions, command, arguments)
    made = Token(
        name=options.names[0],
        user=options["user"] or "",
        may_upload=bool(options["upload"]),
        projects=tuple(options.projects),
        created_at=time(),
        expires_at=options.expires_at,
    )
    if made.user and not _may_be_known(made.user, options.settings):
        complain(f"there is no user {made.user!r} in the files of users")
        return 1
    try:
        secret = TokenStore.of(options.settings.directory).add(made)
    except TokenExists as e:
        complain(e)
        return 1
    options.report({"token": secret, **_facts(made)}, [secret])
    root = options.settings.directory
    print(f"it is the password of {TOKEN_USER} for {root}", file=sys.stderr)
    return 0


def _list(command: str, arguments: Sequence[str]) -> int:
    options = parse(ListOptions, command, arguments)
    root = options.settings.directory
    found = TokenStore.of(root).all()
    tokens = sorted(found.intact.values(), key=lambda each: each.name)
    lines = [_line(each) for each in tokens]
    if not lines and not found.damaged:
        lines = [f"there are no tokens in {root}"]
    options.report(
        {
            "tokens": [_facts(each) for each in tokens],
            "damaged": [each.path for each in found.damaged],
        },
        lines,
    )
    for trouble in found.damaged:
        complain(f"{trouble.path} is damaged, and grants nothing: {trouble.reason}")
    return 1 if found.damaged else 0


def _revoke(command: str, arguments: Sequence[str]) -> int:
    options = parse(RevokeOptions, command, arguments)
    store = TokenStore.of(options.settings.directory)
    gone = {name: store.revoke(name) for name in options.names}
    revoked = [name for name in gone if gone[name]]
    unknown = [name for name in gone if not gone[name]]
    options.report(
        {"revoked": revoked, "unknown": unknown},
        [f"{name} is revoked" for name in revoked],
    )
    for name in unknown:
        complain(f"there is no token {name}")
    return 1 if unknown else 0


_ACTIONS: dict[str, Callable[[str, Sequence[str]], int]] = {
    "create": _create,
    "list": _list,
    "revoke": _revoke,
}


def _may_be_known(user: str, settings: Settings) -> bool:
    """
    Is somebody called so, as far as it is said here which files users are in?
    """
    files = [f for f in (settings.upload_auth, settings.read_auth) if f is not None]
    return not files or any(user in read_users(file) for file in files)


def _moment(text: str) -> float:
    """
    POSIX seconds, of an instant or after a while.
    """
    now = time()
    try:
        at: float = INSTANT.parse(text)
    except BadSettings:
        try:
            at = now + float(DURATION.parse(text))
        except BadSettings as e:
            said = f"--expires: {e}, nor {INSTANT.allowed}"
            raise usage.UsageError(said) from e
    if at <= now:
        raise usage.UsageError(f"--expires: {text!r} has passed")
    return at


def _facts(token: Token) -> Mapping[str, Any]:
    return {
        "name": token.name,
        "user": token.user or None,
        "rights": "upload" if token.may_upload else "read-only",
        "projects": list(token.projects),
        "created": moment(token.created_at),
        "expires": moment(token.expires_at),
    }


def _line(token: Token) -> str:
    facts = [token.name, "upload" if token.may_upload else "read-only"]
    if token.user:
        facts.append(f"of {token.user}")
    if token.projects:
        facts.append(f"for {' '.join(token.projects)}")
    if token.expires_at is not None:
        ended = "ended" if token.has_expired(time()) else "until"
        facts.append(f"{ended} {moment(token.expires_at)}")
    return "  ".join(facts)
