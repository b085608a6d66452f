"""
Tests for :mod:`proxypypi.web.files`: files as HTTP has them.
"""

from email.utils import formatdate
from hashlib import blake2b, sha256

from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.fake_index import JSON, Fault
from tests.proxy_case import ProxyTestCase, Transfer

UPLOADED = "Tue, 02 Jan 2024 03:04:05 GMT"  # as tests.fake_index has it by default
FOR_EVER = "public, max-age=31536000, immutable"
FOR_AN_HOUR = "public, max-age=3600"
MIB = 1024 * 1024
FAR = 5 * MIB + MIB // 2


class FileTestCase(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", "1.0", payload=20_000)
        self.content = self.wheel.content
        self.size = len(self.content)
        self.upstream_path = self.index.add(self.wheel)
        self.url = f"/files/demo/{self.wheel.filename}"

    def offer(self, built: BuiltDistribution) -> str:
        self.index.add(built)
        return f"/files/{built.project}/{built.filename}"

    def asked(self) -> list[str | None]:
        """
        The ranges of the file that upstream was asked for.
        """
        return [seen.header("Range") for seen in self.index.asked(self.upstream_path)]


class WholeFileTests(FileTestCase):
    def test_headers(self) -> None:
        """
        The same of a file that is fetched for it and of one that is here, and again
        after a restart.
        """
        for built in (self.wheel, make_sdist("demo", "2.0", payload=3000)):
            url = self.offer(built)
            self.clock.advance(601)
            for status in ("fwd=miss; stored", "hit", "hit"):
                answer = self.get(url)
                self.assertEqual((200, built.content), (answer.code, answer.body))
                for name, value in {
                    "Content-Length": str(len(built.content)),
                    "Content-Type": "application/octet-stream",
                    "ETag": f'"{built.sha256}"',
                    "Last-Modified": UPLOADED,
                    "Accept-Ranges": "bytes",
                    "Cache-Control": FOR_EVER,
                    "Cache-Status": f"proxypypi; {status}",
                    "Content-Encoding": None,
                    "Content-Range": None,
                }.items():
                    self.assertEqual(value, answer.header(name), (name, status))
                self.start_proxy()
            self.assertEqual(1, len(self.index.asked(f"/files/demo/{built.filename}")))

    def test_private_file(self) -> None:
        """
        A private file is asked for again each time; its date is the file's.
        """
        built = make_sdist("ours", "1.0")
        path = self.drop(built)
        answer = self.get(f"/files/ours/{built.filename}")
        for name, value in {
            "Content-Length": str(len(built.content)),
            "ETag": f'"{built.sha256}"',
            "Last-Modified": formatdate(path.stat().st_mtime, usegmt=True),
            "Cache-Control": "no-cache",
            "Cache-Status": "proxypypi; hit",
        }.items():
            self.assertEqual(value, answer.header(name), name)
        self.assertEqual(built.content, answer.body)

    def test_cache_control(self) -> None:
        """
        For ever, if the index gives a digest that withstands an attacker, and the file
        is of a kind that never changes.
        """
        for number, (hashes, suffix, expected) in enumerate(
            [
                (("sha256",), ".whl", FOR_EVER),
                (("sha512",), ".whl", FOR_EVER),
                (("md5", "sha384"), ".tar.gz", FOR_EVER),
                (("sha256",), ".egg", FOR_EVER),
                (("sha256",), ".exe", FOR_AN_HOUR),
                (("md5",), ".whl", FOR_AN_HOUR),
                (("sha1",), ".tar.gz", FOR_AN_HOUR),
                ((), ".whl", FOR_AN_HOUR),
            ]
        ):
            self.index.hashes = hashes
            name = f"p{number}"
            stem = f"{name}-1.0-py3-none-any" if suffix == ".whl" else f"{name}-1.0"
            built = BuiltDistribution(
                filename=stem + suffix,
                project=name,
                version="1.0",
                requires_python=None,
                content=b"content" * 1000,
                metadata=b"",
            )
            url = self.offer(built)
            for _ in range(2):
                answer = self.get(url)
                self.assertEqual(200, answer.code)
                self.assertEqual(
                    expected, answer.header("Cache-Control"), (hashes, suffix)
                )

    def test_what_is_not_known(self) -> None:
        """
        There is no tag before sha256 is known, no date and no length before anything
        says them; the file comes whole all the same.
        """
        self.index.upload_times = self.index.sizes = False
        for hashes in ((), ("md5",), ("sha512",)):
            self.index.hashes = hashes
            built = make_wheel(f"h{len(hashes)}{''.join(hashes)}", payload=3000)
            url = self.offer(built)
            path = f"/files/{built.project}/{built.filename}"
            self.index.fail(path, Fault(chunked=True, stall_at=2000, stall=1))
            answer = self.start(url)
            self.advance(1)
            self.assertTrue(answer.is_complete)
            self.assertEqual((200, built.content), (answer.code, answer.body), hashes)
            for name in ("ETag", "Last-Modified", "Content-Length"):
                self.assertIsNone(answer.header(name), (name, hashes))
            answer = self.get(url)
            self.assertEqual(f'"{built.sha256}"', answer.header("ETag"), hashes)
            self.assertEqual(str(len(built.content)), answer.header("Content-Length"))
            self.assertIsNotNone(answer.header("Last-Modified"))

    def test_upload_time_that_is_none(self) -> None:
        """
        An upload time that nobody can read is no date.
        """
        self.index.add(self.wheel, upload_time="2024-99-99T00:00:00Z")
        answer = self.get(self.url)
        self.assertEqual(200, answer.code)
        self.assertIsNone(answer.header("Last-Modified"))

    def test_never_a_content_encoding(self) -> None:
        """
        Not for what is gzipped itself, not when upstream says so, not when asked.
        """
        sdist = make_sdist("demo", "2.0")
        url = self.offer(sdist)
        self.index.fail(
            f"/files/demo/{sdist.filename}", Fault(content_encoding="gzip"), times=None
        )
        for _ in range(2):
            for how in ({}, {"Accept_Encoding": "gzip, deflate"}):
                answer = self.get(url, **how)
                self.assertEqual((200, sdist.content), (answer.code, answer.body))
                self.assertIsNone(answer.header("Content-Encoding"))
            self.assertIsNone(self.get(url, "HEAD").header("Content-Encoding"))
        seen = self.index.asked(f"/files/demo/{sdist.filename}")[0]
        self.assertNotIn("gzip", seen.header("Accept-Encoding") or "")

    def test_other_methods(self) -> None:
        """
        Files are read here, and no more.
        """
        answer = self.get(self.url, "DELETE")
        self.assertEqual((405, "GET, HEAD"), (answer.code, answer.header("Allow")))


class HeadTests(FileTestCase):
    def test_starts_no_download(self) -> None:
        """
        What HEAD tells, the page tells.
        """
        answer = self.get(self.url, "HEAD")
        self.assertEqual("proxypypi; fwd=miss", answer.header("Cache-Status"))
        self.assertEqual((200, b""), (answer.code, answer.body))
        for name, value in {
            "Content-Length": str(self.size),
            "Content-Type": "application/octet-stream",
            "ETag": f'"{self.wheel.sha256}"',
            "Accept-Ranges": "bytes",
        }.items():
            self.assertEqual(value, answer.header(name), name)
        self.assertEqual([], self.index.asked(self.upstream_path, None))
        self.assertEqual([], self.kept())

    def test_size_by_head(self) -> None:
        """
        Upstream is asked by HEAD, and by no more, when the index gives no size.
        """
        self.index.sizes = False
        answer = self.get(self.url, "HEAD")
        self.assertEqual(str(self.size), answer.header("Content-Length"))
        (seen,) = self.index.asked(self.upstream_path, None)
        self.assertEqual("HEAD", seen.method)

    def test_upstream_knows_no_head(self) -> None:
        """
        Without any way to know it there is no length.
        """
        self.index.sizes = False
        self.index.fail(self.upstream_path, Fault(status=405))
        answer = self.get(self.url, "HEAD")
        self.assertEqual(200, answer.code)
        self.assertIsNone(answer.header("Content-Length"))

    def test_file_that_is_here(self) -> None:
        """
        HEAD of a file that is here says what GET says.
        """
        whole, head = self.get(self.url), self.get(self.url, "HEAD")
        for name in ("Content-Length", "Content-Type", "ETag", "Last-Modified"):
            self.assertEqual(whole.header(name), head.header(name), name)
        self.assertEqual(b"", head.body)

    def test_range_is_for_get(self) -> None:
        """
        A range of no body is all of it.
        """
        answer = self.get(self.url, "HEAD", Range="bytes=0-9")
        self.assertEqual(
            (200, str(self.size)), (answer.code, answer.header("Content-Length"))
        )


class NotModifiedTests(FileTestCase):
    def test_not_modified(self) -> None:
        """
        By tag or by date, cached or not, and without any transfer.
        """
        tag = f'"{self.wheel.sha256}"'
        for fetched in (False, True):
            if fetched:
                self.get(self.url)
            requests = len(self.index.asked(self.upstream_path, None))
            for headers in (
                {"If_None_Match": tag},
                {"If_None_Match": f'W/{tag}, "other"'},
                {"If_None_Match": "*"},
                {"If_Modified_Since": UPLOADED},
                {"If_None_Match": tag, "Range": "bytes=0-5"},
            ):
                for method in ("GET", "HEAD"):
                    answer = self.get(self.url, method, **headers)
                    self.assertEqual((304, b""), (answer.code, answer.body), headers)
                    self.assertEqual(tag, answer.header("ETag"))
                    self.assertEqual(FOR_EVER, answer.header("Cache-Control"))
                    self.assertIsNone(answer.header("Content-Type"))
            self.assertEqual(
                requests, len(self.index.asked(self.upstream_path, None)), fetched
            )

    def test_modified(self) -> None:
        """
        All else gets the file.
        """
        for headers in (
            {"If_None_Match": '"other"'},
            {"If_Modified_Since": "Tue, 02 Jan 2024 03:04:04 GMT"},
            {"If_None_Match": '"other"', "If_Modified_Since": UPLOADED},
        ):
            answer = self.get(self.url, **headers)
            self.assertEqual((200, self.content), (answer.code, answer.body), headers)

    def test_private_file(self) -> None:
        """
        no-cache means that clients come back with the tag.
        """
        built = make_wheel("ours")
        path = self.drop(built)
        url = f"/files/ours/{built.filename}"
        tag = str(self.get(url).header("ETag"))
        self.assertEqual(304, self.get(url, If_None_Match=tag).code)
        path.unlink()
        self.drop(make_wheel("ours", payload=10), filename=built.filename)
        self.assertEqual(200, self.get(url, If_None_Match=tag).code)


class RangeTests(FileTestCase):
    def table(self) -> list[tuple[str, slice | None]]:
        size = self.size
        return [
            ("bytes=0-0", slice(0, 1)),
            ("bytes=0-99", slice(0, 100)),
            ("bytes=100-199", slice(100, 200)),
            (f"bytes=100-{size * 2}", slice(100, size)),
            (f"bytes=0-{size - 1}", slice(0, size)),
            (f"bytes={size - 1}-{size - 1}", slice(size - 1, size)),
            ("bytes=-1000", slice(size - 1000, size)),
            (f"bytes=-{size * 2}", slice(0, size)),
            ("bytes=0-", slice(0, size)),
            ("bytes=100-", slice(100, size)),
            (f"bytes={size - 1}-", slice(size - 1, size)),
            ("bytes=0-1,5-6", None),
            ("bytes=5-4", None),
            ("lines=0-1", None),
            ("bytes=x-", None),
        ]

    def check(self, answer: Transfer, part: slice | None, case: str) -> None:
        """
        :param part: :obj:`None` for all, as a 200.
        """
        if part is None:
            self.assertEqual((200, self.content), (answer.code, answer.body), case)
            self.assertIsNone(answer.header("Content-Range"), case)
        else:
            expected = self.content[part]
            self.assertEqual((206, expected), (answer.code, answer.body), case)
            said = f"bytes {part.start}-{part.stop - 1}/{self.size}"
            self.assertEqual(said, answer.header("Content-Range"), case)
            self.assertEqual(str(len(expected)), answer.header("Content-Length"), case)
        self.assertEqual("application/octet-stream", answer.header("Content-Type"))
        self.assertEqual(f'"{self.wheel.sha256}"', answer.header("ETag"))
        self.assertEqual("bytes", answer.header("Accept-Ranges"))

    def test_of_a_file_that_is_here(self) -> None:
        """
        One range is a 206, several or nonsense the whole file.
        """
        self.get(self.url)
        for wanted, part in self.table():
            answer = self.get(self.url, Range=wanted)
            self.check(answer, part, wanted)
            self.assertEqual("proxypypi; hit", answer.header("Cache-Status"))
        self.assertEqual([None], self.asked())

    def test_of_a_file_that_is_not(self) -> None:
        """
        The same answers, whether upstream knows ranges or not.
        """
        for knows_ranges in (True, False):
            for number in range(len(self.table())):
                self.wheel = make_wheel(f"r{number:02}-{knows_ranges}", payload=20_000)
                self.content, self.size = self.wheel.content, len(self.wheel.content)
                url = self.offer(self.wheel)
                if not knows_ranges:
                    path = f"/files/{self.wheel.project}/{self.wheel.filename}"
                    self.index.fail(path, Fault(ranges=False), times=None)
                wanted, part = self.table()[number]
                answer = self.get(url, Range=wanted)
                self.check(answer, part, f"{wanted} {knows_ranges}")

    def test_bounded_range_is_relayed(self) -> None:
        """
        A bounded range comes straight from upstream's own, always from the front, as
        many hosts know no other; nothing is kept.
        """
        for wanted, relayed in [
            ("bytes=0-99", "bytes=0-99"),
            ("bytes=-1000", f"bytes={self.size - 1000}-{self.size - 1}"),
            (f"bytes=50-{self.size * 3}", f"bytes=50-{self.size - 1}"),
        ]:
            answer = self.get(self.url, Range=wanted)
            self.assertEqual(206, answer.code)
            self.assertEqual("proxypypi; fwd=miss", answer.header("Cache-Status"))
            self.assertEqual(relayed, self.asked()[-1])
        self.assertEqual(3, len(self.asked()))
        self.assertEqual(([], []), (self.kept(), self.partials()))

    def test_bounded_range_does_not_wait(self) -> None:
        """
        It is answered while the rest of the file would take for ever.
        """
        self.get("/simple/demo/")
        self.index.rate = 1000
        transfer = self.start(self.url, Range="bytes=-1000")
        self.advance_slowly(1.1)
        self.assertTrue(transfer.is_complete)
        self.assertEqual((206, self.content[-1000:]), (transfer.code, transfer.body))

    def test_bounded_range_that_breaks_off(self) -> None:
        """
        It is cut, never padded, and what is here is none the worse.
        """
        self.index.fail(self.upstream_path, Fault(truncate_at=500))
        transfer = self.start(self.url, Range="bytes=0-999")
        self.assertTrue(transfer.is_cut)
        self.assertEqual(self.content[:500], transfer.body)
        self.assertEqual(self.content, self.get(self.url).body)

    def test_bounded_range_without_a_known_size(self) -> None:
        """
        The size is asked for first; if nobody knows it, the file is fetched.
        """
        self.index.sizes = False
        answer = self.get(self.url, Range="bytes=-10")
        self.check(answer, slice(self.size - 10, self.size), "by HEAD")
        self.assertEqual(1, len(self.index.asked(self.upstream_path, "HEAD")))
        self.assertEqual([], self.kept())
        self.index.fail(self.upstream_path, Fault(status=405))
        answer = self.get(self.url, Range="bytes=-10")
        self.check(answer, slice(self.size - 10, self.size), "by fetching it")
        self.assertEqual([f"demo/{self.wheel.filename}"], self.kept())

    def test_open_range_starts_the_fetch(self) -> None:
        """
        ``bytes=0-`` and ``bytes=N-`` are served from the one fetch of the whole file.
        """
        answer = self.get(self.url, Range="bytes=100-")
        self.check(answer, slice(100, self.size), "open")
        self.assertEqual("proxypypi; fwd=miss; stored", answer.header("Cache-Status"))
        self.assertEqual([None], self.asked())
        self.assertEqual([f"demo/{self.wheel.filename}"], self.kept())

    def test_not_satisfiable(self) -> None:
        """
        416 says how long the file is, whether it is here or not.
        """
        for fetched in (False, True):
            if fetched:
                self.get(self.url)
            for wanted in (f"bytes={self.size}-", "bytes=999999-9999999", "bytes=-0"):
                answer = self.get(self.url, Range=wanted)
                self.assertEqual(416, answer.code, wanted)
                self.assertEqual(f"bytes */{self.size}", answer.header("Content-Range"))
                self.assertEqual("no-store", answer.header("Cache-Control"))
                self.assertIsNone(answer.header("ETag"))

    def test_if_range(self) -> None:
        """
        A part is given only of the very file that the client has the rest of.
        """
        for fetched in (False, True):
            for number, (condition, given) in enumerate(
                [
                    ("TAG", True),
                    (UPLOADED, True),
                    ('"other"', False),
                    ("W/TAG", False),
                    ("Tue, 02 Jan 2024 03:04:06 GMT", False),
                ]
            ):
                self.wheel = make_wheel(f"i{number}-{fetched}", payload=3000)
                self.content, self.size = self.wheel.content, len(self.wheel.content)
                url = self.offer(self.wheel)
                if fetched:
                    self.get(url)
                tag = f'"{self.wheel.sha256}"'
                known = condition.replace("TAG", tag)
                answer = self.get(url, Range="bytes=5-9", If_Range=known)
                case = f"{condition} {fetched}"
                self.check(answer, slice(5, 10) if given else None, case)


class FarRangeTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("big", "1.0", payload=6 * MIB)
        self.content = self.wheel.content
        self.size = len(self.content)
        self.path = self.index.add(self.wheel)
        self.url = f"/files/big/{self.wheel.filename}"

    def test_served_ahead(self) -> None:
        """
        While the fetch is far from byte N, ``bytes=N-`` is served from upstream's own
        range; the last bytes wait for the fetch, which checks them.
        """
        self.index.fail(self.path, Fault(stall_at=MIB, stall=5))
        transfer = self.start(self.url, Range=f"bytes={FAR}-")
        self.assertEqual(206, transfer.code)
        ahead = transfer.body
        self.assertEqual(self.content[FAR : FAR + len(ahead)], ahead)
        self.assertGreater(len(ahead), 100_000)
        self.assertLess(len(ahead), self.size - FAR)
        self.advance(5)
        self.assertTrue(transfer.is_complete)
        self.assertEqual(self.content[FAR:], transfer.body)
        wanted = [seen.header("Range") for seen in self.index.asked(self.path)]
        self.assertEqual(2, len(wanted))
        self.assertIsNone(wanted[0])
        self.assertRegex(str(wanted[1]), rf"^bytes={FAR}-\d+$")

    def test_one_fetch_for_both(self) -> None:
        """
        It joins the fetch that another has started; the file is kept once.
        """
        self.index.fail(self.path, Fault(stall_at=MIB, stall=5))
        first = self.start(self.url)
        second = self.start(self.url, Range=f"bytes={FAR}-")
        self.assertEqual(
            "proxypypi; fwd=miss; collapsed", second.header("Cache-Status")
        )
        self.advance(5)
        self.assertEqual(self.content, first.body)
        self.assertEqual(self.content[FAR:], second.body)
        whole = [s for s in self.index.asked(self.path) if s.header("Range") is None]
        self.assertEqual(1, len(whole))
        self.assertEqual([f"big/{self.wheel.filename}"], self.kept())

    def test_near_ranges_wait(self) -> None:
        """
        What the fetch will have in no time is not asked for twice.
        """
        self.index.fail(self.path, Fault(stall_at=MIB, stall=5))
        transfer = self.start(self.url, Range=f"bytes={4 * MIB}-")
        self.assertEqual(b"", transfer.body)
        self.assertEqual(1, len(self.index.asked(self.path)))
        self.advance(5)
        self.assertEqual(self.content[4 * MIB :], transfer.body)

    def test_no_client_waits_in_silence(self) -> None:
        """
        After 12 seconds without a byte of the range it is 503 with Retry-After: 2, and
        the fetch goes on for the next try.
        """
        for wanted, ahead in [
            (f"bytes={3 * MIB}-", None),  # near, but slow to come
            (f"bytes={self.size - 1}-", None),  # the last one, which waits anyway
            (f"bytes={FAR}-", Fault(delay=20)),  # far, and as slow
        ]:
            self.index.heal()
            self.index.fail(self.path, Fault(rate=MIB / 8))
            if ahead is not None:
                self.index.fail(self.path, ahead)
            transfer = self.start(self.url, Range=wanted)
            self.advance_slowly(11.9)
            self.assertIsNone(transfer.code, wanted)
            self.advance_slowly(0.3)
            self.assertEqual(503, transfer.code, wanted)
            self.assertEqual("2", transfer.header("Retry-After"))
            self.assertIsNone(transfer.header("Content-Range"))
            self.assertTrue(transfer.is_complete)
            self.advance_slowly(40)
            again = self.get(self.url, Range=wanted)
            self.assertEqual("proxypypi; hit", again.header("Cache-Status"))
            (self.directory / "big" / self.wheel.filename).unlink()
            self.settle()

    def test_end_ahead(self) -> None:
        """
        Of the very end, half comes ahead; of its last byte, nothing.
        """
        for length, ahead in ((5000, 2500), (3, 1), (1, 0)):
            self.index.fail(self.path, Fault(stall_at=MIB, stall=5))
            start = self.size - length
            transfer = self.start(self.url, Range=f"bytes={start}-")
            self.assertEqual(self.content[start : start + ahead], transfer.body)
            self.advance(5)
            self.assertTrue(transfer.is_complete)
            self.assertEqual(self.content[start:], transfer.body)
            (self.directory / "big" / self.wheel.filename).unlink()
            self.settle()

    def test_upstream_without_ranges(self) -> None:
        """
        Where upstream ignores Range, the fetch is waited for.
        """
        self.index.fail(self.path, Fault(stall_at=MIB, stall=5))
        self.index.fail(self.path, Fault(ranges=False))
        transfer = self.start(self.url, Range=f"bytes={FAR}-")
        self.assertEqual(b"", transfer.body)
        self.advance(5)
        self.assertTrue(transfer.is_complete)
        self.assertEqual(self.content[FAR:], transfer.body)

    def test_upstream_refuses_the_second(self) -> None:
        """
        An error of the range ahead is nothing that the client notices.
        """
        for fault in (Fault(status=429), Fault(truncate_at=1000)):
            self.index.heal()
            self.index.fail(self.path, Fault(stall_at=MIB, stall=5))
            self.index.fail(self.path, fault)
            transfer = self.start(self.url, Range=f"bytes={FAR}-")
            self.advance(5)
            self.assertTrue(transfer.is_complete, fault)
            self.assertEqual(self.content[FAR:], transfer.body)
            (self.directory / "big" / self.wheel.filename).unlink()
            self.settle()

    def test_client_leaves(self) -> None:
        """
        What was relayed for one client alone ends with it; the fetch goes on.
        """
        self.index.fail(self.path, Fault(stall_at=MIB, stall=5))
        self.index.fail(self.path, Fault(stall_at=1000))
        transfer = self.start(self.url, Range=f"bytes={FAR}-")
        self.assertEqual(1000, len(transfer.body))
        transfer.hang_up()
        self.flush()
        self.advance(5)
        self.assertEqual([f"big/{self.wheel.filename}"], self.kept())
        self.successResultOf(self.proxy.faces.when_idle())
        self.assertEqual([], self.clock.getDelayedCalls())


class AliasTests(FileTestCase):
    def test_aliases(self) -> None:
        """
        The addresses of older proxies are answered like the file's own, whatever the
        project's spelling.
        """
        built = make_sdist("Foo.Bar", "1.0")
        self.index.add(built)
        wheel = make_wheel("Foo.Bar", "2.0")
        self.index.add(wheel)
        name = built.filename
        for path in (
            f"/files/foo-bar/{name}",
            f"/files/Foo.Bar/{name}",
            f"/package/foo-bar/{name}",
            f"/package/Foo_Bar/{name}",
            f"/package/{name}",
            f"/packages/source/f/foo-bar/{name}",
            f"/packages/source/F/Foo.Bar/{name}",
        ):
            for method in ("GET", "HEAD"):
                answer = self.get(path, method)
                self.assertEqual(200, answer.code, path)
                self.assertEqual(f'"{built.sha256}"', answer.header("ETag"), path)
            self.assertEqual(built.content, self.get(path).body, path)
            metadata = path.replace(name, wheel.filename) + ".metadata"
            answer = self.get(metadata)
            self.assertEqual(
                (200, wheel.metadata), (answer.code, answer.body), metadata
            )
            part = self.get(path, Range="bytes=2-5")
            self.assertEqual((206, built.content[2:6]), (part.code, part.body), path)
        self.assertEqual(1, len(self.index.asked(f"/files/foo-bar/{name}")))

    def test_wheel_alone(self) -> None:
        """
        A wheel says itself whose it is.
        """
        answer = self.get(f"/package/{self.wheel.filename}")
        self.assertEqual((200, self.content), (answer.code, answer.body))

    def test_name_that_says_nothing(self) -> None:
        """
        A file name without a project in it is none.
        """
        answer = self.get("/package/readme.txt", Accept=JSON)
        self.assertEqual(404, answer.code)
        self.assertIn("no file name", answer.json["detail"])


class UpstreamAddressTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.wheel = make_wheel("demo", payload=3000)
        digest = blake2b(self.wheel.content, digest_size=32).hexdigest()
        self.folder = f"{digest[:2]}/{digest[2:4]}/{digest[4:]}"
        self.url = f"/packages/{self.folder}/{self.wheel.filename}"

    def test_the_path_it_has_upstream(self) -> None:
        """
        Lock files can be switched by their prefix: the file is had by upstream's path.
        """
        for path in (self.url, "/packages/ab/cd/ef/demo-2.0-py3-none-any.whl"):
            built = make_wheel("demo", "2.0") if "2.0" in path else self.wheel
            self.index.add(built, path=path)
            self.advance(11)
            for status in ("fwd=miss; stored", "hit"):
                answer = self.get(path)
                self.assertEqual((200, built.content), (answer.code, answer.body))
                self.assertEqual(f"proxypypi; {status}", answer.header("Cache-Status"))
            answer = self.get(path + ".metadata")
            self.assertEqual((200, built.metadata), (answer.code, answer.body))
            part = self.get(path, Range="bytes=2-5")
            self.assertEqual((206, built.content[2:6]), (part.code, part.body))

    def test_another_address(self) -> None:
        """
        A digest is not for nothing: at another one there is no such file.
        """
        self.index.add(self.wheel, path=self.url)
        for fetched in (False, True):
            if fetched:
                self.get(self.url)
            for path in (
                self.url.replace(self.folder, "ab/cd/" + "0" * 60),
                self.url.replace(self.folder, "x/ab/cd"),
                f"/packages/ab/cd/{'0' * 60}/nothing.txt",
                f"/packages/ab/cd/{'0' * 60}/none-1.0.tar.gz",
            ):
                self.assertEqual(404, self.get(path).code, path)

    def test_private_file(self) -> None:
        """
        A file that is here is had by its digest, whoever put it here, also without
        upstream.
        """
        self.start_proxy(None)
        self.drop(self.wheel)
        answer = self.get(self.url)
        self.assertEqual((200, self.wheel.content), (answer.code, answer.body))
        self.assertEqual("no-cache", answer.header("Cache-Control"))
        self.assertEqual(
            404, self.get(self.url.replace(self.folder, "ab/cd/" + "0" * 60)).code
        )


class MetadataTests(FileTestCase):
    def test_headers(self) -> None:
        """
        Text with a digest of its own, ranges and all.
        """
        url = self.url + ".metadata"
        tag = f'"{sha256(self.wheel.metadata).hexdigest()}"'
        for status in ("fwd=miss; stored", "hit"):
            answer = self.get(url)
            for name, value in {
                "Content-Type": "text/plain; charset=utf-8",
                "Content-Length": str(len(self.wheel.metadata)),
                "ETag": tag,
                "Accept-Ranges": "bytes",
                "Cache-Control": FOR_EVER,
                "Cache-Status": f"proxypypi; {status}",
                "Content-Encoding": None,
            }.items():
                self.assertEqual(value, answer.header(name), name)
            self.assertEqual((200, self.wheel.metadata), (answer.code, answer.body))
        part = self.get(url, Range="bytes=5-9")
        self.assertEqual((206, self.wheel.metadata[5:10]), (part.code, part.body))
        size = len(self.wheel.metadata)
        self.assertEqual(f"bytes 5-9/{size}", part.header("Content-Range"))
        self.assertEqual(416, self.get(url, Range=f"bytes={size}-").code)
        other = self.get(url, Range="bytes=5-9", If_Range='"other"')
        self.assertEqual((200, self.wheel.metadata), (other.code, other.body))
        self.assertEqual(304, self.get(url, If_None_Match=tag).code)
        head = self.get(url, "HEAD")
        self.assertEqual((str(size), b""), (head.header("Content-Length"), head.body))

    def test_private(self) -> None:
        """
        That of a private wheel is asked for again each time.
        """
        built = make_wheel("ours")
        self.drop(built)
        answer = self.get(f"/files/ours/{built.filename}.metadata")
        self.assertEqual((200, built.metadata), (answer.code, answer.body))
        self.assertEqual("no-cache", answer.header("Cache-Control"))
