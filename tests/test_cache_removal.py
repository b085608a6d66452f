"""
Tests for :mod:`proxypypi.cache.removal` and :mod:`proxypypi.cache.doubts`, over HTTP:
what becomes of files and projects that vanish upstream.
"""

import os
import shutil
from collections.abc import Iterator
from hashlib import blake2b

from proxypypi.names import normalize
from proxypypi.rules.merge import REMOVED, iso
from proxypypi.store.releases import add_release
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import JSON, Fault
from tests.proxy_case import ProxyTestCase, Transfer

DAY = 86_400.0
PAGE = "/simple/demo/"


class RemovalTestCase(ProxyTestCase):
    """
    Of demo, 1.0 is not here, 2.0 is and is old, 3.0 is and is a day old.
    """

    def setUp(self) -> None:
        super().setUp()
        self.never, self.old = make_wheel("demo", "1.0"), make_sdist("demo", "2.0")
        self.young = make_wheel("demo", "3.0")
        self.index.add(self.never)
        self.index.add(self.old)
        address = blake2b(self.young.content, digest_size=32).hexdigest()
        self.at = f"{address[:2]}/{address[2:4]}/{address[4:]}"
        self.index.add(
            self.young,
            path=f"/packages/{self.at}/{self.young.filename}",
            upload_time=iso(self.clock.seconds() - DAY),
        )
        for built in (self.old, self.young):
            self.assertEqual(200, self.code(built.filename))

    def code(self, filename: str) -> int | None:
        return self.get(f"/files/demo/{filename}").code

    def refresh(self, seconds: float = 901) -> Transfer:
        """
        Ask for the page when it has to be asked for upstream.
        """
        self.advance(seconds)
        return self.get(PAGE, Accept=JSON)

    def listed(self, route: str = "simple") -> dict[str, object]:
        """
        Versions to what is said of their yanking.
        """
        files = self.files("demo", route)
        return {
            filename.split("-")[1].removesuffix(".tar.gz"): file["yanked"]
            for filename, file in files.items()
        }

    def health(self) -> str:
        return self.get("/-/health").body.decode()

    def remove_both(self) -> None:
        self.index.remove(self.old.filename)
        self.index.remove(self.young.filename)

    def withhold_young(self) -> None:
        self.remove_both()
        self.refresh()
        self.refresh()
        self.assertEqual(403, self.code(self.young.filename))


class FilesTests(RemovalTestCase):
    def addresses(self) -> Iterator[tuple[str, dict[str, str]]]:
        filename = self.young.filename
        for path in (
            f"/files/demo/{filename}",
            f"/package/demo/{filename}",
            f"/package/{filename}",
            f"/packages/{self.at}/{filename}",
        ):
            yield path, {}
            yield path, {"Range": "bytes=0-5"}
            yield path, {"If_None_Match": f'"{self.young.sha256}"'}
            yield f"{path}.metadata", {}

    def test_removed(self) -> None:
        """
        The first refresh that misses them has files listed as yanked, the second has
        the young ones withheld; what is here of the others stays as it is.
        """
        self.remove_both()
        self.refresh()
        expected = {"1.0": False, "2.0": REMOVED, "3.0": REMOVED}
        self.assertEqual(expected, self.listed())
        self.assertEqual(200, self.code(self.young.filename))
        self.refresh()
        for restart in (False, True):
            if restart:
                self.crash()
            self.assertEqual({"1.0": False, "2.0": REMOVED}, self.listed())
            self.assertEqual({"2.0": REMOVED}, self.listed("local"))
            self.assertEqual(200, self.code(self.old.filename))
            for path, headers in self.addresses():
                for method in ("GET", "HEAD"):
                    answer = self.get(path, method, **headers)
                    self.assertEqual(403, answer.code, (path, headers))
                    self.assertIn("removed upstream", answer.phrase)
            answer = self.get(f"/files/demo/{self.young.filename}", Accept=JSON)
            told = f"proxypypi release {self.young.filename}"
            self.assertIn(told, answer.json["detail"])
            self.assertEqual("no-store", answer.header("Cache-Control"))
        self.assertEqual("ok\n", self.health())

    def test_age_at_the_removal(self) -> None:
        """
        What counts is the age at the refresh that missed them first, even if nobody
        asked for a long time after it, and the page never changed again.
        """
        self.remove_both()
        self.advance(700)
        self.get(PAGE)  # which refreshes it in the background
        self.crash()
        self.refresh(100 * DAY)
        self.assertEqual({"1.0": False, "2.0": REMOVED}, self.listed())

    def test_age(self) -> None:
        """
        A file that was older than --withhold is not withheld, nor one without
        upload-time, and with 0 none is.
        """
        for withhold, age, expected in [
            (10 * DAY, 9 * DAY, 403),
            (10 * DAY, 11 * DAY, 200),
            (10 * DAY, None, 200),
            (0.0, 9 * DAY, 200),
            (0.0, -DAY, 200),
        ]:
            self.start_proxy(withhold=withhold)
            built = make_wheel("other", f"1.{len(self.index.requests)}")
            moment = self.clock.seconds()
            self.index.add(
                built, upload_time=None if age is None else iso(moment - age)
            )
            self.index.add(make_wheel("other"))
            path = f"/files/other/{built.filename}"
            self.advance(901)
            self.get("/simple/other/")
            self.assertEqual(200, self.get(path).code)
            self.index.remove(built.filename)
            for _ in range(2):
                self.advance(901)
                self.get("/simple/other/")
            self.assertEqual(expected, self.get(path).code, (withhold, age))

    def test_upload_time(self) -> None:
        """
        When a file was uploaded is told as ever, in all places, after its removal, that
        of the whole project, and a restart; so it is of those that are the index's only
        because it lists the same bytes.
        """
        put_here = make_wheel("demo", "4.0")
        with self.change():
            path = self.directory / put_here.filename
            path.write_bytes(put_here.content)
        self.settle()
        self.files("demo")
        os.utime(path, (1.0, 1.0))
        self.settle()
        long_ago = self.clock.seconds() - 100 * DAY
        for built in (self.old, put_here):
            self.index.add(built, upload_time=iso(long_ago))
        self.refresh()
        before = self.times()
        self.assertEqual({iso(long_ago)}, {time for time, *_ in before.values()})
        self.index.remove(self.old.filename)
        self.index.remove(put_here.filename)
        self.refresh()
        self.assertEqual(
            {"2.0": REMOVED, "3.0": False, "4.0": REMOVED}, self.listed("local")
        )
        self.assertEqual(before, self.times())
        del self.index.projects["demo"]
        for _ in range(3):
            self.refresh()
        self.assertEqual(before, self.times())
        self.crash()
        self.assertEqual(before, self.times())

    def times(self) -> dict[str, tuple[object, ...]]:
        """
        What is said of when the old files were uploaded.
        """
        document = self.get("/pypi/demo/json").json["releases"]
        by_version = {version: said for version, (said,) in document.items()}
        found: dict[str, tuple[object, ...]] = {}
        for version, filename in (
            ("2.0", self.old.filename),
            ("4.0", make_wheel("demo", "4.0").filename),
        ):
            found[version] = (
                self.files("demo")[filename]["upload-time"],
                self.files("demo", "local")[filename]["upload-time"],
                by_version[version]["upload_time_iso_8601"],
                self.get(f"/files/demo/{filename}").header("Last-Modified"),
            )
        return found

    def test_back(self) -> None:
        """
        A file that is listed again is one like any other.
        """
        self.withhold_young()
        self.index.add(self.young, upload_time=iso(self.clock.seconds()))
        self.refresh()
        self.assertEqual({"1.0": False, "2.0": REMOVED, "3.0": False}, self.listed())
        self.assertEqual(200, self.code(self.young.filename))

    def test_back_as_another(self) -> None:
        """
        Another file of the name of a withheld one is an alarm; neither is given out.
        """
        self.withhold_young()
        self.index.add(make_wheel("demo", "3.0", payload=10))
        self.refresh()
        self.assertEqual({"1.0": False, "2.0": REMOVED}, self.listed())
        self.assertEqual(403, self.code(self.young.filename))
        self.assertRegex(self.health(), "degraded: .* neither is served")

    def test_touched(self) -> None:
        """
        To touch a withheld file does not free it.
        """
        self.withhold_young()
        with self.change():
            os.utime(self.directory / "demo" / self.young.filename)
        self.settle()
        self.assertEqual(403, self.code(self.young.filename))

    def test_outage(self) -> None:
        """
        Where nothing but withheld files is left, and upstream cannot be asked, nobody
        is told that there is nothing.
        """
        self.withhold_young()
        self.remove(self.directory / "demo" / self.old.filename)
        shutil.rmtree(self.directory / ".proxypypi" / "cache" / "pages")
        self.start_proxy()
        self.index.fail(PAGE, Fault(status=500), times=None)
        transfer = self.start(PAGE)
        self.advance_slowly(5)
        self.assertEqual(502, transfer.code)

    def test_facts_lost(self) -> None:
        """
        A file listed still when the facts were lost is withheld once it is not.
        """
        for path in (self.directory / ".proxypypi" / "cache" / "facts").iterdir():
            path.unlink()
        self.start_proxy()
        self.get(PAGE)
        self.withhold_young()


class ReleaseTests(RemovalTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.decisions = self.directory / ".proxypypi" / "decisions"
        self.record = self.decisions / "releases" / "demo.json"
        self.began = self.clock.seconds()
        self.withhold_young()

    def release(self, sha256: str, at: float | None = None) -> str:
        """
        :param at: POSIX seconds; :obj:`None` for now.
        """
        if at is None:
            at = self.clock.seconds()
        name, filename = normalize("demo"), self.young.filename
        return add_release(self.decisions, name, filename, sha256, at)

    def test_released(self) -> None:
        """
        A released file is given out at once, for good, and listed as removed.
        """
        self.assertEqual("", self.release(self.young.sha256))
        for restart in (False, True):
            if restart:
                self.crash()
            expected = {"1.0": False, "2.0": REMOVED, "3.0": REMOVED}
            self.assertEqual(expected, self.listed())
            self.assertEqual(200, self.code(self.young.filename))

    def test_released_before(self) -> None:
        """
        Who released it when it was young could not know that it would be removed.
        """
        self.assertEqual("", self.release(self.young.sha256, self.began - 1))
        self.assertEqual(403, self.code(self.young.filename))
        self.assertEqual("", self.release(self.young.sha256))
        self.assertEqual(200, self.code(self.young.filename))

    def test_another_file(self) -> None:
        """
        What was released is a file, not a name.
        """
        self.release(self.old.sha256)
        self.assertEqual(403, self.code(self.young.filename))

    def test_damaged(self) -> None:
        """
        A damaged record frees nothing, which health says until it is made anew.
        """
        self.release(self.young.sha256)
        for content in (b"", b"{}", b'{"format":2,"released":{}}', b"\xff" * 9):
            self.record.write_bytes(content)
            self.assertEqual(403, self.code(self.young.filename), content)
            self.assertNotIn("3.0", self.listed())
            self.assertRegex(self.health(), "degraded: .*demo.json.* frees nothing")
        said = self.release(self.young.sha256)
        self.assertIn("demo.json", said)
        self.assertEqual(200, self.code(self.young.filename))
        self.assertEqual("ok\n", self.health())
        aside = self.record.with_name("demo.json.damaged")
        self.assertEqual(b"\xff" * 9, aside.read_bytes())


class ProjectGoneTests(RemovalTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.project = self.index.projects.pop("demo")

    def test_gone(self) -> None:
        """
        A project is gone when upstream has said so twice, a TTL apart, restarts or not;
        its files are then listed as they were, but for the young ones.
        """
        everything = {"1.0": False, "2.0": False, "3.0": False}
        for seconds in (901, 500, 61):
            answer = self.refresh(seconds)
            self.assertIn("gone-upstream", str(answer.header("Cache-Status")))
            self.assertEqual(everything, self.listed())
            self.crash()
        self.refresh(61)
        for restart in (False, True):
            if restart:
                self.crash()
            self.assertEqual({"2.0": False}, self.listed())
            self.assertEqual({"2.0": False}, self.listed("local"))
            self.assertEqual(200, self.code(self.old.filename))
            self.assertEqual(403, self.code(self.young.filename))
            self.assertEqual(404, self.code(self.never.filename))

    def test_only_once(self) -> None:
        """
        Who says so but once is not believed however long ago that was.
        """
        self.refresh()
        self.index.projects["demo"] = self.project
        answer = self.refresh(61)
        self.assertEqual("proxypypi; fwd=stale; fwd-status=304", _status(answer))
        del self.index.projects["demo"]
        self.refresh(901)
        self.assertEqual(["1.0", "2.0", "3.0"], sorted(self.listed()))

    def test_outage_between(self) -> None:
        """
        While upstream fails, a project that is gone stays so.
        """
        self.refresh()
        self.refresh(601)
        self.index.fail("*", Fault(status=401), times=None)
        self.assertIn("fwd-status=401", _status(self.refresh(61)))
        self.assertEqual({"2.0": False}, self.listed())

    def test_facts_lost(self) -> None:
        """
        If the facts are lost by then, the next refresh has young files withheld again.
        """
        self.refresh()
        self.refresh(601)
        for path in (self.directory / ".proxypypi" / "cache" / "facts").iterdir():
            path.unlink()
        self.start_proxy()
        self.refresh(61)
        self.refresh(61)
        self.assertEqual({"2.0": False}, self.listed())

    def test_short_ttl(self) -> None:
        """
        With a short TTL it is certain soon.
        """
        self.start_proxy(index_ttl=2)
        self.refresh()
        self.refresh(2)
        self.assertEqual({"2.0": False}, self.listed())

    def test_back(self) -> None:
        """
        A project that comes back with one of its files is as before.
        """
        self.refresh()
        self.refresh(601)
        self.index.add(self.young, upload_time=iso(self.clock.seconds()))
        self.refresh(61)
        self.assertEqual({"2.0": REMOVED, "3.0": False}, self.listed())
        self.assertEqual("ok\n", self.health())

    def test_back_as_another(self) -> None:
        """
        One that comes back with none of its files is an alarm; files here stay.
        """
        self.refresh()
        self.refresh(601)
        self.crash()
        self.index.add(make_wheel("demo", "9.0"))
        self.refresh(61)
        self.assertEqual({"2.0": REMOVED, "9.0": False}, self.listed())
        self.assertRegex(self.health(), "^degraded: demo was gone .* came back")

    def test_back_with_nothing(self) -> None:
        """
        One that comes back without files is not back before it has some.
        """
        self.refresh()
        self.refresh(601)
        self.index.add_project("demo")
        for seconds in (61, 901):
            self.refresh(seconds)
            self.assertEqual({"2.0": False}, self.listed())
        self.index.add(make_wheel("demo", "9.0"))
        self.refresh(61)
        self.assertEqual({"2.0": REMOVED, "9.0": False}, self.listed())
        self.assertRegex(self.health(), "^degraded: demo was gone .* came back")

    def test_back_with_an_old_serial(self) -> None:
        """
        What comes back may count anew.
        """
        self.index.projects["demo"] = self.project
        self.project.extra["meta"] = {"_last-serial": 7}
        self.index.add_project("demo")
        self.refresh()
        del self.index.projects["demo"]
        self.refresh()
        self.refresh(601)
        self.index.projects["demo"] = self.project
        self.project.extra["meta"] = {"_last-serial": 1}
        self.index.add_project("demo")
        self.assertEqual(1, self.refresh(61).json["meta"]["_last-serial"])


class EmptyTests(RemovalTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.taken = dict(self.index.projects["demo"].files)
        self.index.projects["demo"].files.clear()
        self.index.add_project("demo")

    def test_believed_later(self) -> None:
        """
        A page that is suddenly empty is believed when it is so a TTL later; files here
        are then removed ones.
        """
        everything = {"1.0": False, "2.0": False, "3.0": False}
        for seconds in (901, 599):
            answer = self.refresh(seconds)
            status = "proxypypi; fwd=stale; detail=empty-upstream"
            self.assertEqual(status, _status(answer))
            self.assertEqual(everything, self.listed())
            self.crash()
        self.refresh(61)
        for restart in (False, True):
            if restart:
                self.crash()
            self.assertEqual({"2.0": REMOVED}, self.listed())
            self.assertEqual(403, self.code(self.young.filename))
        self.assertEqual([], list(self.directory.rglob("*.doubt")))

    def test_not_asked_all_the_time(self) -> None:
        """
        Meanwhile upstream is asked once a minute.
        """
        self.refresh()
        asked = len(self.index.asked(PAGE))
        for _ in range(5):
            status = "proxypypi; hit; ttl=-301; detail=empty-upstream"
            self.assertEqual(status, _status(self.refresh(0)))
        self.assertEqual(asked, len(self.index.asked(PAGE)))
        self.refresh(61)
        self.assertEqual(asked + 1, len(self.index.asked(PAGE)))

    def test_over(self) -> None:
        """
        When files are listed again, nothing has been.
        """
        self.refresh()
        self.index.projects["demo"].files.update(self.taken)
        answer = self.refresh(61)
        self.assertEqual("proxypypi; fwd=stale; fwd-status=304", _status(answer))
        self.assertEqual({"1.0": False, "2.0": False, "3.0": False}, self.listed())
        self.assertEqual([], list(self.directory.rglob("*.doubt")))

    def test_damaged_doubt(self) -> None:
        """
        A damaged record of a doubt is none; it is doubted anew.
        """
        self.refresh()
        (doubt,) = self.directory.rglob("*.doubt")
        for content in (b"", b"{}", b"\xff", b'{"format":1,"change":"odd"}'):
            doubt.write_bytes(content)
            self.start_proxy()
            self.refresh(1000)
            self.assertEqual(["1.0", "2.0", "3.0"], sorted(self.listed()))


class SerialTests(RemovalTestCase):
    def say(self, serial: int) -> None:
        self.index.projects["demo"].extra["meta"] = {"_last-serial": serial}
        self.index.add_project("demo")

    def test_backwards(self) -> None:
        """
        A page older than the one at hand is not taken over, for a day.
        """
        self.say(7)
        self.refresh()
        self.index.remove(self.young.filename)
        self.say(6)
        for seconds in (901, 80_000):
            answer = self.refresh(seconds)
            status = "proxypypi; fwd=stale; detail=older-upstream"
            self.assertEqual(status, _status(answer))
            self.assertEqual(7, answer.json["meta"]["_last-serial"])
            self.crash()
        answer = self.refresh(6401)
        self.assertEqual("proxypypi; fwd=stale; stored", _status(answer))
        self.assertEqual(6, answer.json["meta"]["_last-serial"])

    def test_header(self) -> None:
        """
        An index that says its serial in a header is understood alike.
        """
        self.index.html_only = True
        for serial, shown in [("7", 7), ("6", 7), ("no number", None), ("6", 6)]:
            self.index.add_project("demo")
            self.index.etags = self.index.last_modified = False
            said = Fault(headers={"X-PyPI-Last-Serial": serial})
            self.index.fail(PAGE, said)
            meta = self.refresh().json["meta"]
            self.assertEqual(shown, meta.get("_last-serial"), serial)

    def test_forwards(self) -> None:
        """
        The next that is not older is, at once.
        """
        self.say(7)
        self.refresh()
        self.say(6)
        self.refresh()
        self.say(8)
        self.assertEqual(8, self.refresh(61).json["meta"]["_last-serial"])


class StatusTests(RemovalTestCase):
    def say(self, **status: str) -> None:
        self.index.projects["demo"].extra["project-status"] = status
        self.index.add_project("demo")

    def test_passed_on(self) -> None:
        """
        That a project is archived or deprecated is passed on, with the reason.
        """
        for status in ("archived", "deprecated"):
            self.say(status=status, reason="no time")
            page = self.refresh().json
            expected = {"status": status, "reason": "no time"}
            self.assertEqual(expected, page["project-status"])
            self.assertEqual(3, len(page["files"]))

    def test_quarantined(self) -> None:
        """
        A quarantine counts at once, for what is cached as well, at every address.
        """
        self.index.projects["demo"].files.clear()
        self.say(status="quarantined")
        self.refresh()
        for restart in (False, True):
            if restart:
                self.crash()
            for route in ("simple", "local"):
                self.assertEqual({}, self.listed(route))
            filename = self.young.filename
            for path in (f"/files/demo/{filename}", f"/packages/{self.at}/{filename}"):
                for asked in (path, f"{path}.metadata"):
                    answer = self.get(asked, Range="bytes=0-5")
                    self.assertEqual(403, answer.code, asked)
                    self.assertIn("quarantined", answer.phrase)


def _status(answer: Transfer) -> str:
    return str(answer.header("Cache-Status"))
