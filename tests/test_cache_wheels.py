"""
Tests for :mod:`proxypypi.cache.wheels`.
"""

import io
import zipfile

from attrs import evolve
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.cache.wheels import metadata_within
from proxypypi.upstream.index import make_index
from tests.distributions import make_wheel
from tests.fake_index import FakeIndex, Fault
from tests.upstream_fakes import EXACTLY

METADATA = b"Metadata-Version: 2.1\nName: demo\n" + b"Classifier: x\n" * 100
INFO = "demo-1.0.dist-info/METADATA"


def pack(
    *members: tuple[str, bytes],
    method: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
        archive.comment = comment
    return out.getvalue()


class MetadataWithinTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.index = FakeIndex(clock=self.clock)

    def find(self, wheel: bytes) -> bytes | None:
        self.index.add(evolve(make_wheel("demo"), content=wheel), path="/demo.whl")
        agent = RequestTraversalAgent(self.index)
        index = make_index("http://index.example/simple/", agent, self.clock, EXACTLY)
        found: list[bytes | None] = []
        url, name = "http://index.example/demo.whl", "demo-1.0-py3-none-any.whl"
        finding = metadata_within(
            index, url, len(wheel), name, maybeDeferred, hashed=False
        )
        Deferred.fromCoroutine(finding).addCallback(found.append)
        agent.flush()
        (content,) = found
        return content

    def test_found(self) -> None:
        """
        It is found packed or not, in small wheels, large ones and ones with many files.
        """
        noise = make_wheel("noise", payload=200_000).content
        many = [(f"demo/{number:0200}.py", b"") for number in range(2000)]
        for case, wheel in {
            "small": pack((INFO, METADATA)),
            "not packed": pack((INFO, METADATA), method=zipfile.ZIP_STORED),
            "large": pack(("demo/x", noise), (INFO, METADATA), ("demo/y", noise)),
            "many": pack((INFO, METADATA), *many),
            "comment": pack((INFO, METADATA), comment=b"made by hand"),
            "vendored": pack(
                ("demo/_vendor/demo-2.0.dist-info/METADATA", b"x"),
                ("other-1.0.dist-info/METADATA", b"x"),
                ("demo-1.0.dist-info/METADATA.txt", b"x"),
                (INFO, METADATA),
            ),
        }.items():
            self.assertEqual(METADATA, self.find(wheel), case)

    def test_not_found(self) -> None:
        """
        What is no wheel, or one that does not say clearly what is its metadata, or too
        much of it, has none.
        """
        whole = pack((INFO, METADATA))
        for case, wheel in {
            "no zip": b"x" * 100_000,
            "empty": b"x",
            "cut": whole[:-30],
            "end alone": whole[-22:],
            "none": pack(("demo/x", METADATA)),
            "another's": pack(("other-1.0.dist-info/METADATA", METADATA)),
            "two": pack((INFO, METADATA), ("demo-2.dist-info/METADATA", METADATA)),
            "too many": pack(*((f"{n}-1{INFO[8:]}", b"x") for n in range(30))),
            "huge": pack((INFO, b"x" * (10 * 1024 * 1024 + 1))),
            "damaged": whole[:60] + b"\xff" * 20 + whole[80:],
        }.items():
            self.assertIs(None, self.find(wheel), case)

    def test_hosts_without(self) -> None:
        """
        Nor is there any where the host knows no ranges, or does not have the file; what
        may be of another file's bytes is not looked at.
        """
        large = pack(
            ("demo/x", make_wheel("x", payload=100_000).content), (INFO, METADATA)
        )
        for fault in (Fault(ranges=False), Fault(status=404), Fault(status=416)):
            self.index.fail("/demo.whl", fault)
            self.assertIs(None, self.find(large), fault)
        self.assertEqual(METADATA, self.find(large))

    def test_little_is_asked_for(self) -> None:
        """
        Three ranges are enough, however large the wheel is.
        """
        noise = make_wheel("noise", payload=1_000_000).content
        many = [(f"demo/{number:0200}.py", b"") for number in range(500)]
        wheel = pack(("demo/x", noise), (INFO, METADATA), *many)
        self.assertEqual(METADATA, self.find(wheel))
        asked = [seen.header("Range") for seen in self.index.asked("/demo.whl")]
        lengths = []
        for header in asked:
            first, _, last = str(header).removeprefix("bytes=").partition("-")
            lengths.append(int(last) - int(first) + 1)
        self.assertEqual(3, len(lengths))
        self.assertLess(sum(lengths), len(wheel) / 4)
