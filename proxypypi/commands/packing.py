"""
The core, at work for ``export``: what is here, and what is known of it.
"""

from collections.abc import Collection
from functools import partial
from typing import Any, BinaryIO

from twisted.internet.threads import deferToThreadPool

from proxypypi.assembly import build
from proxypypi.bundles.contents import Contents
from proxypypi.bundles.writing import Told
from proxypypi.commands.fetching import run
from proxypypi.rules.wanted import Wanted
from proxypypi.settings import Settings
from proxypypi.store.attestations import AttestationStore
from proxypypi.store.children import ListMaker
from proxypypi.store.directory import Directory
from proxypypi.store.pages import PageStore


def pack(
    settings: Settings,
    wanted: Collection[Wanted] | None,
    others: BinaryIO,
    since: float,
    all_releases: bool,
    told: Told,
) -> tuple[Contents, str]:
    """
    :param settings: of a server that asks nobody.
    :param wanted: :obj:`None` for all.
    :param others: see :class:`~proxypypi.bundles.contents.Contents`, as *since*
        and *told*.
    :returns: also what is wrong here; empty for nothing.
    """
    from twisted.internet import reactor

    running: Any = reactor
    assert not settings.upstreams, "to export is not to fetch"
    in_thread = partial(deferToThreadPool, running, running.getThreadPool())
    core = build(settings, running, [], in_thread, ListMaker(running)).core
    root = settings.directory
    state = root / ".proxypypi"
    contents = Contents(
        core.gathering,
        Directory(root, running, in_thread, core.names.is_denied),
        PageStore(state / "cache" / "pages", in_thread),
        AttestationStore(state / "decisions", in_thread),
        core.claims,
        running,
        others,
        since,
        told,
    )

    async def survey() -> None:
        if wanted is None:
            await contents.add_all()
        else:
            await contents.add(wanted, all_releases)

    run(running, survey)
    return contents, core.health.trouble
