"""
Uploads that are not what they should be: each is refused with a reason, and leaves the
directory as it was.
"""

import io
import struct
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from gzip import compress

from attrs import evolve

from tests.distributions import BuiltDistribution, make_sdist, make_wheel, renamed
from tests.upload_case import UploadTestCase
from tests.uploads import BOUNDARY, end, fields_of, form_of, part

WHEEL = make_wheel("demo", payload=5000)
SDIST = make_sdist("demo", payload=5000)
FORM = form_of(WHEEL)
FIELDS = b"".join(
    part(name, value.encode()) for name, value in fields_of(WHEEL).items()
)
FILE = part("content", WHEEL.content, WHEEL.filename)
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
INFO = "demo-1.0.dist-info"
NO_DIGESTS: Mapping[str, str | None] = dict.fromkeys(
    ("md5_digest", "sha256_digest", "blake2_256_digest")
)
MB = 1024 * 1024


def wheel_of(
    files: Mapping[str, bytes] | None = None, metadata: bytes | None = METADATA
) -> BuiltDistribution:
    """
    A wheel with these files beside those that it needs.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{INFO}/WHEEL", b"Wheel-Version: 1.0\n")
        if metadata is not None:
            archive.writestr(f"{INFO}/METADATA", metadata)
        for name, content in (files or {}).items():
            archive.writestr(name, content)
    return evolve(WHEEL, content=out.getvalue())


def sdist_of(
    files: Mapping[str, bytes], *members: tarfile.TarInfo
) -> BuiltDistribution:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return evolve(SDIST, content=compress(out.getvalue()))


def twice(name: str) -> BuiltDistribution:
    """
    A wheel that has a file of this name two times.
    """
    metadata = None if name.endswith("METADATA") else METADATA
    built = wheel_of({name: METADATA, f"{name[:-1]}~": b""}, metadata)
    content = built.content.replace(f"{name[:-1]}~".encode(), name.encode())
    return evolve(built, content=content)


def encrypted() -> BuiltDistribution:
    content = bytearray(wheel_of().content)
    at = content.rindex(b"PK\x01\x02") + 8
    content[at : at + 2] = struct.pack("<H", 1)
    return evolve(WHEEL, content=bytes(content))


def device() -> tarfile.TarInfo:
    member = tarfile.TarInfo("demo-1.0/null")
    member.type = tarfile.CHRTYPE
    return member


def with_metadata(*lines: str) -> BuiltDistribution:
    return wheel_of(metadata=METADATA + "\n".join(lines).encode() + b"\n")


PKG_INFO = {"demo-1.0/PKG-INFO": METADATA}

FORMS: dict[str, bytes] = {
    "nothing but rubbish": b"\xff" * 5000,
    "another boundary": FORM.replace(BOUNDARY.encode(), b"x" * 16),
    "no end": FORM.removesuffix(end()),
    "cut off in the file": FORM[:-2000],
    "cut off in a header": FORM[:70],
    "an end and nothing else": end(),
    "bytes after a boundary": FIELDS + FILE + f"--{BOUNDARY}?\r\n".encode(),
    "line feeds alone": FORM.replace(b"\r\n", b"\n"),
    "no disposition": f"--{BOUNDARY}\r\nX-A: b\r\n\r\nx\r\n".encode() + FORM,
    "another disposition": FORM.replace(b"form-data;", b"attachment;", 1),
    "a header without colon": f"--{BOUNDARY}\r\nrubbish\r\n\r\nx\r\n".encode() + FORM,
    "a header that is no text": f"--{BOUNDARY}\r\n".encode() + b"\xff: \xff\r\n" + FORM,
    "a header without end": f"--{BOUNDARY}\r\nX: ".encode() + b"x" * 100_000,
    "many headers": f"--{BOUNDARY}\r\n".encode() + b"X: y\r\n" * 1000 + FORM,
    "many parts": part("x", b"y") * 11_000 + FORM,
    "a part's length that is wrong": part("x", b"y", None, "Content-Length: 9\r\n")
    + FORM,
    "no file": FIELDS + end(),
    "the file is no file": FIELDS + part("content", b"x") + end(),
    "two files": FIELDS + FILE + FILE + end(),
    "the file in another field": FORM.replace(b'"content"', b'"contents"'),
    "a field twice": FIELDS + part("name", b"other") + FILE + end(),
    "a digest twice": FIELDS + part("sha256_digest", b"0" * 64) + FILE + end(),
    "a field without end": part("name", b"x" * 100_000) + FORM,
    "a field that is no text": part("name", b"\xff\xfe") + FILE + end(),
    "no file name": form_of(WHEEL, filename=" "),
}

CHANGES: dict[str, Mapping[str, str | None]] = {
    "no action": {":action": None},
    "another action": {":action": "remove"},
    "an action of old": {":action": "submit"},
    "documentation": {":action": "doc_upload"},
    "another protocol": {"protocol_version": "2"},
    "no name": {"name": None},
    "another name": {"name": "other"},
    "a name that is none": {"name": "../demo"},
    "a name with a NUL": {"name": "demo\0"},
    "a name without end": {"name": "d" * 900},
    "no version": {"version": None},
    "another version": {"version": "1.0.1"},
    "a version that is none": {"version": "latest"},
    "a version of digits": {"version": "9" * 900},
    "another sha256": {"sha256_digest": "0" * 64},
    "another md5": {"md5_digest": "0" * 32},
    "another blake2b": {"blake2_256_digest": "0" * 64},
    "a sha256 that is none": {"sha256_digest": "x"},
    "a sha256 that is no ASCII": {"sha256_digest": "é" * 32},
    "another type": {"filetype": "sdist"},
    "a type that there is not": {"filetype": "bdist_rpm"},
}

NAMES = (
    *("../demo-1.0-py3-none-any.whl", "/etc/demo-1.0-py3-none-any.whl"),
    *("..%2fdemo-1.0-py3-none-any.whl", "a/demo-1.0-py3-none-any.whl"),
    *("demo-1.0-py3-none-any.whl\0", "demo-1.0-py3-none-any.whl.tmp", "demo.txt"),
    *(".demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.exe", "..", "METADATA"),
    *(f"demo-1.0-{'1' * 300}-py3-none-any.whl", "demo-1.0.whl", "demo-1.0.zip"),
    *("other-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl", "demo-1.0.tar.gz"),
    *("démo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl.metadata"),
    *("C:\\\\demo-1.0-py3-none-any.whl ", "demo-1.0-py3-none-any.WHL.part"),
)


def distributions() -> Iterator[tuple[str, BuiltDistribution]]:
    """
    Those that are no good, with what is wrong.
    """
    for built in (WHEEL, SDIST):
        yield "nothing in it", evolve(built, content=b"")
        yield "no archive", evolve(built, content=b"rubbish" * 100)
        yield "cut off", evolve(built, content=built.content[:-200])
        yield "cut in half", evolve(built, content=built.content[:2500])
    yield "an sdist as wheel", evolve(WHEEL, content=SDIST.content)
    yield "a wheel as sdist", evolve(SDIST, content=WHEEL.content)
    yield "no metadata", wheel_of(metadata=None)
    yield "metadata of nothing", wheel_of(metadata=b"")
    yield "metadata of rubbish", wheel_of(metadata=b"\xff\0" * 500)
    yield "metadata too large", with_metadata("X" * 11 * MB)
    yield "metadata of another", wheel_of(metadata=METADATA.replace(b"demo", b"other"))
    yield "another version", wheel_of(metadata=METADATA.replace(b"1.0", b"1.5"))
    yield "no version", wheel_of(metadata=b"Metadata-Version: 2.1\nName: demo\n")
    yield "two names", with_metadata("Name: other")
    yield "a bad requirement", with_metadata("Requires-Dist: !!!")
    yield "a bad python", with_metadata("Requires-Python: soon")
    yield "metadata twice", twice(f"{INFO}/METADATA")
    yield "a file twice", twice("demo.py")
    yield "two projects", wheel_of({"other-1.0.dist-info/METADATA": METADATA})
    yield "encrypted", encrypted()
    yield "a file that leads out", wheel_of({"../../etc/passwd": b"x"})
    yield "a file from the root", wheel_of({"/etc/passwd": b"x"})
    yield "a bomb", wheel_of({"bomb": b"\0" * 80 * MB})
    yield "an sdist without metadata", sdist_of({"demo-1.0/setup.py": b""})
    yield (
        "an sdist of another",
        sdist_of({"demo-1.0/PKG-INFO": METADATA.replace(b"demo", b"other")}),
    )
    yield (
        "an sdist's metadata twice",
        sdist_of({**PKG_INFO, "./demo-1.0/PKG-INFO": b""}),
    )
    yield "an sdist that leads out", sdist_of({**PKG_INFO, "../x": b""})
    yield "an sdist's bomb", sdist_of({**PKG_INFO, "demo-1.0/b": b"\0" * 80 * MB})
    yield (
        "an sdist's bomb at its end",
        evolve(SDIST, content=SDIST.content + compress(b"\0" * 80 * MB)),
    )
    yield "an sdist with a device", sdist_of(PKG_INFO, device())
    yield "an egg that is none", renamed("demo-1.0-py3.11.egg", "demo", b"rubbish")


class CorpusTests(UploadTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.kept_before = make_wheel("demo", "0.9")
        self.drop(self.kept_before, "demo")

    def assert_refused(self, body: bytes, case: object) -> None:
        wire = self.upload(body)
        self.assertRegex(wire.received, rb"^HTTP/1\.1 4\d\d [ -~]{10,}\r\n", str(case))
        self.assertEqual(1, wire.received.count(b"HTTP/1.1 "), case)
        self.assertEqual([f"demo/{self.kept_before.filename}"], self.kept(), case)
        self.assertEqual([], self.arriving(), case)
        self.assertEqual(["demo"], [p.name for p in self.directory.glob("[!.]*")], case)
        self.assertEqual([], self.flushLoggedErrors(), case)

    def test_forms(self) -> None:
        """
        Forms that are none, or without what they need.
        """
        for case, form in FORMS.items():
            self.assert_refused(form, case)

    def test_fields(self) -> None:
        """
        Forms that say something else than the file in them.
        """
        for case, change in CHANGES.items():
            self.assert_refused(form_of(WHEEL, change), case)

    def test_names(self) -> None:
        """
        Names of files that are none, that lead out, or that are not the file's.
        """
        for name in NAMES:
            self.assert_refused(form_of(WHEEL, filename=name), name)
            alone = part("sdist", WHEEL.content, name) + end()
            wire = self.upload(alone, "/uploadpackage/")
            self.assertEqual(400, wire.code, name)

    def test_distributions(self) -> None:
        """
        Files that are not what their names say, or would do harm.
        """
        for case, built in distributions():
            self.assert_refused(form_of(built), (case, built.filename))
            if not built.filename.endswith(".egg"):
                alone = part("sdist", built.content, built.filename) + end()
                wire = self.upload(alone, "/uploadpackage/")
                self.assertEqual(400, wire.code, case)

    def test_lengths(self) -> None:
        """
        Bodies that are shorter than they say: the client has gone, or stops.
        """
        for size in (1, len(FORM) // 2, len(FORM) - 3):
            wire = self.begin(f"Content-Length: {len(FORM)}")
            wire.send_bytes(FORM[:size])
            self.advance(61.0)
            self.assertEqual(408, wire.code)
            self.assertEqual([], self.arriving())
            self.assert_refused(FORM[:size], size)
        for length in ("-1", "x", "1, 2"):
            wire = self.begin(f"Content-Length: {length}")
            self.assertEqual(400, wire.code, length)

    def test_well_made(self) -> None:
        """
        What the others are made from is fine.
        """
        for built in (wheel_of({"a.py": b""}), sdist_of(PKG_INFO)):
            self.assertEqual(200, self.upload(form_of(built)).code, built.filename)

    def test_how_many(self) -> None:
        self.assertGreaterEqual(len([*FORMS, *CHANGES, *NAMES, *distributions()]), 100)
