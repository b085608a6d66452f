"""
The tables of the file, for what fits in no option.
"""

from proxypypi.kinds import (
    DURATION,
    FILE,
    FILE_HOST,
    GLOB,
    INDEX,
    INSTANT,
    PROJECT,
    PROJECTS,
    SECRET,
    SHA256,
    STATUS,
    TEXT,
    VERSION,
)
from proxypypi.options.option import Option, Table

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
