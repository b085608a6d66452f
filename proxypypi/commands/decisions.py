"""
``list --decisions``: what people decided here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from proxypypi.commands.directory import ProjectsOptions
from proxypypi.commands.options import complain
from proxypypi.commands.wording import moment, one_line
from proxypypi.quantities import amount
from proxypypi.store.decisions import Decisions, load_decisions


def tell_decisions(options: ProjectsOptions) -> int:
    """
    :returns: the exit status.
    """
    root, names = options.settings.directory, options.names
    found = load_decisions(root / ".proxypypi" / "decisions", names)
    entries = list(_entries(found))
    told = {name for _, name, _, _ in entries}
    damaged = [trouble.path for trouble in found.damaged]
    silent = [name for name in names if name not in told and not damaged]
    facts: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in _KINDS}
    for kind, name, more, _ in entries:
        facts[kind].append({_WHOSE.get(kind, "project"): name, **more})
    options.report(
        {**facts, "damaged": damaged},
        ["  ".join((_KINDS[kind], name, *rest)) for kind, name, _, rest in entries],
    )
    for trouble in found.damaged:
        complain(trouble)
    for name in silent:
        complain(f"nothing is decided about {name} in {root}")
    return 1 if silent or damaged else 0


_KINDS = {
    "claims": "claim",
    "yanks": "yank",
    "statuses": "status",
    "releases": "release",
    "removals": "removal",
    "pins": "pin",
}
"""
Which there are, and what each line of one begins with.
"""

_WHOSE = {"pins": "pin"}
"""
What others than one project each are about.
"""

_Entry = tuple[str, str, Mapping[str, Any], Sequence[str]]


def _entries(found: Decisions) -> Iterator[_Entry]:
    """
    The kind of each, its project or whose else it is, what more there is for programs,
    and for people.
    """
    facts: dict[str, Any]
    for name, claim in found.claims.items():
        at = moment(claim.claimed_at)
        facts = {"claimed": at, "reason": claim.reason}
        yield "claims", name, facts, (str(at), one_line(claim.reason))
    for name, yanks in found.yanks.items():
        for what, reasons in (("version", yanks.versions), ("file", yanks.files)):
            for which, reason in sorted(reasons.items()):
                facts = {what: which, "reason": reason}
                yield "yanks", name, facts, _said(which, reason)
    for name, status in found.statuses.items():
        facts = {"status": status.status, "reason": status.reason}
        yield "statuses", name, facts, _said(status.status, status.reason)
    for name, released in found.released.items():
        for filename, release in sorted(released.items()):
            at, sha256 = moment(release.at), release.sha256
            facts = {"file": filename, "sha256": sha256, "released": at}
            yield "releases", name, facts, (filename, f"sha256:{sha256}", str(at))
    for name, removed in found.removed.items():
        for each in removed:
            at = moment(each.removed_at)
            facts = {
                "file": each.filename,
                "path": each.path,
                "sha256": each.sha256,
                "bytes": each.size,
                "removed": at,
                "by": each.by,
                "reason": each.reason,
            }
            by = f"by {one_line(each.by)}" if each.by else "by nobody known"
            line = (each.path, amount(each.size), str(at), *_said(by, each.reason))
            yield "removals", name, facts, line
    for pin, pinned_at in found.pins.items():
        at = moment(pinned_at)
        yield "pins", pin, {"pinned": at}, (str(at),)


def _said(what: str, reason: str | None) -> Sequence[str]:
    return tuple(one_line(text) for text in (what, reason) if text)
