"""
Tests for :mod:`proxypypi.bundles.reading`.
"""

import io

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.bundles import reading
from proxypypi.bundles.manifest import MANIFEST, Member, file_name, note_name, page_name
from proxypypi.bundles.reading import Bundle
from proxypypi.bundles.tar import END
from proxypypi.errors import BadBundle
from tests.bundle_case import (
    DEMO,
    MADE_AT,
    Packed,
    contents_of,
    entry,
    make_bundle,
    make_tar,
    member,
    packed,
    page_note,
)
from tests.distributions import make_sdist, make_wheel

WHEEL, SDIST = make_wheel("demo"), make_sdist("demo")
NOTE, PAGE = note_name(DEMO), page_name(DEMO)
FIRST, SECOND = (file_name(DEMO, built.filename) for built in (WHEEL, SDIST))


class BundleTests(SynchronousTestCase):
    def setUp(self) -> None:
        note = packed(WHEEL, SDIST, page=page_note()).note
        self.whole = Packed(note=note, files=[WHEEL, SDIST], body=b"page")
        self.contents = contents_of(self.whole)
        self.members = [member(*each) for each in self.contents.items()]

    def read(self, tar: bytes) -> tuple[Bundle, dict[str, bytes]]:
        """
        :returns: also the content of all files.
        """
        bundle, found = Bundle.open(io.BytesIO(tar)), {}
        for each in bundle.members():
            if each.name in (NOTE, PAGE):
                found[each.name] = bundle.content(each)
            else:
                found[each.name] = b"".join(bundle.pieces())
        return bundle, found

    def refused(self, tar: bytes) -> str:
        return str(self.assertRaises(BadBundle, self.read, tar))

    def without(self, *names: str) -> dict[str, bytes]:
        return {n: data for n, data in self.contents.items() if n not in names}

    def test_round_trip(self) -> None:
        """
        All comes as it was put in, and the manifest first.
        """
        bundle, found = self.read(make_bundle(self.whole))
        self.assertEqual(self.contents, found)
        self.assertEqual(MADE_AT, bundle.manifest.made_at)
        self.assertEqual([], bundle.missing)

    def test_empty(self) -> None:
        """
        A bundle may have nothing in it.
        """
        self.assertEqual({}, self.read(make_bundle())[1])

    def test_missing(self) -> None:
        """
        Of files that do not come it is known that they do not.
        """
        for names in ([FIRST], [SECOND], [FIRST, SECOND]):
            bundle, found = self.read(make_tar(self.without(*names), self.members))
            self.assertEqual(names, [each.name for each in bundle.missing])
            self.assertEqual(self.without(*names), found)

    def test_told(self) -> None:
        """
        How far it has come is told, also in the middle of a file, and whether it is
        read, skipped or missing.
        """
        large = make_wheel("demo", "2", payload=3_000_000)
        contents = contents_of(packed(WHEEL, large))
        members = [member(*each) for each in contents.items()]
        del contents[FIRST]
        for reads in (True, False):
            told: list[tuple[int, int]] = []
            bundle = Bundle.open(io.BytesIO(make_tar(contents, members)))
            for _ in bundle.members(lambda *of, told=told: told.append(of)):
                if reads:
                    list(bundle.pieces())
            self.assertEqual(sorted(told), told)
            self.assertEqual(*told[-1])
            self.assertEqual((reads, 1), (len(told) > 5, len(bundle.missing)))

    def test_note_missing(self) -> None:
        """
        Without a note, or a page that there should be, files are of no use.
        """
        for name in (NOTE, PAGE):
            said = self.refused(make_tar(self.without(name), self.members))
            self.assertIn(f"{name} is missing", said)

    def test_not_in_manifest(self) -> None:
        """
        What the manifest does not have is refused: another name, another size, another
        order, the same twice.
        """
        swapped = {name: self.contents[name] for name in (NOTE, PAGE, SECOND, FIRST)}
        twice = [entry(*each) for each in self.contents.items()]
        manifest = make_tar({}, self.members).removesuffix(END)
        for tar in (
            make_tar({**self.contents, "demo/x.zip": b""}, self.members),
            make_tar({**self.contents, "../x.zip": b""}, self.members),
            make_tar({**self.contents, FIRST: b"longer"}, self.members),
            make_tar(swapped, self.members),
            b"".join([manifest, *twice, twice[-1], END]),
        ):
            self.assertIn("is not what its manifest has", self.refused(tar))

    def test_damaged(self) -> None:
        """
        A note or a page whose digest is another is refused; of files that is left to
        whoever reads them.
        """
        for name in (NOTE, PAGE):
            spoiled = bytes([self.contents[name][0] ^ 1]) + self.contents[name][1:]
            tar = make_tar({**self.contents, name: spoiled}, self.members)
            self.assertIn(f"{name} in it is damaged", self.refused(tar))
        spoiled = b"X" * len(WHEEL.content)
        _, found = self.read(make_tar({**self.contents, FIRST: spoiled}, self.members))
        self.assertEqual(spoiled, found[FIRST])

    def test_no_manifest(self) -> None:
        """
        What does not begin with a manifest is none of ours, be it a tar or not.
        """
        for tar in (END, entry(FIRST, b"x") + END):
            self.assertIn("does not begin with manifest.json", self.refused(tar))
        for text in (b"", b"[project]\n", b"[project]\n" * 100):
            self.assertIn("it is no bundle, or was not", self.refused(text), text)

    def test_large_manifest(self) -> None:
        """
        A manifest that is too large is not even read.
        """
        self.patch(reading, "LARGEST_MANIFEST", 10)
        self.assertIn("bytes: too many", self.refused(entry(MANIFEST, b" " * 11)))

    def test_cut(self) -> None:
        """
        Wherever it ends too early, that is said.
        """
        tar = make_bundle(self.whole)
        for size in range(0, len(tar) - len(END), 331):
            self.assertIn("not copied whole", self.refused(tar[:size]), size)

    def test_large(self) -> None:
        """
        A member that is larger than it may be is refused by the manifest alone.
        """
        large = Member(NOTE, 2**40, "5f" * 32)
        self.assertIn("too many", self.refused(make_tar({}, [large])))
