"""
Tests for :mod:`proxypypi.rules.cooldown`.
"""

from math import inf, isfinite
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import Distribution, FileFacts, LocalFile, ProjectPage, Release
from proxypypi.names import normalize
from proxypypi.rules.cooldown import (
    MinAges,
    Upload,
    held_back_until,
    next_end,
    upload_of,
    uploads_of,
)
from proxypypi.rules.merge import Held
from proxypypi.settings import CooldownExemption, Settings, UpstreamSettings

DEMO = normalize("demo")
INDEX, OTHER = "https://index.example/simple/", "https://other.example/simple/"
ONE, TWO = "demo-1.0.tar.gz", "demo-2.0-py3-none-any.whl"
OURS, THEIRS = "5f" * 32, "af" * 32
AT, SAID = 1_767_323_045.0, "2026-01-02T03:04:05Z"


def upload(uploaded_at: float | None = 100.0, **more: Any) -> Upload:
    said: dict[str, Any] = {"filename": ONE, "sha256": OURS, "origin": INDEX, **more}
    return Upload(project=DEMO, uploaded_at=uploaded_at, **said)


def exemption(**more: Any) -> CooldownExemption:
    return CooldownExemption(project=DEMO, **more)


def listed(filename: str = ONE, sha256: str = THEIRS, **said: Any) -> Distribution:
    given: dict[str, Any] = {"hashes": {"sha256": sha256}, "upload_time": SAID}
    return Distribution(filename=filename, url=filename, **{**given, **said})


def held(filename: str = ONE, origin: str | None = None, **known: Any) -> Held:
    moments = {"size": 7, "modified_at": 11, "inode": 13, "changed_at": 17}
    facts = FileFacts(
        hashes={"sha256": OURS}, seen_at=9.0, origin=origin, **{**moments, **known}
    )
    file = LocalFile(filename=filename, path=f"/srv/{filename}", **moments)
    return Held(file=file, facts=facts)


def page_of(*distributions: Distribution) -> ProjectPage:
    return ProjectPage(name=DEMO, index=INDEX, distributions=distributions)


class MinAgesTests(SynchronousTestCase):
    def test_said_by(self) -> None:
        """
        An upstream's own age counts before that of all, 0 as well.
        """
        upstreams = tuple(
            UpstreamSettings.from_url(url, min_age=age)
            for url, age in ((INDEX, None), (OTHER, 0.0), ("https://c.example/", 5.0))
        )
        for age, expected, matter in [
            (7.0, [7.0, 0.0, 5.0, 7.0], True),
            (0.0, [0.0, 0.0, 5.0, 0.0], True),
        ]:
            settings = Settings(
                directory=Path("/srv"), upstreams=upstreams, min_age=age
            )
            ages = MinAges.said_by(settings)
            urls = [*(u.url for u in upstreams), "https://d.example/"]
            self.assertEqual(expected, [ages.of(url) for url in urls])
            self.assertEqual(matter, ages.matter)

    def test_off(self) -> None:
        """
        Where any age will do, none matters.
        """
        upstream = UpstreamSettings.from_url(INDEX, min_age=0.0)
        settings = Settings(directory=Path("/srv"), upstreams=(upstream,))
        self.assertFalse(MinAges.said_by(settings).matter)


class HeldBackTests(SynchronousTestCase):
    def test_age(self) -> None:
        """
        To the moment, a file of some age is held back until it has it; one without an
        upload time, for ever.
        """
        for case, uploaded_at, min_age, now, expected in [
            ("off", 100.0, 0.0, 100.0, None),
            ("off, no time", None, 0.0, 100.0, None),
            ("young", 100.0, 10.0, 100.0, 110.0),
            ("a moment before", 100.0, 10.0, 109.99, 110.0),
            ("old enough", 100.0, 10.0, 110.0, None),
            ("old", 100.0, 10.0, 1e9, None),
            ("of the future", 100.0, 10.0, 5.0, 110.0),
            ("no time", None, 10.0, 1e9, inf),
        ]:
            found = held_back_until(upload(uploaded_at), min_age, (), {}, now)
            self.assertEqual(expected, found, case)

    def test_exemptions(self) -> None:
        """
        Those of its project, its version or its digest free it, until they end.
        """
        others = normalize("other")
        for case, exemptions, expected in [
            ("the project", [exemption()], None),
            ("another", [CooldownExemption(project=others)], 110.0),
            ("the version", [exemption(version=Version("1"))], None),
            ("another version", [exemption(version=Version("2"))], 110.0),
            ("the file", [exemption(sha256=OURS)], None),
            ("another file", [exemption(sha256=THEIRS)], 110.0),
            ("not over", [exemption(ends_at=105.5)], None),
            ("over", [exemption(ends_at=105.0)], 110.0),
            (
                *("one of two", [exemption(ends_at=1.0), exemption(sha256=OURS)]),
                None,
            ),
        ]:
            found = held_back_until(upload(), 10.0, exemptions, {}, 105.0)
            self.assertEqual(expected, found, case)

    def test_unknown(self) -> None:
        """
        What is not known of a file frees it by no exemption that asks for it.
        """
        for case, file, by in [
            ("no digest", upload(sha256=None), exemption(sha256=OURS)),
            ("no version", upload(filename="x.zip"), exemption(version=Version("1"))),
            ("odd", upload(filename="demo-x.zip"), exemption(version=Version("1"))),
        ]:
            self.assertEqual(110.0, held_back_until(file, 10.0, [by], {}, 1.0), case)
            self.assertIsNone(held_back_until(file, 10.0, [exemption()], {}, 1.0), case)

    def test_releases(self) -> None:
        """
        A release frees the file of that name and digest, and no other.
        """
        for case, file, released, expected in [
            ("that one", upload(), {ONE: OURS}, None),
            ("that one, no time", upload(None), {ONE: OURS}, None),
            ("another digest", upload(), {ONE: THEIRS}, 110.0),
            ("another name", upload(), {TWO: OURS}, 110.0),
            ("no digest", upload(sha256=None), {ONE: OURS}, 110.0),
            ("neither", upload(sha256=None), {}, 110.0),
        ]:
            releases = {f: Release(sha256, 1.0) for f, sha256 in released.items()}
            found = held_back_until(file, 10.0, (), releases, 105.0)
            self.assertEqual(expected, found, case)

    moments = st.floats(0, 1e6)

    @given(moments, st.floats(0.001, 1e6), moments, st.none() | moments)
    def test_once_free(
        self, at: float, min_age: float, now: float, ends_at: float | None
    ) -> None:
        """
        It is free at the moment that is said, and not before, but for an exemption.
        """
        exemptions = [] if ends_at is None else [exemption(ends_at=ends_at)]

        def judge(moment: float) -> float | None:
            return held_back_until(upload(at), min_age, exemptions, {}, moment)

        until = judge(now)
        if until is not None:
            self.assertGreater(until, now)
            self.assertEqual(until, judge((now + until) / 2) or until)
            self.assertIsNone(judge(until))
        else:
            changes_at = next_end(exemptions, now)
            if isfinite(changes_at):
                self.assertIsNone(judge((now + changes_at) / 2))
            else:
                self.assertIsNone(judge(now + 1e6))


class NextEndTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        The next that is still to come.
        """
        one, two, never = exemption(ends_at=5.0), exemption(ends_at=9.0), exemption()
        for exemptions, now, expected in [
            ([], 0.0, inf),
            ([never], 0.0, inf),
            ([two, one, never], 0.0, 5.0),
            ([two, one], 5.0, 9.0),
            ([two, one], 9.0, inf),
        ]:
            self.assertEqual(expected, next_end(exemptions, now))


class UploadTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        Of what is here the page counts if it means that very file, else what was known
        when it came; private files are none of an index.
        """
        cached = held(origin=INDEX, uploaded_at=3.0)
        elsewhere = held(origin=OTHER, uploaded_at=3.0)
        for case, here, page, expected in [
            ("not here", None, page_of(listed()), (THEIRS, INDEX, AT)),
            (
                *("no digest", None, page_of(listed(hashes={}))),
                (None, INDEX, AT),
            ),
            ("private", held(), None, None),
            ("private, another is listed", held(), page_of(listed()), None),
            ("put here, and listed", held(), page_of(listed(ONE, OURS)), (INDEX, AT)),
            ("cached", cached, page_of(listed(ONE, OURS)), (INDEX, AT)),
            (
                *("now without time", cached),
                *(page_of(listed(ONE, OURS, upload_time=None)), (INDEX, None)),
            ),
            ("removed", cached, page_of(listed(TWO)), (INDEX, 3.0)),
            ("no page", cached, None, (INDEX, 3.0)),
            ("another is listed", cached, page_of(listed()), (INDEX, 3.0)),
            ("from elsewhere", elsewhere, page_of(listed()), (OTHER, 3.0)),
            (
                *("from elsewhere, the same", elsewhere),
                *(page_of(listed(ONE, OURS)), (INDEX, AT)),
            ),
        ]:
            found = upload_of(DEMO, ONE, here, page)
            if expected is None:
                self.assertIsNone(found, case)
                continue
            sha256, origin, at = (OURS, *expected)[-3:]
            said = upload(at, sha256=sha256, origin=origin)
            self.assertEqual(said, found, case)

    def test_all(self) -> None:
        """
        Those that are listed, and those that are here alone.
        """
        page = page_of(listed(ONE), listed(TWO))
        here = [
            held("demo-3.0.zip", origin=INDEX),
            held(TWO),
            held("demo-4.0.zip"),
        ]
        found = [u.filename for u in uploads_of(DEMO, page, here)]
        self.assertEqual([ONE, "demo-3.0.zip"], found)
        found = [u.filename for u in uploads_of(DEMO, None, here)]
        self.assertEqual(["demo-3.0.zip"], found)
