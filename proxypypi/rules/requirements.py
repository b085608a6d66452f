"""
Requirements files, as pip reads them, and no other file or address that they name.
"""

import re
from collections.abc import Iterator

from attrs import frozen
from packaging.requirements import Requirement

from proxypypi.errors import BadName
from proxypypi.names import is_distribution, normalize
from proxypypi.rules.wanted import WantedRelease

_CONTINUED = re.compile(r"\\\r?\n")
_COMMENT_LINE = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_OPTIONS = re.compile(r"\s(?=--)")  # of one requirement; they stand behind it
_HASH = re.compile(r"--hash(?:=|\s+)(\S*)")
_DIGEST = re.compile(r"([a-z0-9_]+):([0-9a-f]+)", re.IGNORECASE)
_LONGEST = 2000  # characters of a requirement, its options left out
_SHOWN = 200  # characters of a line

_PRE = "--pre"
_HARMLESS = frozenset(
    {
        *(_PRE, "--no-binary", "--only-binary", "--prefer-binary", "--require-hashes"),
        *("--no-index", "--trusted-host", "--use-feature"),
    }
)


@frozen(kw_only=True)
class Requirements:
    """
    :ivar unparseable: lines that name no project.
    """

    wanted: tuple[WantedRelease, ...]
    unparseable: tuple[str, ...]


def parse_requirements(text: str) -> Requirements:
    """
    What each line names, but for comments and options that change none of that. Lines
    that name a file, an address or an index are not followed.
    """
    lines = list(_lines(text))
    prereleases = any(line.split()[0] == _PRE for line in lines)
    wanted, unparseable = [], []
    for line in lines:
        if line.startswith("-"):
            if re.split(r"[\s=]", line, maxsplit=1)[0] not in _HARMLESS:
                unparseable.append(_shown(line))
            continue
        try:
            wanted.append(parse_requirement(line, prereleases))
        except (ValueError, BadName, RecursionError):
            unparseable.append(_shown(line))
    return Requirements(wanted=tuple(wanted), unparseable=tuple(unparseable))


def parse_requirement(line: str, prereleases: bool = False) -> WantedRelease:
    """
    :param line: a requirement (:pep:`508`), perhaps with options behind it, of which
        only ``--hash`` counts.
    :raises ValueError: it is none, or has an address.
    :raises BadName: likewise.
    """
    said, *options = _OPTIONS.split(line.strip(), maxsplit=1)
    if len(said) > _LONGEST:
        raise ValueError("it is too long")
    requirement = Requirement(said)
    if requirement.url is not None or is_distribution(requirement.name):
        raise ValueError("it names a file")
    return WantedRelease(
        said=_shown(said),
        project=normalize(requirement.name),
        specifier=requirement.specifier,
        marker=requirement.marker,
        hashes=frozenset(map(_digest, _HASH.findall(options[0] if options else ""))),
        prereleases=prereleases,
    )


def _lines(text: str) -> Iterator[str]:
    """
    Those that say something, each in one piece.
    """
    whole = _CONTINUED.sub(" ", _COMMENT_LINE.sub("", text))
    for line in whole.splitlines():
        said = _COMMENT.sub("", line).strip()
        if said:
            yield said


def _digest(text: str) -> tuple[str, str]:
    found = _DIGEST.fullmatch(text)
    if found is None:
        raise ValueError("it has a digest that is none")
    return found[1].lower(), found[2].lower()


def _shown(line: str) -> str:
    plain = " ".join(line.split())
    return plain if len(plain) <= _SHOWN else plain[: _SHOWN - 3] + "..."
