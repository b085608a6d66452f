"""
Tests of what is answered again: never what would be refused, or be another answer, if
it were made anew. The whole proxy, over real sockets.
"""

import json
import os
import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from proxypypi.names import normalize
from proxypypi.rules.merge import iso
from proxypypi.settings import CooldownExemption
from proxypypi.store.releases import add_release
from proxypypi.web.connections import ProxySite
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import Fault
from tests.test_web_hot_channel import PIP, UV, HotTestCase, dateless

PAGE = "/simple/demo/"
HTML = b"User-Agent: browser\r\nAccept: text/html\r\n"
DAY = 86_400.0


class Answer:
    """
    What came for one request.
    """

    def __init__(self, received: bytes) -> None:
        head, _, self.body = received.partition(b"\r\n\r\n")
        self.code = int(head.split(b" ", 2)[1])
        self.head = head.decode("latin-1")

    def header(self, name: str) -> str | None:
        found = re.search(rf"\r\n{name}: ([^\r]*)", self.head, re.IGNORECASE)
        return found[1] if found is not None else None

    @property
    def files(self) -> list[str]:
        return [file["filename"] for file in json.loads(self.body)["files"]]


class AnswersTestCase(HotTestCase):
    """
    :ivar listing: a request for a page, whose answer is hot.
    :ivar file: one for a file, likewise.
    """

    def setUp(self) -> None:
        super().setUp()
        self.listing = self.request(PAGE, who=UV)
        self.at = f"/files/demo/{self.small.filename}"
        self.file = self.request(self.at)
        self.pass_by(0)
        self.warm(self.listing, self.file)

    def pass_by(self, seconds: float) -> None:
        """
        Have both clocks go on, and agree.
        """
        self.advance(seconds)
        self.loopback.pump.advance(self.clock.seconds() - self.loopback.pump.seconds())

    def answer(self, request: bytes, site: ProxySite | None = None) -> Answer:
        """
        :returns: what a new connection gets, once upstream has been asked if need be.
        """
        wire = self.loopback.connect(site or self.fast)
        wire.send(request)
        wire.take()
        self.flush()
        received = wire.take_all()
        wire.hang_up()
        self.assertIn(b"\r\n\r\n", received, request)
        return Answer(received)

    def asking(self, request: bytes) -> Callable[[], object]:
        return lambda: self.answer(request)

    def check_ordinary(self, request: bytes, code: int) -> Answer:
        """
        The answer is that of the ordinary path, now and when asked for again.
        """
        for _ in range(2):
            answer = self.answer(request)
            plain = self.answer(request, self.plain)
            self.assertEqual((code, code), (answer.code, plain.code), request)
            self.assertEqual(plain.body, answer.body)
        return answer

    def refresh(self, name: str = "demo", code: int = 200) -> None:
        path = f"/-/refresh/{name}"
        request = self.request(path, b"Content-Length: 0\r\n", method="POST")
        self.assertEqual(code, self.answer(request).code)


class PageTests(AnswersTestCase):
    def test_hot(self) -> None:
        """
        What was answered a moment ago is not asked of the core.
        """
        for request in (self.listing, self.file):
            self.assertEqual([], self.ordinary_paths(self.asking(request)))

    def test_first_answers(self) -> None:
        """
        What had to be fetched is not said to be fetched again.
        """
        self.index.add(make_wheel("other"))
        request = self.request("/simple/other/", who=UV)
        fetched = self.answer(request)
        self.assertEqual("proxypypi; fwd=miss; stored", fetched.header("Cache-Status"))
        for _ in range(2):
            again = self.answer(request)
            self.assertEqual("proxypypi; hit", again.header("Cache-Status"))
            self.assertEqual(fetched.body, again.body)
        file = self.request("/files/other/other-1.0-py3-none-any.whl")
        self.assertIn("miss", str(self.answer(file).header("Cache-Status")))
        for _ in range(2):
            self.assertEqual("proxypypi; hit", self.answer(file).header("Cache-Status"))

    def test_expired(self) -> None:
        """
        An answer ends with its page's time, to the tenth of a second.
        """
        self.refresh()
        self.index.add(make_wheel("demo", "3.0"))
        self.pass_by(599.9)
        self.warm(self.listing)
        self.assertEqual(3, len(self.answer(self.listing).files))
        self.pass_by(0.2)
        asked = len(self.index.asked(PAGE))
        self.answer(self.listing)
        self.assertEqual(asked + 1, len(self.index.asked(PAGE)))
        self.assertEqual(4, len(self.check_ordinary(self.listing, 200).files))

    def test_expired_while_upstream_is_down(self) -> None:
        """
        A page that is given out because there is no better one says so each time, and
        is gone when it would be.
        """
        self.refresh()
        self.index.down = True
        self.pass_by(599.9)
        self.warm(self.listing)
        for _ in range(3):
            self.pass_by(200)
            answers = [dateless_head(self.answer(self.listing)) for _ in range(2)]
            plain = dateless_head(self.answer(self.listing, self.plain))
            self.assertEqual([plain, plain], answers)
            self.assertNotIn("; hit\r\n", plain)

    def test_refreshed_by_hand(self) -> None:
        """
        Who has a page refreshed sees what is new at once, and so does everybody.
        """
        self.index.add(make_wheel("demo", "3.0"))
        self.assertEqual(3, len(self.answer(self.listing).files))
        self.refresh()
        self.assertEqual(4, len(self.check_ordinary(self.listing, 200).files))

    def test_refreshed_by_others(self) -> None:
        """
        So it is when the page was refreshed because somebody asked for a new file.
        """
        self.pass_by(60)  # an upstream is not asked again and again
        self.index.add(make_wheel("demo", "3.0"))
        self.warm(self.listing)
        new = self.request("/files/demo/demo-3.0-py3-none-any.whl")
        self.assertEqual(200, self.answer(new).code)
        self.assertEqual(4, len(self.check_ordinary(self.listing, 200).files))

    def test_gone(self) -> None:
        """
        Of what upstream has no more it is said at once that this is in doubt.
        """
        self.index.add(make_wheel("other"))
        page = self.request("/simple/other/", who=UV)
        self.answer(page)
        self.warm(page)
        del self.index.projects["other"]
        self.refresh("other", 404)
        answers = [dateless_head(self.answer(page)) for _ in range(2)]
        plain = dateless_head(self.answer(page, self.plain))
        self.assertEqual([plain, plain], answers)
        self.assertNotIn("; hit\r\n", plain)

    def test_wrong_bytes(self) -> None:
        """
        A page that a file belied is fetched anew before it is given out again.
        """
        new = make_wheel("other", payload=30_000)
        path = self.index.add(new)
        page = self.request("/simple/other/", who=UV)
        self.answer(page)
        self.warm(page)
        self.index.fail(path, Fault(wrong_bytes=True))
        asked = len(self.index.asked("/simple/other/"))
        wire = self.loopback.connect(self.fast)
        wire.send(self.request(f"/files/other/{new.filename}"))
        wire.take()
        self.flush()
        wire.take_all()
        self.assertTrue(wire.ended)
        wire.hang_up()
        self.answer(page)
        self.assertEqual(asked + 1, len(self.index.asked("/simple/other/")))


def dateless_head(answer: Answer) -> str:
    return dateless(answer.head.encode("latin-1") + b"\r\n").decode("latin-1")


class RefusalTests(AnswersTestCase):
    def test_quarantined(self) -> None:
        """
        What its index must not offer any more is not given out from the moment that it
        is known, not even to those who have it.
        """
        metadata = self.request(f"{self.at}.metadata")
        has_it = self.request(self.at, b'If-None-Match: "%s"\r\n' % self.digest())
        self.warm(metadata, has_it)
        project = self.index.add_project("demo")
        project.extra["project-status"] = {"status": "quarantined"}
        self.refresh()
        for request in (self.file, metadata, has_it):
            self.check_ordinary(request, 403)
        self.assertEqual([], self.check_ordinary(self.listing, 200).files)

    def digest(self) -> bytes:
        return self.small.sha256.encode()

    def test_withheld(self) -> None:
        """
        So it is with what was removed there when it was young.
        """
        self.start_proxy(withhold=10 * DAY)
        self.connect_core()
        young = make_wheel("young", "2.0")
        uploaded = datetime.fromtimestamp(self.clock.seconds() - DAY, timezone.utc)
        self.index.add(young, upload_time=uploaded.isoformat())
        self.index.add(make_wheel("young"))
        file = self.request(f"/files/young/{young.filename}")
        self.answer(self.request("/simple/young/", who=UV))
        self.answer(file)
        self.index.remove(young.filename)
        for _ in range(2):
            self.pass_by(901)
            self.answer(file)
            self.warm(file)
            self.refresh("young")
        self.check_ordinary(file, 403)

    def test_denied(self) -> None:
        """
        What is refused is so each time, though it is here.
        """
        self.start_proxy(deny=("demo",))
        self.connect_core()
        metadata = self.request(f"{self.at}.metadata")
        for request in (self.listing, self.file, metadata):
            self.check_ordinary(request, 403)
        self.assertEqual(0, len(self.fast.hot))

    def test_claimed(self) -> None:
        """
        A project that is claimed is not mixed with what an upstream lists, seconds
        after somebody said so.
        """
        ours = make_sdist("demo", "9.0")
        self.drop(ours)
        self.pass_by(0)
        self.warm(self.listing)
        self.assertEqual(4, len(self.answer(self.listing).files))
        now = self.clock.seconds()
        self.proxy.core.claims.claim(normalize("demo"), now, "by hand")
        self.pass_by(2)
        here = sorted([ours.filename, self.small.filename, self.large.filename])
        self.assertEqual(here, sorted(self.answer(self.listing, self.plain).files))
        self.check_ordinary(self.listing, 200)

    def test_not_kept(self) -> None:
        """
        Errors, redirects and the list of projects are made anew each time.
        """
        before = len(self.fast.hot)
        for path in (
            *("/", "/simple/", "/local/", "/simple/none/", "/simple/demo", "/-/health"),
            *("/simple/Demo/", "/files/demo/none.zip", "/files/none/none-1.zip"),
            *("/local/none/", "/simple/a%2fb/", "/nothing", "/-/ready"),
        ):
            request = self.request(path)
            self.answer(request)
            seen = self.ordinary_paths(self.asking(request))
            self.assertEqual([path.encode()], seen)
        self.assertEqual(before, len(self.fast.hot))


class YoungTests(AnswersTestCase):
    """
    What is too young becomes old enough while it is asked for all the time.
    """

    def setUp(self) -> None:
        super().setUp()
        self.young = make_wheel("demo", "3.0")
        self.index.add(self.young, upload_time=iso(self.clock.seconds() - DAY))
        self.free_at = round(self.clock.seconds() - DAY, 6) + 7 * DAY
        self.path = f"/files/demo/{self.young.filename}"

    def start_again(self, **more: Any) -> None:
        self.start_proxy(min_age=7 * DAY, index_ttl=1e8, **more)
        self.connect_core()
        self.refresh()

    def be_at(self, moment: float) -> None:
        self.pass_by(moment - self.clock.seconds())

    def test_page(self) -> None:
        """
        To the moment, it is on pages and in documents that were hot.
        """
        self.start_again()
        document = self.request("/pypi/demo/json", who=UV)
        hidden = [self.listing, document]
        for moment, there in ((self.free_at - 0.5, False), (self.free_at, True)):
            self.be_at(moment)
            for request in hidden:
                answer = self.answer(request)
                self.warm(request)
                again = self.answer(request)
                self.assertEqual([], self.ordinary_paths(self.asking(request)))
                name = self.young.filename.encode()
                self.assertEqual([there] * 2, [name in a.body for a in (answer, again)])
        self.be_at(self.free_at + 0.1)
        self.check_ordinary(self.request(self.path), 200)

    def test_exemption_ends(self) -> None:
        """
        To the moment, a file that was hot is held back when its exemption ends, and is
        neither listed nor given out.
        """
        ends_at = self.clock.seconds() + DAY
        exemption = CooldownExemption(project=normalize("demo"), ends_at=ends_at)
        self.start_again(cooldown_exemptions=(exemption,))
        file = self.request(self.path)
        metadata = self.request(f"{self.path}.metadata")
        self.be_at(ends_at - 0.5)
        self.answer(file)
        self.pass_by(0)
        self.warm(self.listing, file, metadata)
        self.assertIn(self.young.filename, self.answer(self.listing).files)
        self.be_at(ends_at)
        for request in (file, metadata):
            self.check_ordinary(request, 403)
        self.assertNotIn(self.young.filename, self.answer(self.listing).files)

    def test_exemption_ends_after_the_file(self) -> None:
        """
        So is the metadata of one that was evicted, or removed, before.
        """
        ends_at = self.clock.seconds() + DAY
        exemption = CooldownExemption(project=normalize("demo"), ends_at=ends_at)
        self.start_again(cooldown_exemptions=(exemption,))
        self.answer(self.request(self.path))
        os.unlink(self.directory / "demo" / self.young.filename)
        self.be_at(ends_at - 0.5)
        metadata = self.request(f"{self.path}.metadata")
        self.warm(metadata)
        self.assertFalse((self.directory / "demo" / self.young.filename).exists())
        self.be_at(ends_at)
        self.check_ordinary(metadata, 403)

    def test_released(self) -> None:
        """
        What is released is seen within two seconds.
        """
        self.start_again()
        self.answer(self.listing)
        self.pass_by(0)
        self.warm(self.listing)
        decisions = self.directory / ".proxypypi" / "decisions"
        name, filename = normalize("demo"), self.young.filename
        add_release(decisions, name, filename, self.young.sha256, self.clock.seconds())
        for _ in range(20):
            self.pass_by(0.1)
            listed = self.answer(self.listing).files
        self.assertIn(filename, listed)
        self.check_ordinary(self.request(self.path), 200)


class SnapshotTests(AnswersTestCase):
    def test_as_time_passes(self) -> None:
        """
        Pages as of a moment are hot, too; one as of an age is another as soon as there
        is one more file by then.
        """
        new = make_wheel("demo", "3.0")
        uploaded_at = round(self.clock.seconds(), 6)
        self.index.add(new, upload_time=iso(uploaded_at))
        self.start_proxy(index_ttl=1e8)
        self.connect_core()
        self.refresh()
        age = self.request("/snapshot/1d/simple/demo/", who=UV)
        day = self.request("/snapshot/2025-01-01/simple/demo/", who=UV)
        for moment, count in ((DAY - 0.5, 3), (DAY, 4)):
            self.pass_by(uploaded_at + moment - self.clock.seconds())
            self.assertEqual(count, len(self.answer(age).files))
            self.warm(age, day)
            self.assertEqual([], self.ordinary_paths(self.asking(age)))
            self.assertEqual(count, len(self.answer(age).files))
            self.assertEqual(3, len(self.answer(day).files))


class DirectoryTests(AnswersTestCase):
    """
    What people do in the directory is seen within two seconds.
    """

    def test_dropped(self) -> None:
        self.drop(make_wheel("demo", "9.0"), settled=False)
        self.see_within(2.2, self.listing, lambda a: len(a.files) == 4)

    def see_within(
        self, seconds: float, request: bytes, seen: Callable[[Answer], bool]
    ) -> None:
        """
        Ask again and again, so that it stays hot, until the change is seen.
        """
        for _ in range(round(seconds / 0.1)):
            self.pass_by(0.1)
            self.answer(request)
        self.assertTrue(seen(self.answer(request)), request)
        self.assertTrue(seen(self.answer(request, self.plain)), request)

    def test_removed_private_file(self) -> None:
        """
        A private file that was removed is gone, page and file alike.
        """
        ours = make_sdist("ours", "1.0")
        path = self.drop(ours)
        page = self.request("/simple/ours/", who=UV)
        local = self.request("/local/ours/", who=UV)
        file = self.request(f"/files/ours/{ours.filename}")
        self.pass_by(0)
        self.answer(page)
        self.warm(page, local, file)
        with self.change():
            path.unlink()
        for request in (page, local, file):
            self.see_within(2, request, lambda a: a.code == 404)

    def test_replaced_private_file(self) -> None:
        """
        One that was replaced is the new one, whole, with its own tag.
        """
        path = self.drop(make_sdist("ours", "1.0"))
        file = self.request(f"/files/ours/{path.name}")
        self.pass_by(0)
        self.warm(file)
        old = self.answer(file)
        has_old = self.request(
            f"/files/ours/{path.name}",
            f"If-None-Match: {old.header('ETag')}\r\n".encode(),
        )
        self.warm(has_old)
        new = make_sdist("ours", "1.0", payload=5000)
        with self.change():
            other = path.with_suffix(".new")
            other.write_bytes(new.content)
            os.replace(other, path)
        for request in (file, has_old):
            self.see_within(4, request, lambda a: a.body == new.content)

    def test_overwritten(self) -> None:
        """
        Nor are old headers given with new bytes, if one was written into.
        """
        path = self.drop(make_sdist("ours", "1.0"))
        file = self.request(f"/files/ours/{path.name}")
        self.pass_by(0)
        self.warm(file)
        old = self.answer(file)
        new = bytes(byte ^ 1 for byte in old.body)
        with self.change(), path.open("r+b") as opened:
            opened.write(new)
        self.pass_by(0.03)
        for through in (None, self.plain):
            answer = self.answer(file, through)
            self.assertEqual((503, "2"), (answer.code, answer.header("Retry-After")))
        self.see_within(4, file, lambda a: a.header("ETag") != old.header("ETag"))

    def test_removed_cached_file(self) -> None:
        """
        A cached file that was removed is fetched again, if upstream has it still.
        """
        with self.change():
            (self.directory / "demo" / self.small.filename).unlink()
        path = f"/files/demo/{self.small.filename}"
        asked = len(self.index.asked(path))
        self.see_within(2, self.file, lambda a: a.body == self.small.content)
        self.assertEqual(asked + 1, len(self.index.asked(path)))

    def test_removed_everywhere(self) -> None:
        """
        If not, it is gone.
        """
        with self.change():
            (self.directory / "demo" / self.small.filename).unlink()
        self.index.remove(self.small.filename)
        self.refresh()
        self.see_within(2, self.file, lambda a: a.code == 404)


class RequestTests(AnswersTestCase):
    def test_unusual(self) -> None:
        """
        A request that says anything unusual is neither answered from what others were
        given, nor are others given its answer.
        """
        for line in (
            b"Proxy-Authorization: Basic YTpi",
            b"Cookie: a=b",
            b"Range: bytes=0-5",
            b"Range: nonsense",
            b'If-Range: "a"',
            b"If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT",
            b"If-Match: *",
            b"X-Unusual: yes",
            b"Origin: http://elsewhere",
            b"TE: trailers",
            b"DNT: 1",
            b"Content-Length: 0",
            b"Connection: close",
            b"Accept-Charset: a",
        ):
            self.check_left_alone(line)

    def check_left_alone(self, line: bytes, method: str = "GET") -> None:
        for path in (PAGE, self.at):
            request = self.request(path, line + b"\r\n", method=method, who=UV)
            self.assertEqual(
                [path.encode()], self.ordinary_paths(self.asking(request)), line
            )
            before = len(self.fast.hot)
            self.fast.hot.clear()
            self.answer(request)
            self.assertEqual(0, len(self.fast.hot), line)
            self.pass_by(0)
            self.warm(self.listing, self.file)
            self.assertGreaterEqual(before, len(self.fast.hot))

    def test_head(self) -> None:
        """
        HEAD gets no body, and leaves none of its kind to GET.
        """
        self.check_left_alone(b"Via: 1.1 a", "HEAD")
        for path in (PAGE, self.at):
            self.fast.hot.clear()
            head = self.answer(self.request(path, method="HEAD", who=UV))
            get = self.answer(self.request(path, who=UV))
            self.assertEqual(b"", head.body)
            self.assertEqual(head.header("Content-Length"), str(len(get.body)))

    def test_format(self) -> None:
        """
        The form that is asked for in the address is given, each time, and only there.
        """
        for form, in_html in (
            ("application/vnd.pypi.simple.v1%2Bjson", False),
            ("text/html", True),
            ("application/vnd.pypi.simple.v1%2Bhtml", True),
        ):
            request = self.request(f"{PAGE}?format={form}", who=UV)
            for _ in range(3):
                answer = self.answer(request)
                self.assertEqual(in_html, answer.body.startswith(b"<"), form)
                self.assertTrue(self.answer(self.listing).body.startswith(b"{"))
        self.check_ordinary(self.request(f"{PAGE}?format=a", who=UV), 406)

    def test_forms(self) -> None:
        """
        A client gets only what it accepts, whoever asked before.
        """
        who: dict[bytes, str] = {
            PIP: "application/vnd.pypi.simple.v1+json",
            UV: "application/vnd.pypi.simple.v1+json",
            HTML: "text/html; charset=utf-8",
            HTML + b"Accept-Encoding: gzip\r\n": "text/html; charset=utf-8",
            b"": "",
            b"Accept: */*\r\n": "",
            b"Accept-Encoding: gzip\r\n": "",
        }
        for _ in range(3):
            for says, content_type in who.items():
                request = self.request(PAGE, who=says)
                answer, plain = self.answer(request), self.answer(request, self.plain)
                self.assertEqual(dateless_head(plain), dateless_head(answer), says)
                self.assertEqual(plain.body, answer.body, says)
                if content_type:
                    self.assertEqual(content_type, answer.header("Content-Type"))
                gzipped = b"gzip" in says
                self.assertEqual(gzipped, answer.body[:2] == b"\x1f\x8b", says)

    def test_likeness(self) -> None:
        """
        Nor does one get what another accepts whose words only look alike.
        """
        plain = self.request(PAGE, who=b"Accept-Encoding: gzip\r\n")
        self.warm(plain)
        odd = self.request(PAGE, who=b"Accept: -encodinggzip\r\n")
        self.check_ordinary(odd, self.answer(odd, self.plain).code)
        host = plain.replace(b"Host: proxy.example", b"Host: [..]")
        self.check_ordinary(host, self.answer(host, self.plain).code)

    def test_tags(self) -> None:
        """
        That there is nothing new is said only to who has what would be given.
        """
        tags = {who: self.tag(PAGE, who) for who in (PIP, UV, HTML)}
        self.assertEqual(3, len(set(tags.values())))
        other = self.tag("/simple/many/", UV)
        ours = tags[UV]
        cases: list[tuple[str, int]] = [
            (ours, 304),
            (f"W/{ours}", 304),
            ("*", 304),
            (f'"a", {ours}', 304),
            (f"{ours}, {ours}", 304),
            (tags[PIP], 200),
            (tags[HTML], 200),
            (other, 200),
            ('"old"', 200),
            ('W/"old"', 200),
            (ours.strip('"'), 200),
            ("", 200),
        ]
        for _ in range(3):
            for tag, code in cases:
                line = f"If-None-Match: {tag}\r\n".encode()
                request = self.request(PAGE, line, who=UV)
                answer = self.answer(request)
                self.assertEqual(code, answer.code, tag)
                self.assertEqual(code == 304, answer.body == b"", tag)
                plain = self.answer(request, self.plain)
                self.assertEqual(dateless_head(plain), dateless_head(answer), tag)
        fast = self.request(PAGE, f"If-None-Match: {ours}\r\n".encode(), who=UV)
        self.assertEqual([], self.ordinary_paths(lambda: self.answer(fast)))

    def tag(self, path: str, who: bytes) -> str:
        tag = self.answer(self.request(path, who=who)).header("ETag")
        assert tag is not None
        return tag

    def test_tags_of_files(self) -> None:
        """
        So it is with files.
        """
        ours, other = f'"{self.small.sha256}"', f'"{self.large.sha256}"'
        for _ in range(3):
            for tag, code in ((ours, 304), (f"W/{ours}", 304), (other, 200)):
                request = self.request(self.at, f"If-None-Match: {tag}\r\n".encode())
                answer = self.answer(request)
                self.assertEqual(code, answer.code, tag)
                expected = b"" if code == 304 else self.small.content
                self.assertEqual(expected, answer.body, tag)

    def test_old_tag(self) -> None:
        """
        Who has the page of before gets the new one.
        """
        has_it = self.request(
            PAGE, f"If-None-Match: {self.tag(PAGE, UV)}\r\n".encode(), who=UV
        )
        self.warm(has_it)
        self.assertEqual(304, self.answer(has_it).code)
        self.drop(make_wheel("demo", "9.0"))
        self.pass_by(2)
        answer: Any = self.check_ordinary(has_it, 200)
        self.assertEqual(4, len(answer.files))
