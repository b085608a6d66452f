"""
Tests for :mod:`proxypypi.bundles.writing`.
"""

import io
import os
from hashlib import sha256
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.bundles.manifest import file_name, note_name
from proxypypi.bundles.reading import Bundle
from proxypypi.bundles.writing import Piece, check_free, new_file, write_bundle
from proxypypi.errors import BundleExists
from proxypypi.store.locked import open_locked
from tests.bundle_case import DEMO, MADE_AT, member
from tests.store_contract import note_fsyncs

FILES = {"demo-1.zip": b"1" * 3_000_000, "demo-2.zip": b"", "demo-3.zip": b"3" * 600}


class Failing(io.BytesIO):
    """
    A file on a disk that is broken.
    """

    def read(self, size: int | None = -1) -> bytes:
        raise OSError(5, "Input/output error")


class WriteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.root.mkdir()
        self.told: list[tuple[int, int]] = []
        note = b'{"files":{}}'
        self.others = io.BytesIO(note)
        self.pieces = [Piece(member=member(note_name(DEMO), note), moment=0.0)]
        for filename, content in FILES.items():
            path = self.root / filename
            path.write_bytes(content)
            self.pieces.append(
                Piece(
                    member=member(file_name(DEMO, filename), content),
                    moment=1.5,
                    path=str(path),
                )
            )

    def write(self) -> tuple[bytes, list[str]]:
        """
        :returns: also what was lost.
        """
        out = io.BytesIO()
        self.others.seek(0)
        lost = write_bundle(
            self.pieces, self.others, out, MADE_AT, lambda *of: self.told.append(of)
        )
        return out.getvalue(), [each.name for each in lost]

    def read(self, tar: bytes) -> tuple[dict[str, str], list[str]]:
        """
        :returns: the digest of what each member has, and what is missing.
        """
        bundle = Bundle.open(io.BytesIO(tar))
        found = {
            each.name: sha256(b"".join(bundle.pieces())).hexdigest()
            for each in bundle.members()
        }
        return found, [each.name for each in bundle.missing]

    def test_whole(self) -> None:
        """
        What is written can be read, and how far it has come is told.
        """
        tar, lost = self.write()
        self.assertEqual([], lost)
        expected = {piece.member.name: piece.member.sha256 for piece in self.pieces}
        self.assertEqual((expected, []), self.read(tar))
        size = sum(piece.member.size for piece in self.pieces)
        self.assertEqual((size, size), self.told[-1])
        self.assertGreater(len(self.told), 4)

    def test_same_bytes(self) -> None:
        """
        The same content at the same moment is the same bundle.
        """
        self.assertEqual(self.write(), self.write())

    def test_gone(self) -> None:
        """
        A file that went is left out, as is one that has another size by now; the rest
        is there.
        """
        (self.root / "demo-1.zip").unlink()
        (self.root / "demo-3.zip").write_bytes(b"3" * 700)
        tar, lost = self.write()
        expected = [file_name(DEMO, f"demo-{number}.zip") for number in (1, 3)]
        self.assertEqual(expected, lost)
        found, missing = self.read(tar)
        self.assertEqual((2, expected), (len(found), missing))
        self.assertEqual(*self.told[-1])

    def test_changed(self) -> None:
        """
        One that has other bytes by now is told; whoever reads the bundle can tell, too.
        """
        (self.root / "demo-3.zip").write_bytes(b"x" * 600)
        tar, lost = self.write()
        self.assertEqual([file_name(DEMO, "demo-3.zip")], lost)
        found, missing = self.read(tar)
        self.assertEqual([], missing)
        self.assertNotEqual(self.pieces[-1].member.sha256, found[lost[0]])

    def test_unreadable(self) -> None:
        """
        So is one that is cut off or cannot be read while it is written; what comes
        behind it is found.
        """
        for others in (io.BytesIO(), Failing()):
            self.others = others
            tar, lost = self.write()
            self.assertEqual([note_name(DEMO)], lost)
            self.assertEqual(4, len(self.read(tar)[0]))

    def test_no_file(self) -> None:
        """
        What is no plain file any more is waited for by nobody.
        """
        (self.root / "demo-2.zip").unlink()
        os.mkfifo(self.root / "demo-2.zip")
        self.assertEqual([file_name(DEMO, "demo-2.zip")], self.write()[1])


class NewFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.path = self.folder / "bundle.tar"

    def names(self) -> list[str]:
        return sorted(os.listdir(self.folder))

    def test_at_the_end(self) -> None:
        """
        The file has its name when all of it is on disk, and nothing else is left.
        """
        synced = note_fsyncs(self)
        with new_file(self.path, False) as out:
            out.write(b"content")
            self.assertFalse(self.path.exists())
            self.assertEqual([], synced)
        self.assertEqual(2, len(synced))  # the folder, too
        self.assertEqual(b"content", self.path.read_bytes())
        self.assertEqual(["bundle.tar"], self.names())

    def test_failure(self) -> None:
        """
        If something goes wrong nothing is left of it, and what was there stays.
        """
        for replace, names in ((False, []), (True, ["bundle.tar"])):
            with (
                self.assertRaises(KeyboardInterrupt),
                new_file(self.path, replace) as o,
            ):
                o.write(b"half")
                raise KeyboardInterrupt
            self.assertEqual(names, self.names())
            self.path.write_bytes(b"old")

    def test_left_over(self) -> None:
        """
        What a crash left behind is begun anew.
        """
        (self.folder / ".bundle.tar.part").write_bytes(b"long before")
        with new_file(self.path, False) as out:
            out.write(b"new")
        self.assertEqual(b"new", self.path.read_bytes())
        self.assertEqual(["bundle.tar"], self.names())

    def test_exists(self) -> None:
        """
        A file that is there is replaced only if that is wanted, and nothing else ever.
        """
        check_free(self.path, False)
        self.path.write_bytes(b"old")
        error = self.assertRaises(BundleExists, check_free, self.path, False)
        self.assertEqual(
            f"{self.path}: there is such a file: --force replaces it", str(error)
        )
        check_free(self.path, True)
        with new_file(self.path, True) as out:
            out.write(b"new")
        self.assertEqual(b"new", self.path.read_bytes())
        for replace in (False, True):
            error = self.assertRaises(BundleExists, check_free, self.folder, replace)
        self.assertIn("it is no file", str(error))

    def test_meanwhile(self) -> None:
        """
        Nor is one that has come meanwhile.
        """
        with self.assertRaises(BundleExists), new_file(self.path, False):
            self.path.write_bytes(b"theirs")
        self.assertEqual(b"theirs", self.path.read_bytes())
        self.assertEqual(["bundle.tar"], self.names())

    def test_two_at_once(self) -> None:
        """
        Of two who write the same one, the second is told so, and the first goes on.
        """
        fd = open_locked(self.folder / ".bundle.tar.part")
        self.addCleanup(os.close, fd)
        with self.assertRaises(BundleExists) as caught, new_file(self.path, True):
            pass
        self.assertIn("another export is writing it", str(caught.exception))
        self.assertEqual([".bundle.tar.part"], self.names())
