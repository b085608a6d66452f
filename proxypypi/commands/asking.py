"""
Which indexes the server of a directory asks, as far as a command can know.
"""

from collections.abc import Sequence

from attrs import evolve

from proxypypi.config import Configuration
from proxypypi.rules.asking import Asking
from proxypypi.store.asking import AskingStore

_SAY_WHICH = {"no-proxy", "index-url", "extra-index-url", "upstream"}


def askings_of(configuration: Configuration) -> Sequence[Asking]:
    """
    The server that runs, or ran last, has left word of what it asks. It knows its own
    command line, but not what the environment and the file say by now; so only that
    counts which both ask. If neither of these names an index, the word alone tells.
    """
    said = Asking.said_by(configuration.settings)
    word = AskingStore.of(configuration.settings.directory).load()
    if word is None:
        return [said]
    if not configuration.sources.keys() & _SAY_WHICH:
        said = evolve(said, indexes=word.indexes)
    return [word, said]
