"""
Tests for :mod:`proxypypi.bundles.manifest`.
"""

from typing import Any

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.bundles import manifest
from proxypypi.bundles.manifest import (
    Kind,
    Member,
    Place,
    parse_manifest,
    place_of,
    render_manifest,
)
from proxypypi.errors import BadBundle
from tests.bundle_case import DEMO, MADE_AT

SHA256 = "5f" * 32
NOTE = Member(".projects/demo.json", 7, SHA256)
PAGE = Member(".pages/demo", 7, SHA256)
FILE = Member("demo/demo-1.0.zip", 7, SHA256)
OTHER = Member(".projects/other.json", 7, SHA256)


class PlaceTests(SynchronousTestCase):
    def test_places(self) -> None:
        """
        The name of a member says what it is.
        """
        for member, place in (
            (NOTE, Place(Kind.NOTE, DEMO)),
            (PAGE, Place(Kind.PAGE, DEMO)),
            (FILE, Place(Kind.FILE, DEMO, "demo-1.0.zip")),
        ):
            self.assertEqual(place, place_of(member))

    def test_unsafe(self) -> None:
        """
        No member lies anywhere but where it belongs.
        """
        for name in (
            *("", "/", "..", "demo", "demo/", "/demo/demo-1.0.zip", "demo//x.zip"),
            *("../demo/x.zip", "demo/../x.zip", "demo/x/y.zip", "demo/..", "./x.zip"),
            *("Demo/x.zip", "de_mo/x.zip", "demo/x.txt", "demo/.x.zip", "demo/x.part"),
            *("demo/x\0.zip", "demo/x\n.zip", "demo\\x.zip", "demo/a\\x.zip"),
            *(".proxypypi/x.zip", ".proxypypi/lock", ".pages/../x", ".pages/Demo"),
            *(".projects/demo", ".projects/../x.json", ".projects/.json", "manifest"),
            *(f"demo/{'x' * 300}.zip", f"{'x' * 300}/x.zip", "demo/\ud800.zip"),
        ):
            member = Member(name, 7, SHA256)
            error = self.assertRaises(BadBundle, place_of, member)
            self.assertIn("it has a member ", str(error), name)

    def test_large(self) -> None:
        """
        What has to be held in memory is not larger than it may be.
        """
        for member in (NOTE, PAGE, FILE):
            most = place_of(member).kind.value
            place_of(Member(member.name, most, SHA256))
            large = Member(member.name, most + 1, SHA256)
            self.assertIn(
                "too many", str(self.assertRaises(BadBundle, place_of, large))
            )


class ManifestTests(SynchronousTestCase):
    def changed(self, **more: Any) -> bytes:
        whole = msgspec.json.decode(render_manifest([NOTE, FILE], MADE_AT))
        return msgspec.json.encode({**whole, **more})

    def test_round_trip(self) -> None:
        """
        It says which members there are, when it was made, and by what.
        """
        content = render_manifest([NOTE, PAGE, FILE, OTHER], MADE_AT)
        parsed = parse_manifest(content)
        self.assertEqual((NOTE, PAGE, FILE, OTHER), parsed.members)
        self.assertEqual(MADE_AT, parsed.made_at)
        self.assertTrue(parsed.made_by.startswith("proxypypi "))
        self.assertEqual((), parse_manifest(render_manifest([], MADE_AT)).members)

    def test_unknown_format(self) -> None:
        """
        One of a later program is refused, whatever else it has.
        """
        content = msgspec.json.encode({"format": 2, "new": []})
        error = self.assertRaises(BadBundle, parse_manifest, content)
        self.assertIn("it is of format 2", str(error))
        self.assertIn("another version of proxypypi", str(error))

    def test_damaged(self) -> None:
        """
        What is none is refused.
        """
        entry = {"name": NOTE.name, "size": 7, "sha256": SHA256}
        for content in (
            *(b"", b"{", b"[]", b"{}", b"\xff", b'{"format":1}', b"[" * 100_000),
            self.changed(made_at=-1),
            self.changed(members={}),
            self.changed(members=[{**entry, "size": -1}]),
            self.changed(members=[{**entry, "size": 2**60}]),
            self.changed(members=[{**entry, "size": "7"}]),
            self.changed(members=[{**entry, "sha256": "5f"}]),
            self.changed(members=[{**entry, "sha256": SHA256.upper()}]),
        ):
            error = self.assertRaises(BadBundle, parse_manifest, content)
            self.assertIn("its manifest.json is damaged", str(error), content[:99])

    def test_order(self) -> None:
        """
        Of each project the note comes first, and nothing comes twice.
        """
        for members in (
            [FILE],
            [PAGE, NOTE],
            [NOTE, FILE, FILE],
            [NOTE, NOTE],
            [NOTE, OTHER, FILE],
            [NOTE, OTHER, NOTE],
        ):
            content = render_manifest(members, MADE_AT)
            error = self.assertRaises(BadBundle, parse_manifest, content)
            self.assertIn("is not where it belongs", str(error), members)

    def test_too_many(self) -> None:
        """
        What no reader would take is not written.
        """
        self.patch(manifest, "LARGEST_MANIFEST", 300)
        error = self.assertRaises(BadBundle, render_manifest, [FILE] * 3, MADE_AT)
        self.assertIn("too many files for one bundle", str(error))
