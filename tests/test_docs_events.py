"""
Tests for ``docs/events.rst``: it has all that is told, as it is.
"""

import re
from pathlib import Path

import msgspec
from twisted.trial.unittest import SynchronousTestCase

import proxypypi
from proxypypi.model import Fetching, NewFile, Overview, SharedName, UpstreamNow

PAGE = Path(proxypypi.__file__).parents[1] / "docs" / "events.rst"

TEXT = PAGE.read_text("utf-8")


class EventsPageTests(SynchronousTestCase):
    def members(self, kind: type[msgspec.Struct]) -> list[str]:
        return [field.encode_name for field in msgspec.structs.fields(kind)]

    def test_members(self) -> None:
        """
        Each has a row, in their order.
        """
        rows = re.findall(r"^   \* - (``.+``)$", TEXT, re.MULTILINE)
        told = [name for row in rows for name in re.findall("``(.+?)``", row)]
        self.assertEqual(self.members(Overview), told)

    def test_what_is_in_them(self) -> None:
        """
        So does what each of several is told with.
        """
        for member, kind in (
            ("upstreams", UpstreamNow),
            ("fetching", Fetching),
            ("private", NewFile),
            ("shared", SharedName),
        ):
            row = TEXT.partition(f"   * - ``{member}``\n")[2].partition("   * -")[0]
            for name in self.members(kind):
                self.assertIn(f"``{name}``", row)
