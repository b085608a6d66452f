"""
Tests for ``docs/faults.rst``: what it names is there.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from twisted.python.reflect import namedAny
from twisted.trial.unittest import SynchronousTestCase

import proxypypi

PAGE = Path(proxypypi.__file__).parents[1] / "docs" / "faults.rst"

HEADINGS = ["fault", "what the client sees", "what is kept", "test"]


def rows() -> Iterator[list[str]]:
    """
    The cells of all rows of the page, but for headings.
    """
    for row in re.split(r"^ {3}\* - ", PAGE.read_text("utf-8"), flags=re.M)[1:]:
        body = row.partition("\n\n")[0]
        cells = [" ".join(cell.split()) for cell in body.split("\n     - ")]
        if cells != HEADINGS:
            yield cells


def tests_of(row: list[str]) -> list[str]:
    return re.findall("``(.+?)``", row[3])


class FaultsTests(SynchronousTestCase):
    def test_rows(self) -> None:
        """
        There are 40 faults at least, and something to say of each.
        """
        told = list(rows())
        self.assertGreaterEqual(len(told), 40)
        for row in told:
            self.assertEqual(4, len(row), row)
            self.assertTrue(all(row), row)
            self.assertRegex(row[3], "^``[^`]+``(, ``[^`]+``)*$")

    def test_tests(self) -> None:
        """
        Each names tests that there are.
        """
        for row in rows():
            for name in tests_of(row):
                module, case, method = f"tests.{name}".rsplit(".", 2)
                found = getattr(namedAny(f"{module}.{case}"), method, None)
                self.assertTrue(callable(found), name)
                self.assertTrue(method.startswith("test_"), name)
