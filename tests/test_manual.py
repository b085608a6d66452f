"""
Tests for :mod:`proxypypi.manual`.
"""

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import proxypypi
from proxypypi.manual import help_of, reference
from proxypypi.options import OPTIONS, TABLES, variable
from proxypypi.settings import DEFAULT_INDEX

PAGE = Path(proxypypi.__file__).parents[1] / "docs" / "options.rst"


class ManualTests(SynchronousTestCase):
    def test_page(self) -> None:
        """
        The page that is read is the one that the table makes.
        """
        told = "make it anew: python -m proxypypi.manual > docs/options.rst"
        self.assertEqual(PAGE.read_text("utf-8"), reference(), told)

    def test_complete(self) -> None:
        """
        The reference has every option, its variable, and every key of the tables.
        """
        page = reference()
        for option in OPTIONS:
            for name in option.names:
                self.assertIn(f"``--{name}", page)
            self.assertIn(f"``{variable(option.name)}``", page)
            self.assertIn(f"default: {option.default_shown};", page)
        for table in TABLES:
            self.assertIn(f"``[[{table.name}]]``\n~~~", page)
            for key in table.keys:
                self.assertIn(f"\n``{key.name}``\n", page)
        self.assertNotIn(DEFAULT_INDEX, page)

    def test_markup(self) -> None:
        """
        What is no literal has no stars, which would be markup.
        """
        plain = re.sub("``.*?``", "", reference(), flags=re.DOTALL)
        self.assertNotRegex(plain, r"(?<!\\)\*")

    def test_help(self) -> None:
        """
        Help has the unit and the default.
        """
        helps = {option.name: help_of(option) for option in OPTIONS}
        for name, ending in (
            ("drain", "[SECONDS; default: 30]"),
            ("no-proxy", "[default: off]"),
            ("extra-index-url", "[URL; default: none; repeatable]"),
            ("index-url", "[URL; default: PyPI's]"),
        ):
            self.assertTrue(helps[name].endswith(f". {ending}"), helps[name])
