"""
A proxy that holds back what is younger than a week, and a project to try that with.
"""

from typing import Any

from proxypypi.names import normalize
from proxypypi.rules.merge import iso
from proxypypi.store.releases import add_release
from tests.distributions import BuiltDistribution, make_sdist, make_wheel
from tests.proxy_case import ProxyTestCase

DAY = 86_400.0
WEEK = 7 * DAY
LONG = 1e8  # seconds: no page is asked for anew


class CooldownTestCase(ProxyTestCase):
    """
    Of demo, 1.0 is old. Of 2.0, the wheel is six days old, and the sdist five.

    :ivar free_at: the moments at which these two are old enough.
    """

    def setUp(self) -> None:
        super().setUp()
        self.old, self.wheel = make_wheel("demo"), make_wheel("demo", "2.0")
        self.sdist = make_sdist("demo", "2.0")
        self.index.add(self.old)
        self.free_at = tuple(
            self.add(built, age * DAY) + WEEK
            for built, age in ((self.wheel, 6), (self.sdist, 5))
        )
        self.restart()

    def restart(self, **more: Any) -> None:
        """
        :param more: settings.
        """
        self.start_proxy(**{"min_age": WEEK, "index_ttl": LONG, **more})

    def add(self, built: BuiltDistribution, age: float, **more: Any) -> float:
        """
        Have the index offer a file.

        :param age: seconds.
        :returns: when it was uploaded, as exactly as it says.
        """
        at = round(self.clock.seconds() - age, 6)
        self.index.add(built, upload_time=iso(at), **more)
        return at

    def be_at(self, moment: float) -> None:
        """
        Go on to a time that is to come.
        """
        self.advance(moment - self.clock.seconds())

    def release(self, built: BuiltDistribution) -> None:
        """
        As ``proxypypi release`` does.
        """
        decisions = self.directory / ".proxypypi" / "decisions"
        name = normalize(built.project)
        add_release(decisions, name, built.filename, built.sha256, self.clock.seconds())

    def listed(self, route: str = "simple", name: str = "demo") -> list[str]:
        return sorted(self.files(name, route))

    def code(self, built: BuiltDistribution, more: str = "") -> int | None:
        return self.get(f"/files/{built.project}/{built.filename}{more}").code
