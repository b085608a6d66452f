"""
The options of a server, for the command line, the environment and the file.
"""

from proxypypi.kinds import (
    ADDRESS,
    COUNT,
    DIRECTORY,
    DURATION,
    ENDPOINT,
    FILE,
    FLAG,
    GLOB,
    INDEX,
    PORT,
    PUBLIC,
    SECONDS,
    SIZE,
    USERS,
)
from proxypypi.options.option import Option
from proxypypi.settings import DEFAULT_INDEX, DEFAULT_LISTEN

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
