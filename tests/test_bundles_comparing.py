"""
Tests for :mod:`proxypypi.bundles.comparing`.
"""

from pathlib import Path

from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.bundles import comparing
from proxypypi.bundles.comparing import Verdict, compare
from proxypypi.bundles.knowledge import Knowledge
from proxypypi.cache.facts import make_facts
from proxypypi.store.archives import look_inside, sha256_of
from proxypypi.store.directory import look
from proxypypi.store.facts import FactsStore
from tests.bundle_case import DEMO, contents_of, member, packed
from tests.distributions import make_sdist, make_wheel

WHEEL, SDIST = make_wheel("demo"), make_sdist("demo")


class CompareTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        (self.root / "demo").mkdir(parents=True)
        self.read: list[str] = []
        self.patch(comparing, "sha256_of", self.note)
        contents = contents_of(packed(WHEEL, SDIST))
        self.members = [member(*each) for each in contents.items()]

    def note(self, path: str) -> str:
        self.read.append(path)
        return sha256_of(path)

    def verdicts(self) -> list[tuple[Verdict, bool]]:
        """
        On the wheel and on the sdist, and whether they were known.
        """
        found = compare(self.root, self.members, Knowledge(self.root))
        self.assertEqual(2, len(found))
        return [(each.verdict, each.known) for each in found.values()]

    def remember(self) -> None:
        file = look(self.root, DEMO)[WHEEL.filename]
        digest = sha256_of(file.path)
        findings = look_inside(file.path, WHEEL.filename, {"sha256": digest})
        facts = make_facts(file, findings, 1.0, None)
        store = FactsStore(self.root / ".proxypypi" / "cache", self.root, maybeDeferred)
        store.change_facts(DEMO, lambda _: {WHEEL.filename: facts})

    def test_nothing(self) -> None:
        """
        What is not here is new.
        """
        self.assertEqual([(Verdict.NEW, True)] * 2, self.verdicts())

    def test_unknown(self) -> None:
        """
        What is here and was never looked at is read, wherever of the project it lies,
        unless its size tells enough.
        """
        (self.root / WHEEL.filename).write_bytes(WHEEL.content)
        (self.root / "demo" / SDIST.filename).write_bytes(b"another")
        expected = [(Verdict.HERE, False), (Verdict.OTHER, False)]
        self.assertEqual(expected, self.verdicts())
        self.assertEqual([str(self.root / WHEEL.filename)], self.read)

    def test_known(self) -> None:
        """
        What is known is not read again, be it the same or not; of a file that took its
        place nothing is known.
        """
        path = self.root / "demo" / WHEEL.filename
        for content, verdict in (
            (WHEEL.content, Verdict.HERE),
            (WHEEL.content[::-1], Verdict.OTHER),
        ):
            path.unlink(missing_ok=True)
            path.write_bytes(content)
            self.assertEqual((verdict, False), self.verdicts()[0])
            self.remember()
            self.read.clear()
            self.assertEqual((verdict, True), self.verdicts()[0])
            self.assertEqual([], self.read)
