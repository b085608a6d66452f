"""
Assembly of what keeps a directory within its bounds, for servers and for commands.
"""

from collections.abc import Callable, Collection
from pathlib import Path

from twisted.internet.defer import maybeDeferred

from proxypypi.cache.eviction import Eviction
from proxypypi.names import NormalizedName
from proxypypi.rules.asking import Asking, asked_about
from proxypypi.store.claims import ClaimStore
from proxypypi.store.directory import Directory
from proxypypi.store.facts import FactsStore
from proxypypi.store.pages import PageStore
from proxypypi.store.pins import PinStore
from proxypypi.store.tally import Tally
from proxypypi.store.uses import UseStore


def build_eviction(
    root: Path, directory: Directory, askings: Collection[Asking]
) -> Eviction:
    """
    :param directory: that at *root*.
    :param askings: see :func:`~proxypypi.rules.asking.asked_about`.
    """
    cache = root / ".proxypypi" / "cache"
    decisions = root / ".proxypypi" / "decisions"
    return Eviction(
        walk=directory.walk,
        facts_of=FactsStore(cache, decisions, maybeDeferred).read_facts,
        doubted=PageStore(cache / "pages", maybeDeferred).doubted,
        asked_about=whom_to_ask(root, askings),
        load_uses=UseStore.of(root).load,
        load_pins=PinStore.of(root).load,
        turn=cache / "turns" / "eviction.turn",
        tally=Tally.of(root),
    )


def whom_to_ask(
    root: Path, askings: Collection[Asking]
) -> Callable[[NormalizedName], Collection[str]]:
    """
    :returns: tells the addresses of the indexes that are asked about a project, as its
        claim is at that moment. Blocks.
    """
    claims = ClaimStore.of(root)

    def whom(name: NormalizedName) -> Collection[str]:
        try:
            claimed = claims.is_claimed(name)
        except OSError:  # to be told so is another's business
            claimed = True
        return asked_about(name, claimed, askings)

    return whom
