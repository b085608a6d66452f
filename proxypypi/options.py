"""
All options, in one table.

The command line, the environment, the file, ``--help`` and the reference are made from
it. A new option is an entry here, and a line in :mod:`proxypypi.config` that puts its
value into the settings.
"""

from typing import Any

from attrs import frozen

from proxypypi.errors import BadSettings
from proxypypi.kinds import (
    ADDRESS,
    COUNT,
    DIRECTORY,
    DURATION,
    ENDPOINT,
    FILE,
    FILE_HOST,
    FLAG,
    GLOB,
    INDEX,
    INSTANT,
    PORT,
    PROJECT,
    PROJECTS,
    PUBLIC,
    SECONDS,
    SECRET,
    SHA256,
    SIZE,
    STATUS,
    TEXT,
    USERS,
    VERSION,
    Kind,
)
from proxypypi.settings import DEFAULT_INDEX, DEFAULT_LISTEN

PREFIX = "PROXYPYPI_"


@frozen(kw_only=True)
class Option:
    """
    A value that users can set.

    :ivar name: its long name, and its key in the file.
    :ivar doc: one sentence or more, for help and the reference.
    :ivar default: as one would write it; :obj:`None` if there is none.
    :ivar default_said: the default in words; empty to show it as it is.
    :ivar short: its letter on the command line; empty for none.
    :ivar aliases: further long names.
    :ivar repeatable: is it a tuple of values?
    :ivar needs_one: may the tuple not be empty?
    :ivar required: must a table have it?
    :ivar in_file: may it stand in the file?
    """

    name: str
    kind: Kind
    doc: str
    default: str | None = None
    default_said: str = ""
    short: str = ""
    aliases: tuple[str, ...] = ()
    repeatable: bool = False
    needs_one: bool = False
    required: bool = False
    in_file: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    def read(self, raw: object) -> Any:
        """
        :param raw: what one place says: a value, or a list of them if it is repeatable.
        :raises BadSettings: that is not allowed.
        """
        if not self.repeatable:
            return self.kind.read(raw)
        if not isinstance(raw, list):
            said, allowed = self.kind.show(raw), self.kind.allowed
            raise BadSettings(reason=f"{said} has to be an array, each {allowed}")
        if self.needs_one and not raw:
            raise BadSettings(reason=f"it is empty; say {self.kind.allowed}")
        return tuple(self.kind.read(item) for item in raw)

    def default_value(self) -> Any:
        """
        :returns: the default as :meth:`read` would; :obj:`None` or empty for none.
        """
        if self.default is None:
            return () if self.repeatable else None
        return self.read([self.default] if self.repeatable else self.default)

    @property
    def default_shown(self) -> str:
        return self.default_said or self.default or "none"


@frozen(kw_only=True)
class Table:
    """
    An array of tables, which only the file can have.

    :ivar name: as in ``[[name]]``.
    :ivar doc: for the reference.
    """

    name: str
    doc: str
    keys: tuple[Option, ...]


OPTIONS = (
    Option(
        name="dir",
        short="d",
        aliases=("cache",),
        kind=DIRECTORY,
        default=".",
        doc="The cache directory; it must exist, and be writable unless --no-proxy "
        "is given.",
    ),
    Option(
        name="listen",
        kind=ENDPOINT,
        default=DEFAULT_LISTEN,
        repeatable=True,
        needs_one=True,
        doc="A Twisted server endpoint to listen on, such as "
        "tcp:8000:interface=127.0.0.1 or unix:/run/p.sock:mode=660. Without interface= "
        "all addresses are served, without mode= all local users.",
    ),
    Option(
        name="bind",
        short="b",
        kind=ADDRESS,
        default="127.0.0.1",
        doc="The address to listen on: short for --listen, with --port.",
    ),
    Option(
        name="port",
        short="p",
        kind=PORT,
        default="8000",
        doc="The TCP port to listen on: short for --listen, with --bind.",
    ),
    Option(
        name="index-url",
        short="i",
        kind=INDEX,
        default=DEFAULT_INDEX,
        default_said="PyPI's",
        doc="The upstream simple index.",
    ),
    Option(
        name="extra-index-url",
        kind=INDEX,
        repeatable=True,
        doc="A further upstream. They are asked in order; the first that has a project "
        "serves it.",
    ),
    Option(
        name="no-proxy",
        short="n",
        kind=FLAG,
        default="false",
        default_said="off",
        doc="Never ask an upstream: serve what is in the directory.",
    ),
    Option(
        name="index-ttl",
        kind=SECONDS,
        default="600",
        doc="How long a fetched project page is fresh.",
    ),
    Option(
        name="private",
        kind=GLOB,
        repeatable=True,
        doc="Projects of which no upstream is ever asked, such as acme-*.",
    ),
    Option(
        name="deny",
        kind=GLOB,
        repeatable=True,
        doc="Projects that are refused: 403, for pages and files.",
    ),
    Option(
        name="min-age",
        kind=DURATION,
        default="0",
        doc="How old an index's file must be to be listed and given out, by its "
        "upload-time; those without one are held back for good. 0 is off.",
    ),
    Option(
        name="withhold",
        kind=DURATION,
        default="14d",
        doc="How young a file must be, when it vanishes upstream, to be withheld; 0 is "
        "never.",
    ),
    Option(
        name="max-size",
        kind=SIZE,
        default_said="unlimited",
        doc="How much cached files may take together: above that, the least recently "
        "used ones go. Private files, those that an index no longer has, and pinned "
        "ones stay.",
    ),
    Option(
        name="min-free",
        kind=SIZE,
        default_said="500MB, or a tenth of the volume if that is less",
        doc="A file that would leave less of the disk free is streamed and not kept; 0 "
        "is off.",
    ),
    Option(
        name="max-upload",
        kind=SIZE,
        default="2GB",
        doc="How large an uploaded file may be: 413 beyond that.",
    ),
    Option(
        name="public-url",
        kind=PUBLIC,
        doc="The address people use, for what must be absolute. If it is https, "
        "attestations that are uploaded are offered under it.",
    ),
    Option(
        name="workers",
        kind=COUNT,
        default="1",
        doc="How many processes serve the addresses and the directory together.",
    ),
    Option(
        name="drain",
        kind=SECONDS,
        default="30",
        doc="How long running transfers may finish after TERM.",
    ),
    Option(
        name="upload-auth",
        kind=USERS,
        default_said="none, and nobody may upload",
        doc="The file of those who may upload and administer, as htpasswd -B makes it. "
        "It is read again when it changes. They may read, too.",
    ),
    Option(
        name="read-auth",
        kind=USERS,
        default_said="none, and everybody may read",
        doc="The file of those who may read. Without a password, only /-/health and "
        "/-/ready are answered then.",
    ),
    Option(
        name="config",
        kind=FILE,
        in_file=False,
        doc="A TOML file with options, users and upstreams; docs/options.rst has all.",
    ),
)

UPSTREAM = Table(
    name="upstream",
    doc="The indexes to ask, in order, in place of ``index-url`` and "
    "``extra-index-url``. The first that has a project serves it.",
    keys=(
        Option(
            name="url",
            kind=INDEX,
            required=True,
            doc="The simple index; may hold credentials.",
        ),
        Option(
            name="name",
            kind=TEXT,
            default_said="host and path",
            doc="What logs and pages call it.",
        ),
        Option(
            name="projects",
            kind=PROJECTS,
            repeatable=True,
            needs_one=True,
            default_said="all",
            doc="Only these are asked for here. After a ``!``, these are not: "
            '``["!acme-*"]`` is all but those.',
        ),
        Option(
            name="username",
            kind=SECRET,
            default_said="netrc's",
            doc="For a password, or alone.",
        ),
        Option(name="password", kind=SECRET, doc="Of ``username``."),
        Option(
            name="password-file",
            kind=FILE,
            doc="What holds the password, in place of ``password``.",
        ),
        Option(
            name="token",
            kind=SECRET,
            doc="The password of ``__token__``, in place of all these.",
        ),
        Option(
            name="index-ttl",
            kind=DURATION,
            default_said="as for all",
            doc="How long a project page is fresh.",
        ),
        Option(
            name="min-age",
            kind=DURATION,
            default_said="as for all",
            doc="How old its files must be; 0 is off.",
        ),
        Option(
            name="ca-bundle",
            kind=FILE,
            doc="PEM certificates to trust beside the usual ones.",
        ),
        Option(
            name="missing-status",
            kind=STATUS,
            repeatable=True,
            default_said="404, 410",
            doc="What it answers if there is no such project.",
        ),
        Option(
            name="file-hosts",
            kind=FILE_HOST,
            repeatable=True,
            doc="Other origins that get the credentials, and may be private addresses.",
        ),
    ),
)

EXEMPTION = Table(
    name="cooldown-exemption",
    doc="Files that ``min-age`` does not hold back: those of a project, all of them, "
    "those of one version, or a single one.",
    keys=(
        Option(name="project", kind=PROJECT, required=True, doc="Whose files."),
        Option(
            name="version",
            kind=VERSION,
            default_said="any",
            doc="Those of this version alone.",
        ),
        Option(
            name="sha256",
            kind=SHA256,
            default_said="any",
            doc="The one with this digest alone.",
        ),
        Option(
            name="until",
            kind=INSTANT,
            default_said="for good",
            doc="When it ends; a date to the end of that day, UTC.",
        ),
        Option(name="note", kind=TEXT, doc="Why."),
    ),
)

USER = Table(
    name="user",
    doc="What users of ``upload-auth`` may upload. Of whom nothing is said here may "
    "upload every project that no upstream has.",
    keys=(
        Option(name="name", kind=TEXT, required=True, doc="As in the file of users."),
        Option(
            name="projects",
            kind=GLOB,
            repeatable=True,
            needs_one=True,
            required=True,
            doc="These alone, even if an upstream has them, too.",
        ),
    ),
)

TABLES = (UPSTREAM, EXEMPTION, USER)

EXCLUSIVE = {
    "listen": ("bind", "port"),
    "upstream": ("index-url", "extra-index-url"),
}
"""
What cannot stand beside what in one place. All of them together are a group, which a
higher place replaces as a whole.
"""


def group_of(name: str) -> str:
    """
    :returns: that of an option or a table; its own name if there is none.
    """
    return next((g for g, others in EXCLUSIVE.items() if name in others), name)


def variable(name: str) -> str:
    """
    What an option is called in the environment.
    """
    return PREFIX + name.upper().replace("-", "_")
