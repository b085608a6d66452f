"""
Tests for :mod:`proxypypi.doctor.examination`.
"""

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred, succeed
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.config import Configuration, configure
from proxypypi.doctor.examination import examine
from proxypypi.model import Finding, Grade
from proxypypi.names import NormalizedName, normalize
from proxypypi.settings import UpstreamSettings
from proxypypi.store.claims import ClaimStore

MODULE = sys.modules["proxypypi.doctor.examination"]


@define
class Silent:
    """
    An index that never answers.
    """

    settings: UpstreamSettings
    reactor: Any
    environment: Any
    is_secret: Callable[[NormalizedName], bool]

    @property
    def subject(self) -> str:
        return f"upstream {self.settings.name}"

    async def examine(self) -> list[Finding]:
        never: Deferred[list[Finding]] = Deferred()
        return await never


class ExaminationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.root.mkdir()
        self.reactor = MemoryReactorClock()
        self.reactor.advance(time.time())
        self.patch(MODULE, "in_own_thread", lambda _, work: succeed(work()))
        self.patch(MODULE, "Checkup", Silent)

    def configure(self, **given: str) -> Configuration:
        said = {name.replace("_", "-"): [value] for name, value in given.items()}
        return configure({"dir": [str(self.root)], **said}, {}, self.root)

    def examine(self, **given: str) -> "Deferred[list[Finding]]":
        work = examine(self.configure(**given), self.reactor, {})
        return Deferred.fromCoroutine(work)

    def test_order(self) -> None:
        """
        Options, directory, addresses and upstreams are told in this order.
        """
        found = self.successResultOf(self.examine(no_proxy="true"))
        subjects = [each.subject for each in found]
        self.assertEqual(["options", "upstreams", "directory"], subjects[:3])
        self.assertEqual("tcp:8000:interface=127.0.0.1", subjects[-1])

    def test_silent_index(self) -> None:
        """
        An index that does not answer keeps nobody for more than a minute.
        """
        examining = self.examine(index_url="http://index.example/simple/")
        self.reactor.advance(59.0)
        self.assertNoResult(examining)
        self.reactor.advance(1.0)
        last = self.successResultOf(examining)[-1]
        self.assertEqual(
            (Grade.ERROR, "upstream index.example", "nothing is known after 60 s"),
            (last.grade, last.subject, last.what),
        )

    def test_secret(self) -> None:
        """
        No index hears of a project that is private, refused or claimed, or may be.
        """
        made: list[Silent] = []

        def make(*arguments: Any) -> Silent:
            made.append(Silent(*arguments))
            return made[-1]

        self.patch(MODULE, "Checkup", make)
        ClaimStore.of(self.root).claim(normalize("ours"), 1.0, "")
        url = "http://index.example/simple/"
        self.examine(index_url=url, private="acme-*", deny="evil")
        [checkup] = made
        names = [normalize(name) for name in ("acme-a", "evil", "ours", "six")]
        told = [name for name in names if not checkup.is_secret(name)]
        self.assertEqual(["six"], told)
        claims = self.root / ".proxypypi" / "decisions" / "claims"
        shutil.rmtree(claims)
        claims.symlink_to(claims)
        self.assertTrue(checkup.is_secret(names[-1]))

    def test_silent_disk(self) -> None:
        """
        Nor does a disk, for more than 20 seconds.
        """
        never: Deferred[Any] = Deferred()
        self.patch(MODULE, "in_own_thread", lambda _, work: never)
        examining = self.examine(no_proxy="true")
        self.reactor.advance(20.0)
        found = {each.subject: each for each in self.successResultOf(examining)}
        self.assertEqual("nothing is known after 20 s", found["directory"].what)

    def test_users(self) -> None:
        """
        Files of users are told with how many there are, and warnings of a start.
        """
        users = self.root / "users"
        users.write_text("ann:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")
        found = self.successResultOf(
            self.examine(no_proxy="true", read_auth=f"htpasswd:{users}")
        )
        (count,) = (each for each in found if each.subject == "--read-auth")
        self.assertEqual(f"{users} has the passwords of 1", count.what)
        (warning,) = (each for each in found if each.grade is Grade.WARNING)
        self.assertIn("SHA-1", warning.what)
