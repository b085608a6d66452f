"""
Tests for :mod:`proxypypi.store.archives`.
"""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from hashlib import blake2b, sha256, sha512
from pathlib import Path
from warnings import catch_warnings, simplefilter

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import LocalFile
from proxypypi.rules.integrity import Digests
from proxypypi.store.archives import (
    Findings,
    blake2b_of,
    digest_file,
    examine,
    look_inside,
    requires_python_in,
    wheel_metadata,
)
from proxypypi.store.publishing import local_file
from tests.distributions import make_sdist, make_wheel

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Python: >=3.8\n"
MEGABYTE = 1024 * 1024


def zip_of(
    *members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return out.getvalue()


def tar_of(*members: tuple[str, bytes | None], mode: str = "w:gz") -> bytes:
    """
    :param members: name and content of each, or :obj:`None` for a directory.
    """
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content or b""))
    return out.getvalue()


class ArchiveTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def put(self, content: bytes, filename: str = WHEEL) -> LocalFile:
        path = self.folder / filename
        path.write_bytes(content)
        status = path.stat()
        return LocalFile(
            filename=filename,
            path=str(path),
            size=status.st_size,
            modified_at=status.st_mtime_ns,
            inode=status.st_ino,
            changed_at=status.st_ctime_ns,
        )

    def count_reads(self) -> Callable[[], int]:
        """
        :returns: tells how many bytes were read by ``os.read`` since.
        """
        read, done = os.read, [0]

        def note(fd: int, length: int) -> bytes:
            data = read(fd, length)
            done[0] += len(data)
            return data

        self.patch(os, "read", note)
        return lambda: done[0]


class WheelMetadataTests(ArchiveTestCase):
    def metadata(self, content: bytes, filename: str = WHEEL) -> bytes | None:
        return wheel_metadata(self.put(content, filename).path, filename)

    def test_byte_for_byte(self) -> None:
        """
        A wheel's core metadata come out exactly as they are inside.
        """
        wheel = make_wheel("demo", requires=["other>=1"], requires_python=">=3.8")
        self.assertEqual(wheel.metadata, self.metadata(wheel.content))
        odd = b"Name: d\xc3\xa9mo\r\n\xff\x00\n" * 1000
        for compression in (
            *(zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
            *(zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA),
        ):
            content = zip_of(
                ("demo-1.0.dist-info/METADATA", odd), compression=compression
            )
            self.assertEqual(odd, self.metadata(content), compression)

    def test_spellings(self) -> None:
        """
        The directory's name need not be spelled as the wheel's.
        """
        cases = [
            ("demo_extras-1.0-py3-none-any.whl", "demo_extras-1.0.dist-info"),
            ("demo_extras-1.0-py3-none-any.whl", "Demo.Extras-1.0.dist-info"),
            ("Demo.Extras-1.0-py3-none-any.whl", "demo_extras-1.0.dist-info"),
            ("demo-1.0-py3-none-any.whl", "demo-1.0.0.dist-info"),
            ("DEMO-1.0-PY3-NONE-ANY.WHL", "demo-1.0.dist-info"),
        ]
        for filename, directory in cases:
            content = zip_of((f"{directory}/METADATA", METADATA))
            self.assertEqual(METADATA, self.metadata(content, filename), filename)

    def test_not_exactly_one(self) -> None:
        """
        Without one directory that fits the wheel's name there is nothing to offer.
        """
        right = "demo-1.0.dist-info/METADATA"
        cases = {
            "empty": [],
            "none": ["demo/__init__.py", "demo-1.0.dist-info/WHEEL"],
            "other project's": ["other-1.0.dist-info/METADATA"],
            "longer name": ["demo_extras-1.0.dist-info/METADATA"],
            "two": [right, "demo-2.0.dist-info/METADATA"],
            "two of one name": [right, right],
            "two spellings": [right, "Demo-1.0.dist-info/METADATA"],
            "deeper": [f"x/{right}"],
            "absolute": [f"/{right}"],
            "below": ["demo-1.0.dist-info/METADATA/METADATA"],
            "other directory": ["demo-1.0.egg-info/METADATA"],
            "other file": ["demo-1.0.dist-info/metadata.json"],
            "other case": ["demo-1.0.dist-info/metadata"],
        }
        for case, names in cases.items():
            with catch_warnings():  # zipfile's, of two of one name
                simplefilter("ignore")
                content = zip_of(*((name, METADATA) for name in names))
            self.assertIsNone(self.metadata(content), case)
        beside = ["other-1.0.dist-info/METADATA", "demo/METADATA", right]
        content = zip_of(*((name, name.encode()) for name in beside))
        self.assertEqual(right.encode(), self.metadata(content))

    def test_too_large(self) -> None:
        """
        What unpacks to more than anyone needs is not unpacked; nor is it believed when
        it says that it is small.
        """
        name = "demo-1.0.dist-info/METADATA"
        largest = bytes(10 * MEGABYTE)
        self.assertEqual(largest, self.metadata(zip_of((name, largest))))
        bomb = zip_of((name, largest + b"x"))
        self.assertLess(len(bomb), MEGABYTE)
        self.assertIsNone(self.metadata(bomb))
        size = len(largest) + 1
        lying = bomb.replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little"))
        self.assertNotEqual(bomb, lying)
        self.assertIsNone(self.metadata(lying))

    def test_encrypted(self) -> None:
        """
        A wheel that cannot be opened without a password has none to offer.
        """
        content = bytearray(zip_of(("demo-1.0.dist-info/METADATA", METADATA)))
        for signature, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
            content[content.index(signature) + flags] |= 1
        self.assertIsNone(self.metadata(bytes(content)))

    def test_no_zip(self) -> None:
        """
        A wheel that is no archive, or none any more, is no error.
        """
        whole = zip_of(("demo-1.0.dist-info/METADATA", METADATA))
        for content in (b"", b"PK", b"<html>", bytes(1000), whole[:-1], whole[10:]):
            self.assertIsNone(self.metadata(content), content)
        self.assertIsNone(wheel_metadata(str(self.folder / "missing.whl"), WHEEL))
        self.assertIsNone(wheel_metadata(str(self.folder), WHEEL))

    @settings(deadline=None)
    @given(
        st.sampled_from(
            [
                *(zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
                *(zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA),
            ]
        ),
        st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255))),
    )
    def test_any_damage(
        self, compression: int, changes: list[tuple[float, int]]
    ) -> None:
        """
        Nothing that is in an archive makes an error of ours.
        """
        name = "demo-1.0.dist-info/METADATA"
        content = bytearray(zip_of((name, METADATA * 20), compression=compression))
        for place, byte in changes:
            content[int(place * len(content))] = byte
        found = self.metadata(bytes(content))
        self.assertIn(found, (None, METADATA * 20))
        file = self.put(bytes(content), "demo-1.0.zip")
        look_inside(file.path, file.filename, {})

    def test_broken_compression(self) -> None:
        """
        Whatever the method, what cannot be unpacked is no metadata and no error.
        """
        name = "demo-1.0.dist-info/METADATA"
        for compression in (
            *(zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA),
        ):
            content = bytearray(zip_of((name, METADATA), compression=compression))
            start = 30 + len(name)
            content[start + 9 : start + 20] = b"\xff" * 11
            self.assertIsNone(self.metadata(bytes(content)), compression)


class RequiresPythonTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        The value on one line; none if there is none that says anything.
        """
        long = ",".join(["!=3.0"] * 100)
        cases: list[tuple[bytes, str | None]] = [
            (METADATA, ">=3.8"),
            (b"requires-python:>=3\n", ">=3"),
            (b"Requires-Python: >=3,\n  <4\n", ">=3, <4"),
            (b"Requires-Python:  >=3\t\r\n", ">=3"),
            (b"Requires-Python: >=3\nRequires-Python: >=2\n", ">=3"),
            (b"Name: demo\n", None),
            (b"Requires-Python: UNKNOWN\n", None),
            (b"Requires-Python:\n", None),
            (b"Requires-Python:   \n", None),
            (b"Name: demo\n\nRequires-Python: >=3\n", None),
            (b"", None),
            (b"\xff\xfe\x00", None),
            (f"Requires-Python: {long[:500]}\n".encode(), long[:500]),
            (f"Requires-Python: {long[:501]}\n".encode(), None),
        ]
        for metadata, expected in cases:
            self.assertEqual(expected, requires_python_in(metadata), metadata)

    @given(st.binary())
    def test_never_raises(self, value: bytes) -> None:
        """
        Whatever stands there, it is a text that a page can hold, or none.
        """
        for metadata in (value, b"Requires-Python: " + value):
            found = requires_python_in(metadata)
            if found is not None:
                found.encode()
                self.assertEqual(" ".join(found.split()), found)


class SdistTests(ArchiveTestCase):
    def requires_python(self, content: bytes, filename: str = SDIST) -> str | None:
        file = self.put(content, filename)
        found = look_inside(file.path, filename, {"sha256": "5f"})
        self.assertEqual({"sha256": "5f"}, found.hashes)
        self.assertIsNone(found.metadata)
        return found.requires_python

    def test_kinds(self) -> None:
        """
        ``Requires-Python`` is found in whatever an sdist may be packed as; its metadata
        are not offered.
        """
        member = ("demo-1.0/PKG-INFO", METADATA)
        cases = {
            "demo-1.0.tar.gz": tar_of(member),
            "demo-1.0.tgz": tar_of(member),
            "demo-1.0.tar.bz2": tar_of(member, mode="w:bz2"),
            "demo-1.0.tar.xz": tar_of(member, mode="w:xz"),
            "demo-1.0.tar": tar_of(member, mode="w:"),
            "demo-1.0.zip": zip_of(member),
            "demo-1.1.tar.gz": zip_of(member),
        }
        for filename, content in cases.items():
            self.assertEqual(">=3.8", self.requires_python(content, filename), filename)
        sdist = make_sdist("demo", requires_python=">=3.9")
        self.assertEqual(">=3.9", self.requires_python(sdist.content))

    def test_where(self) -> None:
        """
        It is the one at the top that counts, the first of them, wherever it stands.
        """
        other = b"Requires-Python: >=2\n"
        cases: dict[str, list[tuple[str, bytes]]] = {
            "last": [("demo-1.0/a", b"a"), ("demo-1.0/PKG-INFO", METADATA)],
            "deeper ones": [
                ("demo-1.0/demo.egg-info/PKG-INFO", other),
                ("PKG-INFO", other),
                ("demo-1.0/PKG-INFO.txt", other),
                ("demo-1.0/PKG-INFO", METADATA),
            ],
            "several": [("demo-1.0/PKG-INFO", METADATA), ("demo-2.0/PKG-INFO", other)],
            "dotted": [("./demo-1.0/PKG-INFO", METADATA)],
            "other name": [("demo/PKG-INFO", METADATA)],
        }
        for case, members in cases.items():
            for content in (tar_of(*members), zip_of(*members)):
                self.assertEqual(">=3.8", self.requires_python(content), case)

    def test_none(self) -> None:
        """
        An sdist without it, or of a kind we cannot open, simply has none.
        """
        whole = tar_of(("demo-1.0/PKG-INFO", METADATA), mode="w:")
        nowhere = ("demo-1.0/setup.py", b"")
        cases = {
            "tar without": tar_of(nowhere, ("PKG-INFO", METADATA)),
            "zip without": zip_of(nowhere, ("PKG-INFO", METADATA)),
            "directory": tar_of(("demo-1.0/PKG-INFO", None)),
            "empty tar": tar_of(),
            "empty zip": zip_of(),
            "empty": b"",
            "html": b"<html>",
            "zeros": bytes(10_000),
            "cut tar": whole[:520],
            "cut header": whole[:100],
            "gzip of nothing": b"\x1f\x8b\x08\x00",
            "cut gzip": tar_of(("demo-1.0/PKG-INFO", METADATA))[:40],
            "cut bz2": tar_of(("demo-1.0/PKG-INFO", METADATA), mode="w:bz2")[:60],
            "cut xz": tar_of(("demo-1.0/PKG-INFO", METADATA), mode="w:xz")[:60],
            "compress": b"\x1f\x9d\x90" + bytes(100),
            "executable": b"MZ" + bytes(10_000),
        }
        for case, content in cases.items():
            self.assertIsNone(self.requires_python(content), case)
        missing = str(self.folder / "missing.zip")
        self.assertIsNone(look_inside(missing, "missing.zip", {}).requires_python)

    def test_other_kinds(self) -> None:
        """
        Eggs and installers are looked into just as carefully.
        """
        for filename in ("demo-1.0-py3.8.egg", "demo-1.0.win32.exe", "demo-1.0.rpm"):
            content = zip_of(("EGG-INFO/PKG-INFO", METADATA))
            self.assertEqual(">=3.8", self.requires_python(content, filename))
            self.assertIsNone(self.requires_python(b"rubbish", filename), filename)

    def test_link(self) -> None:
        """
        A link in its place is not followed.
        """
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            link = tarfile.TarInfo("demo-1.0/PKG-INFO")
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
            archive.addfile(link)
            info = tarfile.TarInfo("demo-1.0/PKG-INFO")
            info.size = len(METADATA)
            archive.addfile(info, io.BytesIO(METADATA))
        self.assertEqual(">=3.8", self.requires_python(out.getvalue()))

    def huge(self, kind: bytes, size: int) -> str:
        """
        A tar whose first header says that as many bytes follow; they are a hole.
        """
        first = tarfile.TarInfo("demo-1.0/huge")
        first.type, first.size = kind, size
        path = self.folder / "demo-1.0.tar"
        path.write_bytes(first.tobuf())
        os.truncate(path, 512 + size)
        with path.open("ab") as tar:
            tar.write(tar_of(("demo-1.0/PKG-INFO", METADATA), mode="w:"))
        return str(path)

    def test_huge_first_member(self) -> None:
        """
        An archive that unpacks to very much is not unpacked in search of metadata.
        """
        count = self.count_reads()
        path = self.huge(tarfile.REGTYPE, 63 * MEGABYTE)
        self.assertEqual(">=3.8", look_inside(path, SDIST, {}).requires_python)
        before = count()
        path = self.huge(tarfile.REGTYPE, 1024 * MEGABYTE)
        self.assertIsNone(look_inside(path, SDIST, {}).requires_python)
        self.assertLess(count() - before, MEGABYTE)

    def test_huge_headers(self) -> None:
        """
        Nor is an extended header that takes very much memory.
        """
        count = self.count_reads()
        for kind in (
            *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
            *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
        ):
            path = self.huge(kind, 256 * MEGABYTE)
            self.assertIsNone(look_inside(path, SDIST, {}).requires_python, kind)
        self.assertLess(count(), MEGABYTE)

    def test_long_headers(self) -> None:
        """
        Extended headers as they occur are no hindrance.
        """
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in ("demo-1.0/" + "d\u00e9mo/" * 500 + "x", "demo-1.0/PKG-INFO"):
                info = tarfile.TarInfo(name)
                info.size = len(METADATA)
                info.pax_headers = {"comment": "x" * 10_000}
                archive.addfile(info, io.BytesIO(METADATA))
        self.assertEqual(">=3.8", self.requires_python(out.getvalue()))

    def test_many_members(self) -> None:
        """
        Many members that unpack to very much together are as bad as one.
        """
        path = self.folder / "demo-1.0.tar"
        with path.open("wb") as tar:
            for n in range(12):
                member = tarfile.TarInfo(f"demo-1.0/{n}")
                member.size = 32 * MEGABYTE
                tar.write(member.tobuf())
                tar.truncate(tar.seek(member.size, os.SEEK_CUR))
            tar.write(tar_of(("demo-1.0/PKG-INFO", METADATA), mode="w:"))
        count = self.count_reads()
        self.assertIsNone(look_inside(str(path), SDIST, {}).requires_python)
        self.assertLess(count(), 70 * MEGABYTE)

    @settings(deadline=None)
    @given(
        st.sampled_from(["w:", "w:gz", "w:bz2", "w:xz"]),
        st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255))),
    )
    def test_any_damage(self, mode: str, changes: list[tuple[float, int]]) -> None:
        """
        Nothing that is in an archive makes an error of ours.
        """
        content = bytearray(
            tar_of(
                ("demo-1.0/" + "long/" * 60, b""),
                ("demo-1.0/PKG-INFO", METADATA),
                mode=mode,
            )
        )
        for place, byte in changes:
            content[int(place * len(content))] = byte
        self.requires_python(bytes(content))


class ExamineTests(ArchiveTestCase):
    def test_wheel(self) -> None:
        """
        Of a wheel it finds digests, metadata and what Python it needs.
        """
        wheel = make_wheel("demo", requires_python=">=3.8", payload=3 * MEGABYTE + 1)
        file = self.put(wheel.content, wheel.filename)
        self.assertEqual(
            Findings(
                hashes={
                    "sha256": wheel.sha256,
                    "sha512": sha512(wheel.content).hexdigest(),
                },
                requires_python=">=3.8",
                metadata=wheel.metadata,
            ),
            examine(file, Digests.checking({"sha512": ""})),
        )

    def test_sdist(self) -> None:
        """
        Of an sdist it finds digests and what Python it needs.
        """
        sdist = make_sdist("demo", requires_python=">=3.8")
        file = self.put(sdist.content, sdist.filename)
        hashes = {"sha256": sdist.sha256}
        self.assertEqual(
            Findings(hashes=hashes, requires_python=">=3.8", metadata=None),
            examine(file, Digests.checking({})),
        )

    def test_rubbish(self) -> None:
        """
        What is no archive has digests nonetheless.
        """
        for filename in (WHEEL, SDIST):
            for content in (b"", b"rubbish"):
                file = self.put(content, filename)
                hashes = {"sha256": sha256(content).hexdigest()}
                self.assertEqual(
                    Findings(hashes=hashes, requires_python=None, metadata=None),
                    examine(file, Digests.checking({})),
                )

    def test_gone(self) -> None:
        """
        Of a file that is no longer there nothing is found.
        """
        file = self.put(b"content")
        os.remove(file.path)
        self.assertIsNone(examine(file, Digests.checking({})))
        os.mkdir(file.path)
        self.assertIsNone(examine(file, Digests.checking({})))

    def test_changed(self) -> None:
        """
        Nor of one that was changed or replaced before it was read, or while it was.
        """

        def grow(file: LocalFile) -> None:
            with open(file.path, "ab") as opened:
                opened.write(b"more")
            os.utime(file.path, ns=(file.modified_at, file.modified_at))

        def touch(file: LocalFile) -> None:
            os.utime(file.path, ns=(0, file.modified_at + 1))

        def replace(file: LocalFile) -> None:
            other = self.folder / "other"
            other.write_bytes(b"x" * file.size)
            os.utime(other, ns=(file.modified_at, file.modified_at))
            os.rename(other, file.path)

        def remove(file: LocalFile) -> None:
            os.remove(file.path)

        class Meddling(Digests):
            def update(self, data: bytes) -> None:
                super().update(data)
                if not done:
                    done.append(True)
                    change(file)

        content = zip_of(("demo-1.0.dist-info/METADATA", METADATA))
        for change in (grow, touch, replace, remove):
            file = self.put(content)
            self.assertIsNotNone(examine(file, Digests.checking({})))
            change(file)
            self.assertIsNone(examine(file, Digests.checking({})), change)
            file = self.put(content)
            done: list[bool] = []
            self.assertIsNone(examine(file, Meddling.checking({})), change)

    def test_growing(self) -> None:
        """
        A file that grows as fast as it is read is given up, not read for ever.
        """

        class Feeding(Digests):
            pieces = 0

            def update(self, data: bytes) -> None:
                Feeding.pieces += 1
                if Feeding.pieces < 100:
                    with open(file.path, "ab") as opened:
                        opened.write(data)

        file = self.put(b"content")
        self.assertIsNone(examine(file, Feeding.checking({})))
        self.assertEqual(1, Feeding.pieces)


class DigestFileTests(ArchiveTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.content = b"x" * (2 * MEGABYTE + 5)
        self.file = local_file(Path(self.put(self.content, WHEEL).path))

    def digest(self, told: Callable[[int], None] = lambda _: None) -> object:
        return digest_file(self.file, Digests.checking({}), told)

    def test_digests(self) -> None:
        """
        A whole file is read, and it is told how far that has come.
        """
        told: list[int] = []
        expected = {"sha256": sha256(self.content).hexdigest()}
        self.assertEqual(expected, self.digest(told.append))
        self.assertEqual([MEGABYTE, MEGABYTE, 5], told)

    def test_changed(self) -> None:
        """
        Of one that is changed meanwhile, replaced or removed, nothing is known.
        """
        self.assertIsNone(self.digest(lambda _: os.utime(self.file.path)))
        self.file = local_file(Path(self.file.path))
        other = self.folder / "other"
        other.write_bytes(self.content)

        def replace(_: int) -> None:
            if other.exists():
                other.rename(self.file.path)

        self.assertIsNone(self.digest(replace))
        os.remove(self.file.path)
        self.assertIsNone(self.digest())

    def test_unreadable(self) -> None:
        """
        What the disk does not give is an error.
        """
        os.remove(self.file.path)
        os.mkdir(self.file.path)
        self.assertRaises(IsADirectoryError, self.digest)


class Blake2bTests(ArchiveTestCase):
    def test_cases(self) -> None:
        """
        The digest by which an index may name a file's address; empty for none.
        """
        for content in (b"", b"content", bytes(MEGABYTE) + b"x"):
            expected = blake2b(content, digest_size=32).hexdigest()
            self.assertEqual(expected, blake2b_of(self.put(content).path))
        self.assertEqual("", blake2b_of(str(self.folder / "missing.whl")))
