"""
Tests for :mod:`proxypypi.cache.cooldown`, over HTTP: files that are too young.
"""

import shutil

from packaging.version import Version

from proxypypi.moments import render_second
from proxypypi.names import normalize
from proxypypi.settings import CooldownExemption, UpstreamSettings
from tests.cooldown_case import DAY, LONG, WEEK, CooldownTestCase
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import HTML, JSON
from tests.proxy_case import INDEX_URL
from tests.recorded import Recorded

DEMO = normalize("demo")


class PageTests(CooldownTestCase):
    def test_held_back(self) -> None:
        """
        Young files are on no page; a version that has no others is none yet.
        """
        self.get(f"/files/demo/{self.old.filename}")
        for route in ("simple", "local"):
            page = self.page("demo", route)
            self.assertEqual([self.old.filename], self.listed(route))
            self.assertEqual(["1.0"], page["versions"])

    def test_version_with_old_files(self) -> None:
        """
        A version keeps its name while any of its files is listed, and so does one of
        which its index lists no file at all.
        """
        self.index.projects["demo"].extra["versions"] = ["0.5", "1.0", "2.0", "3.0"]
        self.add(make_wheel("demo", "3.0"), 1.0)
        self.add(make_sdist("demo", "3.0"), WEEK + 1.0)
        self.assertEqual(["0.5", "1.0", "3.0"], self.page("demo")["versions"])

    def test_as_time_passes(self) -> None:
        """
        Each file is listed, and given out, from the very moment at which it is old
        enough, without a word from its index.
        """
        here = [self.old.filename]
        for built, free_at in zip((self.wheel, self.sdist), self.free_at, strict=True):
            self.be_at(free_at - 0.01)
            self.assertEqual(here, self.listed())
            self.assertEqual(403, self.code(built))
            self.be_at(free_at)
            here = sorted([*here, built.filename])
            self.assertEqual(here, self.listed())
            self.assertEqual(200, self.code(built))
        self.assertEqual(["1.0", "2.0"], self.page("demo")["versions"])
        self.assertEqual(1, len(self.index.asked("/simple/demo/")))

    def test_all_held_back(self) -> None:
        """
        A project with young files alone has an empty page; it is not claimed for that.
        """
        young = make_wheel("fresh")
        self.add(young, 1.0)
        for restart in (False, True):
            if restart:
                self.restart()
            page = self.page("fresh")
            self.assertEqual(([], []), (page["files"], page["versions"]))
            self.assertEqual(403, self.code(young))
        self.assertFalse(self.proxy.core.claims.is_claimed(normalize("fresh")))

    def test_said(self) -> None:
        """
        The page says how many files it leaves out, and until when the next of them.
        """
        until = render_second(self.free_at[0])
        page = self.page("demo")
        self.assertEqual({"files": 2, "until": until}, page["_held-back"])
        shown = self.get("/simple/demo/", Accept=HTML).body.decode()
        said = f"2 files are held back here for being too young, the next until {until}"
        self.assertIn(f"<p>{said}.</p>\n", shown)
        self.be_at(self.free_at[1])
        self.assertNotIn("_held-back", self.page("demo"))
        shown = self.get("/simple/demo/", Accept=HTML).body.decode()
        self.assertNotIn("<p>", shown)

    def test_made_once(self) -> None:
        """
        A page of many files is looked through and made once for each change, not for
        each request.
        """
        for number in range(30):
            self.index.add(make_wheel("demo", f"1.0.{number}"))

        def made() -> tuple[int, int]:
            for _ in range(3):
                self.get("/simple/demo/")
            calls = self.threads.calls
            return calls.count("judge"), calls.count("_render")

        self.assertEqual((1, 1), made())
        self.advance(10)
        self.assertEqual((1, 1), made())
        self.be_at(self.free_at[0])
        self.assertEqual((2, 2), made())

    def test_many_at_once(self) -> None:
        """
        Many who come at once have it looked through once.
        """
        for number in range(30):
            self.index.add(make_wheel("demo", f"1.0.{number}"))
        self.threads.hold("judge")
        answers = [self.start("/simple/demo/", Accept=JSON) for _ in range(4)]
        self.threads.release()
        self.flush()
        self.assertEqual(1, self.threads.calls.count("judge"))
        self.assertEqual([31] * 4, [len(answer.json["files"]) for answer in answers])

    def test_off(self) -> None:
        """
        Without the option nothing is held back, nor looked at.
        """
        self.restart(min_age=0.0)
        self.assertEqual(3, len(self.listed()))
        self.assertEqual(200, self.code(self.wheel))
        self.assertNotIn("_held-back", self.page("demo"))

    def test_hindered(self) -> None:
        """
        With nothing to list but what is held back, an index that fails is an error: it
        may have more.
        """
        self.restart(min_age=0.0)
        self.code(self.wheel)
        (self.directory / ".proxypypi" / "cache" / "pages" / "demo.page").unlink()
        self.restart()
        self.index.down = True
        answer = self.start("/simple/demo/")
        self.advance(60)
        self.assertIn(answer.code, (502, 503))


class FileTests(CooldownTestCase):
    def test_refused(self) -> None:
        """
        Its addresses say, in short, until when it is held back, and what frees it: to
        whom asks for all of it, a part, its head or its metadata.
        """
        self.index.add(self.wheel, path=f"/packages/aa/bb/cc/{self.wheel.filename}")
        self.add(self.wheel, 6 * DAY, path=f"/packages/aa/bb/cc/{self.wheel.filename}")
        until = render_second(self.clock.seconds() + DAY)
        filename = self.wheel.filename
        said = f"too young, held back until {until}; to free it: proxypypi release "
        for path in (
            f"/files/demo/{filename}",
            f"/packages/aa/bb/cc/{filename}",
            f"/package/demo/{filename}",
            f"/package/{filename}",
            f"/packages/source/d/demo/{filename}",
        ):
            for address in (path, f"{path}.metadata"):
                for headers in ({}, {"Range": "bytes=0-5"}, {"If_None_Match": "*"}):
                    answer = self.get(address, Accept=JSON, **headers)
                    self.assertEqual(403, answer.code, address)
                    self.assertEqual(said + filename, answer.phrase)
                    self.assertEqual(answer.phrase, answer.json["detail"])
                    self.assertEqual("no-store", answer.header("Cache-Control"))
                self.assertEqual(403, self.get(address, "HEAD").code)
        self.assertEqual([], self.kept())
        self.assertEqual(1, len(self.index.requests))

    def test_cached(self) -> None:
        """
        What is here already is held back, too, and stays here.
        """
        self.restart(min_age=0.0)
        self.code(self.wheel)
        self.restart()
        self.assertEqual([self.old.filename], self.listed())
        self.assertEqual([], self.listed("local"))
        self.assertEqual(403, self.code(self.wheel))
        self.assertEqual(403, self.code(self.wheel, ".metadata"))
        self.assertEqual([f"demo/{self.wheel.filename}"], self.kept())
        self.be_at(self.free_at[0])
        self.assertEqual([self.wheel.filename], self.listed("local"))
        self.assertEqual(200, self.code(self.wheel))
        self.assertEqual(1, len(self.index.asked(f"/files/demo/{self.wheel.filename}")))

    def test_alone(self) -> None:
        """
        So it is where no index is asked any more.
        """
        self.restart(min_age=0.0)
        self.code(self.wheel)
        self.start_proxy(None, min_age=WEEK)
        self.assertEqual([], self.listed())
        self.assertEqual(403, self.code(self.wheel))
        self.be_at(self.free_at[0])
        self.assertEqual([self.wheel.filename], self.listed())

    def test_private(self) -> None:
        """
        Private files are of any age, one in place of an index's file as well.
        """
        ours, instead = make_wheel("demo", "9.0"), make_wheel("demo", "2.0", payload=9)
        self.drop(ours)
        self.drop(instead)
        here = sorted([self.old.filename, ours.filename, instead.filename])
        self.assertEqual(here, self.listed())
        for built in (ours, instead):
            answer = self.get(f"/files/demo/{built.filename}")
            self.assertEqual(built.content, answer.body)

    def test_dropped_in(self) -> None:
        """
        What somebody puts here is not private if it is the very file of an index.
        """
        self.drop(self.wheel)
        self.assertEqual([self.old.filename], self.listed())
        self.assertEqual(403, self.code(self.wheel))

    def test_no_sha256(self) -> None:
        """
        A file that no release can name is freed by the configuration alone.
        """
        built = make_wheel("weak")
        self.add(built, 1.0, extra={"hashes": {"md5": "5f" * 16}})
        answer = self.get(f"/files/weak/{built.filename}")
        self.assertEqual(403, answer.code)
        self.assertIn("a cooldown-exemption in the configuration", answer.phrase)

    def test_state_is_lost(self) -> None:
        """
        Whose a file is that nobody knows any more, its index is asked, if it can be,
        before the file is given out.
        """
        self.restart(min_age=0.0)
        self.assertEqual(200, self.code(self.wheel))
        ours = make_wheel("ours")
        self.drop(ours)
        shutil.rmtree(self.directory / ".proxypypi" / "cache")
        self.index.down = True
        self.restart()
        asked = self.start(f"/files/demo/{self.wheel.filename}")
        self.advance_slowly(12)
        self.assertEqual(200, asked.code)
        self.index.down = False
        self.restart()
        self.assertEqual(403, self.code(self.wheel))
        self.assertEqual(200, self.get(f"/files/ours/{ours.filename}").code)
        self.assertEqual(1, len(self.index.asked("/simple/ours/")))
        self.assertEqual(200, self.get(f"/files/ours/{ours.filename}").code)
        self.assertEqual(1, len(self.index.asked("/simple/ours/")))

    def test_removed(self) -> None:
        """
        A cached file that its index lists no longer has the age that it had there.
        """
        self.restart(min_age=0.0, withhold=0.0, index_ttl=600.0)
        self.code(self.wheel)
        self.index.remove(self.wheel.filename)
        for _ in range(2):
            self.advance(901)
            self.get("/simple/demo/")
        self.restart(withhold=0.0)
        self.assertEqual([self.old.filename], self.listed())
        self.assertEqual(403, self.code(self.wheel))
        self.be_at(self.free_at[0])
        self.assertEqual([self.old.filename, self.wheel.filename], self.listed())


class FreedTests(CooldownTestCase):
    def exempt(self, **more: object) -> None:
        given = {"project": DEMO, **more}
        self.restart(
            cooldown_exemptions=(CooldownExemption(**given),)  # type: ignore[arg-type]
        )

    def check_free(self, *expected: bool) -> None:
        for built, free in zip((self.wheel, self.sdist), expected, strict=True):
            self.assertEqual(free, built.filename in self.listed(), built)
            self.assertEqual(200 if free else 403, self.code(built))

    def test_released(self) -> None:
        """
        What is released is free at once, for good, and nothing else is.
        """
        for route in ("simple", "local"):
            self.get(f"/{route}/demo/")
        self.check_free(False, False)
        self.release(self.sdist)
        for restart in (False, True):
            if restart:
                self.restart()
            self.check_free(False, True)

    def test_exempt(self) -> None:
        """
        An exemption is of a project, one version or one file.
        """
        self.exempt()
        self.check_free(True, True)
        self.exempt(project=normalize("other"))
        self.check_free(False, False)
        self.exempt(version=Version("2"))
        self.check_free(True, True)
        self.exempt(sha256=self.wheel.sha256)
        self.check_free(True, False)

    def test_exemption_ends(self) -> None:
        """
        When it ends, what is not old enough by then is held back again.
        """
        ends_at = self.free_at[0] + 100.0
        self.exempt(ends_at=ends_at)
        self.be_at(ends_at - 0.01)
        self.check_free(True, True)
        self.be_at(ends_at)
        self.check_free(True, False)

    def test_upstream(self) -> None:
        """
        An upstream may have an age of its own, or none.
        """
        for own, expected in [(0.0, (True, True)), (5.5 * DAY, (True, False))]:
            upstream = UpstreamSettings.from_url(INDEX_URL, min_age=own)
            self.restart(upstreams=[upstream])
            self.check_free(*expected)
        self.restart(upstreams=[upstream], min_age=0.0)
        self.check_free(True, False)


class UnknownAgeTests(CooldownTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.recorded = Recorded.during(self)

    def said(self) -> list[str]:
        return [line for line in self.recorded.sentences if "min-age" in line]

    def test_one(self) -> None:
        """
        A file of which its index does not say when it was uploaded is held back until
        somebody frees it.
        """
        self.index.add(self.wheel, upload_time=None)
        self.advance(LONG)
        self.assertEqual([self.old.filename, self.sdist.filename], self.listed())
        answer = self.get(f"/files/demo/{self.wheel.filename}")
        self.assertEqual(403, answer.code)
        self.assertEqual(
            "held back, as its index gives no upload-time; to free it: "
            f"proxypypi release {self.wheel.filename}",
            answer.phrase,
        )
        self.assertEqual({"files": 1}, self.page("demo")["_held-back"])
        shown = self.get("/simple/demo/", Accept=HTML).body.decode()
        said = "1 file is held back here, as the index does not say how old."
        self.assertIn(f"<p>{said}</p>\n", shown)
        self.release(self.wheel)
        self.assertEqual(3, len(self.listed()))
        self.assertEqual([], self.said())

    def test_far_away(self) -> None:
        """
        An upload in the year 9999 is as good as none, and breaks nothing.
        """
        self.index.add(self.wheel, upload_time="9999-12-31T23:59:59Z")
        self.assertEqual([self.old.filename], self.listed())
        answer = self.get(f"/files/demo/{self.wheel.filename}")
        self.assertEqual(403, answer.code)
        self.assertIn("until 9999-12-31T23:59:59Z", answer.phrase)

    def test_all(self) -> None:
        """
        An index that says that of none has them all held back, and the log says so,
        once for each project.
        """
        self.index.upload_times = False
        self.index.add(make_wheel("other"))
        for _ in range(2):
            for name in ("demo", "other"):
                self.assertEqual([], self.listed(name=name))
            self.index.add(make_wheel("demo", "3.0"))
            self.advance(2 * LONG)
        self.assertEqual(
            [
                f"{INDEX_URL} does not say when files of {name} were uploaded, so that "
                "min-age holds them all back"
                for name in ("demo", "other")
            ],
            self.said(),
        )
        self.assertEqual(b"ok\n", self.get("/-/health").body)
