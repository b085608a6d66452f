"""
Tests for :mod:`proxypypi.bundles.tar`.
"""

import io
import tarfile
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.bundles.tar import END, TarReader, header, padding
from proxypypi.errors import BadBundle
from tests.bundle_case import entry

LARGE = 9 * 2**30  # more than a header has room for

FILES = {
    "demo/demo-1.0.zip": b"content",
    "demo/empty.zip": b"",
    f"demo/{'x' * 226}.zip": b"x" * 512,
    "demo/d\u00e9mo.zip": b"x" * 513,
}


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def tar_of(change: Callable[[tarfile.TarInfo], None], content: bytes = b"") -> bytes:
    """
    A tar whose one member is not what we would write.
    """
    member = tarfile.TarInfo("demo/demo-1.0.zip")
    member.size = len(content)
    change(member)
    return member.tobuf(tarfile.GNU_FORMAT) + content + END


class TarTests(SynchronousTestCase):
    def read(
        self, tar: bytes, stream: type[io.BytesIO] = io.BytesIO
    ) -> dict[str, bytes]:
        reader = TarReader(stream(tar))
        found = {}
        while (member := reader.next()) is not None:
            found[member[0]] = b"".join(reader.pieces())
        return found

    def refused(self, tar: bytes) -> str:
        return str(self.assertRaises(BadBundle, self.read, tar))

    def test_round_trip(self) -> None:
        """
        Names and contents come back as they were written; tar can unpack them, too.
        """
        tar = b"".join([*(entry(*file) for file in FILES.items()), END])
        self.assertEqual(FILES, self.read(tar))
        self.assertEqual(FILES, self.read(tar, Pipe))
        with tarfile.open(fileobj=io.BytesIO(tar)) as others:
            self.assertEqual(list(FILES), others.getnames())

    def test_skipped(self) -> None:
        """
        A file need not be read to get to the next one.
        """
        tar = b"".join([*(entry(*file) for file in FILES.items()), END])
        for stream in (io.BytesIO(tar), Pipe(tar)):
            reader = TarReader(stream)
            names = []
            while (member := reader.next()) is not None:
                names.append(member[0])
            self.assertEqual(list(FILES), names)

    def test_numbers(self) -> None:
        """
        A file may be larger than the format once thought, and of any time.
        """
        for moment in (0.0, 1.5, 1e11, 253_402_300_799.0):
            reader = TarReader(io.BytesIO(header("x.zip", LARGE, moment)))
            self.assertEqual(("x.zip", LARGE), reader.next())

    def test_same_bytes(self) -> None:
        """
        A header has nothing of the machine it was made on.
        """
        with tarfile.open(fileobj=io.BytesIO(entry("x.zip", b"x") + END)) as tar:
            [member] = tar.getmembers()
        self.assertEqual(
            (0, 0, "", ""), (member.uid, member.gid, member.uname, member.gname)
        )
        self.assertEqual((0o644, 0), (member.mode, member.mtime))

    def test_cut(self) -> None:
        """
        A tar that ends before its end is noticed, wherever that is.
        """
        tar = b"".join([*(entry(*file) for file in FILES.items())])
        for stream in (io.BytesIO, Pipe):
            for size in range(0, len(tar), 97):
                error = self.assertRaises(BadBundle, self.read, tar[:size], stream)
                self.assertIn("it was not copied whole", str(error), size)

    def test_no_plain_files(self) -> None:
        """
        Links, devices, directories and sparse files are refused.
        """
        for kind in (
            *(tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE),
            *(tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE, tarfile.XGLTYPE),
            *(tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME, b"Z", tarfile.AREGTYPE),
        ):

            def change(member: tarfile.TarInfo, kind: bytes = kind) -> None:
                member.type = kind
                member.linkname = "/etc/passwd"

            said = self.refused(tar_of(change))
            self.assertIn("is no plain file", said, kind)

    def test_strange_headers(self) -> None:
        """
        So are headers that say anything but a name and a size, or have no end.
        """
        whole = header(f"demo/{'x' * 200}.zip", 0, 0.0)
        for old, new in (
            (b" path=", b" pith="),
            (b"219 path", b"999 path"),
            (b"219 path", b"003 path"),
            (b"219 path", b"21x path"),
        ):
            self.assertIn(old, whole)
            self.assertIn("says what no bundle", self.refused(whole.replace(old, new)))

        def change(member: tarfile.TarInfo) -> None:
            member.type, member.size = tarfile.XHDTYPE, 2**40

        self.assertIn("a header in it has 1,099", self.refused(tar_of(change)))
        said = header("x.zip", LARGE, 0.0)
        said = said.replace(b" size=9663676416", b" size=966367641x")
        self.assertIn("a header in it has no size", self.refused(said))

    def test_two_headers(self) -> None:
        """
        A header is followed by its file.
        """
        long = header(f"demo/{'x' * 200}.zip", 0, 0.0)
        self.assertIn("is no plain file", self.refused(long[:1024] + long))

    def test_negative_size(self) -> None:
        """
        No size takes the reader back.
        """
        block = bytearray(header("x.zip", 0, 0.0))
        block[124:136] = b"\xff" * 12
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        self.assertIn("is no plain file", self.refused(bytes(block) + END))

    def test_nonsense(self) -> None:
        """
        What is no tar is none.
        """
        for tar in (b"x" * 1024, b"\x1f\x8b" + b"x" * 600, b"PK\3\4" + b"\0" * 1020):
            self.assertIn("damaged, or no bundle", self.refused(tar))
        damaged = bytearray(entry("x.zip", b"x"))
        damaged[5] ^= 1
        self.assertIn("damaged, or no bundle", self.refused(bytes(damaged)))
        self.assertIn("not copied whole", self.refused(b""))
        self.assertEqual(b"", padding(512))
