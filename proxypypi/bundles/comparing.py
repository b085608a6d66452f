"""
What a directory has of the files that a bundle brings.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path

from attrs import frozen

from proxypypi.bundles.knowledge import Knowledge
from proxypypi.bundles.manifest import Kind, Member, place_of
from proxypypi.cache.facts import describes
from proxypypi.model import LocalFile
from proxypypi.store.archives import sha256_of
from proxypypi.store.directory import Directory


class Verdict(Enum):
    """
    What is here.
    """

    NEW = "nothing of that name"
    HERE = "the same"
    OTHER = "another of that name"


@frozen
class Comparison:
    """
    :ivar file: that is here; :obj:`None` for none.
    :ivar known: is it known what that file is, without reading it?
    """

    verdict: Verdict
    file: LocalFile | None = None
    known: bool = True


def compare(
    root: Path, members: Iterable[Member], knowledge: Knowledge
) -> Mapping[str, Comparison]:
    """
    Only what nothing is known of is read.

    :returns: of each file, by the member's name.
    """
    directory = Directory.of(root)
    found: dict[str, Comparison] = {}
    project = None
    for member in members:
        place = place_of(member)
        if place.project != project:
            project = place.project
            files = directory.look(project)
            facts = knowledge.facts_about(project)
        file = files.get(place.filename)
        if place.kind is not Kind.FILE:
            continue
        if file is None:
            found[member.name] = Comparison(Verdict.NEW)
            continue
        known = describes(facts, file)
        digest = facts[place.filename].hashes["sha256"] if known else ""
        if not known and file.size == member.size:
            digest = sha256_of(file.path)
        verdict = Verdict.HERE if digest == member.sha256 else Verdict.OTHER
        found[member.name] = Comparison(verdict, file, known)
    return found
