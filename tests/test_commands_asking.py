"""
Tests for :mod:`proxypypi.commands.asking`.
"""

from collections.abc import Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.commands.asking import askings_of
from proxypypi.config import configure
from proxypypi.names import normalize
from proxypypi.rules.asking import Asking, asked_about
from proxypypi.settings import DEFAULT_INDEX
from proxypypi.store.asking import AskingStore

ONE, TWO = "https://one.example/simple/", "https://two.example/simple/"
DEMO = normalize("demo")


class AskingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()

    def asked(self, variables: Mapping[str, str], config: str = "") -> set[str]:
        """
        The indexes that count as asked about demo.

        :param variables: the environment.
        :param config: what is in the file that is named, if anything is.
        """
        given = {"dir": [str(self.root)]}
        if config:
            path = self.root / "c.toml"
            path.write_text(config)
            given["config"] = [str(path)]
        askings = askings_of(configure(given, variables, self.root))
        return set(asked_about(DEMO, False, askings))

    def leave_word(self, *indexes: str, refused: tuple[str, ...] = ()) -> None:
        asking = Asking(indexes=dict.fromkeys(indexes, ("*",)), refused=refused)
        AskingStore.of(self.root).save(asking)

    def test_no_word(self) -> None:
        """
        Of a directory that no server has had, the environment and the file tell.
        """
        self.assertEqual({DEFAULT_INDEX}, self.asked({}))
        self.assertEqual({ONE}, self.asked({"PROXYPYPI_INDEX_URL": ONE}))
        self.assertEqual(set(), self.asked({}, "no-proxy = true\n"))

    def test_word(self) -> None:
        """
        Where these name no index, that counts which the server has left word of: it
        knows its own command line.
        """
        self.leave_word(ONE, TWO)
        self.assertEqual({ONE, TWO}, self.asked({}))
        self.assertEqual({ONE, TWO}, self.asked({"PROXYPYPI_PRIVATE": "acme-*"}))
        self.assertEqual(set(), self.asked({"PROXYPYPI_PRIVATE": "acme-* demo"}))
        self.assertEqual(set(), self.asked({}, 'deny = ["demo"]\n'))
        self.leave_word()
        self.assertEqual(set(), self.asked({}))
        self.leave_word(ONE, refused=("d*",))
        self.assertEqual(set(), self.asked({}))

    def test_both(self) -> None:
        """
        Where they do, only that counts which both ask.
        """
        self.leave_word(ONE)
        table = '[[upstream]]\nname = "x"\nurl = "{}"\nprojects = ["{}"]\n'
        for variables, config, expected in (
            ({"PROXYPYPI_INDEX_URL": ONE}, "", {ONE}),
            ({"PROXYPYPI_INDEX_URL": TWO}, "", set()),
            ({"PROXYPYPI_EXTRA_INDEX_URL": ONE}, "", {ONE}),
            ({"PROXYPYPI_NO_PROXY": "yes"}, "", set()),
            ({}, f'index-url = "{ONE}"\n', {ONE}),
            ({}, "no-proxy = true\n", set()),
            ({}, table.format(ONE, "de*"), {ONE}),
            ({}, table.format(ONE, "acme-*"), set()),
            ({}, table.format(TWO, "*"), set()),
        ):
            found = self.asked(variables, config)
            self.assertEqual(expected, found, (variables, config))
