"""
Tests for :mod:`proxypypi.rules.marks`.
"""

from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import NO_MARKS, Distribution, Marks, ProjectPage
from proxypypi.names import normalize
from proxypypi.rules.marks import mark

DEMO = normalize("demo")
SDIST, WHEEL = "demo-1.0.tar.gz", "demo-1.0.0-py3-none-any.whl"
SECOND, ODD = "demo-2.0.tar.gz", "demo-never.zip"


def page_of(**said: object) -> ProjectPage:
    names = (SDIST, WHEEL, SECOND, ODD)
    distributions = tuple(Distribution(filename=f, url=f, **said) for f in names)  # type: ignore[arg-type]
    return ProjectPage(name=DEMO, distributions=distributions)


class YankTests(SynchronousTestCase):
    def check(self, marks: Marks, *expected: str | bool, **said: object) -> None:
        page = mark(page_of(**said), marks)
        self.assertEqual(expected, tuple(d.yanked for d in page.distributions), marks)

    def test_nothing(self) -> None:
        """
        A page of which nothing is said stays the very same.
        """
        page = page_of()
        self.assertIs(page, mark(page, NO_MARKS))

    def test_versions_and_files(self) -> None:
        """
        A version is yanked however it is spelt; a file's own reason wins.
        """
        broken = Marks(versions={"1": "broken"})
        self.check(broken, "broken", "broken", False, False)
        both = Marks(versions={"1": "broken"}, files={WHEEL: "", ODD: "odd"})
        self.check(both, "broken", "", False, "odd")
        self.check(Marks(versions={"never": ""}), False, False, False, "")

    def test_everything(self) -> None:
        """
        All that is there may be yanked at once.
        """
        marks = Marks(files={ODD: "odd"}, everything="damaged")
        self.check(marks, "damaged", "damaged", "damaged", "odd")

    def test_on_top(self) -> None:
        """
        What an index yanked, too, has our reason, if we give one.
        """
        marks = Marks(files={SDIST: "ours", WHEEL: ""})
        self.check(marks, "ours", "theirs", "theirs", "theirs", yanked="theirs")


class StatusTests(SynchronousTestCase):
    def test_status(self) -> None:
        """
        Ours is said in place of the index's, but for a quarantine.
        """
        for theirs, ours, expected in [
            (None, None, (None, None)),
            ("deprecated", None, ("deprecated", "theirs")),
            (None, "archived", ("archived", "ours")),
            ("deprecated", "archived", ("archived", "ours")),
            ("deprecated", "quarantined", ("quarantined", "ours")),
            ("quarantined", "archived", ("quarantined", "theirs")),
        ]:
            page = ProjectPage(name=DEMO, status=theirs, status_reason="theirs")
            page = mark(page, Marks(status=ours, status_reason="ours"))
            found = (page.status, page.status and page.status_reason)
            self.assertEqual(expected, found, (theirs, ours))
