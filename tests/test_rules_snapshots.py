"""
Tests for :mod:`proxypypi.rules.snapshots`.
"""

from math import inf
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import BadMoment
from proxypypi.model import Distribution, FileFacts, LocalFile, ProjectPage
from proxypypi.names import normalize
from proxypypi.rules.merge import Held, iso, merge
from proxypypi.rules.snapshots import Moment, cut, parse_when

DEMO = normalize("demo")
INDEX = "https://index.example/simple/"
NOW = 1_700_000_000.0


def page_of(*times: float | None) -> ProjectPage:
    return ProjectPage(
        name=DEMO,
        index=INDEX,
        distributions=tuple(
            Distribution(
                filename=f"demo-{number}.zip",
                url="x",
                upload_time=None if time is None else iso(time),
            )
            for number, time in enumerate(times)
        ),
    )


def held(number: int, time: float | None, *, cached: bool) -> Held:
    """
    :param time: at which it was uploaded, or came here.
    """
    moments: dict[str, Any] = {
        "size": 7,
        "modified_at": 11,
        "inode": 13,
        "changed_at": 17,
    }
    facts = FileFacts(
        hashes={"sha256": "5f"},
        seen_at=5.0 if cached or time is None else time,
        uploaded_at=time if cached else None,
        origin=INDEX if cached else None,
        **moments,
    )
    name = f"demo-9.{number}.zip"
    return Held(file=LocalFile(filename=name, path=name, **moments), facts=facts)


class MomentTests(SynchronousTestCase):
    def test_good(self) -> None:
        """
        Days, which are meant to their very end, times, and ages, in all their forms.
        """
        for text, expected in [
            ("1970-01-02T00:00:00Z", 86_400.0),
            ("1970-01-01t00:00:00.25z", 0.25),
            ("1970-01-01T01:00:00+01:00", 0.0),
            ("2999-01-01T00:00:00-00:30", 32_472_145_800.0),
            ("7d", NOW - 7 * 86_400),
            ("12h", NOW - 43_200),
            ("1.5m", NOW - 90),
            ("30s", NOW - 30),
            ("100000d", NOW - 8_640_000_000),
        ]:
            self.assertEqual(expected, parse_when(text).at(NOW), text)
        for day, midnight in [
            ("1970-01-01", 86_400.0),
            ("2024-02-29", 1_709_251_200.0),
            ("9999-12-31", 253_402_300_800.0),
        ]:
            at = parse_when(day).at(NOW)
            self.assertLess(at, midnight)
            self.assertGreater(at, midnight - 0.0001)

    def test_bad(self) -> None:
        """
        What is none is shown, and what would be one is.
        """
        for text in [
            *("", "now", "7", "600", "7w", "7D", "-7d", "d", "inf", "nan", "1e3"),
            *("2026-02-30", "2026-13-01", "2026-1-1", "20260101", "2026-01", "\u0667d"),
            *(
                "2026-01-01T00:00:00",
                "2026-01-01T24:00:00Z",
                "2026-W01-1",
                "0000-01-01",
            ),
            "9999999999d",
            "x" * 100,
        ]:
            with self.assertRaises(BadMoment, msg=text) as raised:
                parse_when(text)
            said = str(raised.exception)
            self.assertIn("is no moment: say a day as 2026-11-01, a time as", said)
            self.assertLess(len(said), 150)

    def test_comes_to(self) -> None:
        """
        A fixed moment stays where it is; an age goes on with time.
        """
        self.assertEqual(inf, Moment(NOW).comes_to(NOW + 5))
        self.assertEqual(NOW + 12, Moment(7.0, before_now=True).comes_to(NOW + 5))


class CutTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        The upload before, that of that very moment included, and the one after.
        """
        page = page_of(30.0, None, 10.0, 20.0)
        here = [held(1, 15.0, cached=True), held(2, 25.0, cached=False)]
        unknown = [held(3, None, cached=True)]
        for case, at, upstream, files, expected in [
            ("before all", 5.0, page, (), (-inf, 10.0)),
            ("that of one", 10.0, page, (), (10.0, 20.0)),
            ("between", 19.0, page, (), (10.0, 20.0)),
            ("after all", 99.0, page, (), (30.0, inf)),
            ("here", 19.0, page, here, (15.0, 20.0)),
            ("private", 26.0, page, here, (25.0, 30.0)),
            ("here alone", 20.0, None, here, (15.0, 25.0)),
            ("nobody knows", 20.0, None, unknown, (-inf, inf)),
            ("nothing", 20.0, None, (), (-inf, inf)),
        ]:
            self.assertEqual(expected, cut(at, upstream, files), case)

    times = st.lists(st.none() | st.integers(0, 50).map(float), max_size=6)

    @given(times, times, times, st.floats(0, 60))
    def test_means_the_same(
        self,
        listed: list[float | None],
        cached: list[float | None],
        private: list[float | None],
        at: float,
    ) -> None:
        """
        A page as of the cut is the page as of the moment, and of all between its ends;
        it has exactly what was there.
        """
        page = page_of(*listed)
        files = [held(n, time, cached=True) for n, time in enumerate(cached)]
        came = [time for time in private if time is not None]
        files += [held(100 + n, time, cached=False) for n, time in enumerate(came)]
        last, following = cut(at, page, files)

        def there(moment: float) -> list[str]:
            shown = merge(DEMO, page, files, as_of=moment).page
            return [d.filename for d in shown.distributions]

        expected = there(at)
        self.assertEqual(expected, there(last))
        if following < inf:
            self.assertEqual(expected, there((at + following) / 2))
            self.assertNotEqual(expected, there(following))
        every = [*listed, *cached, *came]
        self.assertEqual(
            sum(time is not None and time <= at for time in every), len(expected)
        )
