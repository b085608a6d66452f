"""
Assembly of what keeps a directory within its bounds, for servers and for commands.
"""

from fnmatch import fnmatchcase

from twisted.internet.defer import maybeDeferred

from proxypypi.cache.eviction import Eviction
from proxypypi.names import NormalizedName, is_among
from proxypypi.settings import Settings
from proxypypi.store.claims import ClaimStore
from proxypypi.store.directory import Directory
from proxypypi.store.facts import FactsStore
from proxypypi.store.pages import PageStore
from proxypypi.store.pins import PinStore
from proxypypi.store.tally import Tally
from proxypypi.store.uses import UseStore


def build_eviction(settings: Settings, directory: Directory) -> Eviction:
    """
    :param directory: that of the settings.
    """
    root = settings.directory
    cache = root / ".proxypypi" / "cache"
    decisions = root / ".proxypypi" / "decisions"
    claims = ClaimStore.of(root)

    def is_asked(name: NormalizedName) -> bool:
        try:
            ours = claims.is_claimed(name)
        except OSError:  # to be told so is another's business
            ours = True
        if ours or any(fnmatchcase(name, glob) for glob in settings.private):
            return False
        return any(is_among(name, each.projects) for each in settings.upstreams)

    return Eviction(
        walk=directory.walk,
        facts_of=FactsStore(cache, decisions, maybeDeferred).read_facts,
        doubted=PageStore(cache / "pages", maybeDeferred).doubted,
        is_asked=is_asked,
        load_uses=UseStore.of(root).load,
        load_pins=PinStore.of(root).load,
        turn=cache / "turns" / "eviction.turn",
        tally=Tally.of(root),
    )
