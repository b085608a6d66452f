"""
Tests for :mod:`proxypypi.rules.soundness`.
"""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import Distribution, FileFacts, Grade, LocalFile, ProjectPage
from proxypypi.names import normalize
from proxypypi.rules.soundness import (
    SOUND,
    Content,
    State,
    Verdict,
    can_be_fetched_again,
    compare,
    judge,
    unreadable,
)

INDEX = "https://index.example/simple/"
NAME = "demo-1.0.tar.gz"
A, B, C = "5f" * 32, "af" * 32, "cc" * 32

FILE = LocalFile(
    filename=NAME, path=f"/{NAME}", size=7, modified_at=11, inode=13, changed_at=17
)
PRIVATE = FileFacts(
    size=7, modified_at=11, inode=13, changed_at=17, hashes={"sha256": A}, seen_at=5.0
)
CACHED = evolve(PRIVATE, origin=INDEX)


def listed(sha256: str = A, **more: Any) -> Distribution:
    return Distribution(filename=NAME, url="u", hashes={"sha256": sha256}, **more)


def copied(facts: FileFacts) -> FileFacts:
    return evolve(facts, inode=1, changed_at=2)


def older(facts: FileFacts, size: int = 7) -> FileFacts:
    return evolve(facts, modified_at=3, size=size)


class CompareTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        A file is compared with what its index lists, and then with what is on record.
        """
        long = listed(B, size=8)
        cases: list[
            tuple[str, str, FileFacts | None, Distribution | None, State]
        ] = [
            ("listed", A, None, listed(A), State.LISTED),
            ("listed, and on record", A, CACHED, listed(A), State.LISTED),
            ("listed, whatever is on record", B, CACHED, listed(B), State.LISTED),
            ("cached, listed no longer", A, CACHED, None, State.KNOWN),
            ("private", A, PRIVATE, None, State.KNOWN),
            ("copied elsewhere", A, copied(CACHED), None, State.KNOWN),
            ("not read yet", A, None, None, State.NEW),
            ("no digest to compare", A, None, Distribution(filename=NAME, url="u"),
             State.NEW),
            ("another is listed by now", A, CACHED, listed(B), State.OUTDATED),
            ("another is hidden", A, PRIVATE, long, State.CLASHING),
            ("another is hidden, not read yet", A, None, long, State.CLASHING),
            ("of the same length", A, PRIVATE, listed(B, size=7), State.SUSPICIOUS),
            ("the same, not read yet", A, None, listed(B, size=7), State.SUSPICIOUS),
            ("rot", B, CACHED, listed(A), State.DAMAGED),
            ("rot, listed no longer", B, CACHED, None, State.DAMAGED),
            ("rot of a private one", B, PRIVATE, None, State.DAMAGED),
            ("rot of a copy", B, copied(PRIVATE), None, State.DAMAGED),
            ("written into", B, older(CACHED), listed(A), State.SUSPICIOUS),
            ("cut", B, evolve(CACHED, size=9), listed(A), State.DAMAGED),
            ("put in its place", B, older(CACHED, 9), listed(A), State.REPLACED),
            ("a private one built anew", B, older(PRIVATE), None, State.NEW),
            ("and larger", B, older(PRIVATE, 9), None, State.NEW),
        ]  # fmt: skip
        for case, found, facts, entry, expected in cases:
            state = compare(FILE, {"sha256": found}, facts, entry)
            self.assertIs(expected, state, case)

    def test_weaker_digests(self) -> None:
        """
        The digest that the index has is what counts.
        """
        entry = Distribution(filename=NAME, url="u", hashes={"md5": "5f" * 16})
        for md5, expected in (("5f", State.LISTED), ("af", State.NEW)):
            found = {"sha256": A, "md5": md5 * 16}
            state = compare(evolve(FILE, size=5), found, None, entry)
            self.assertEqual(expected is State.LISTED, state is State.LISTED)


class JudgeTests(SynchronousTestCase):
    def judge(
        self,
        found: str,
        facts: FileFacts | None,
        entry: Distribution | None = None,
        **inside: str,
    ) -> Verdict:
        content = Content(hashes={"sha256": found}, **inside)
        return judge(normalize("demo"), FILE, content, facts, entry, INDEX)

    def test_sound(self) -> None:
        """
        What is as listed, or as it was, is sound; so is what nobody has read yet.
        """
        for facts, entry in ((None, listed(A)), (CACHED, None), (PRIVATE, None)):
            self.assertIs(SOUND, self.judge(A, facts, entry))
        self.assertIs(SOUND, self.judge(A, None))

    def test_spoilt(self) -> None:
        """
        A cached file whose bytes have changed by themselves is spoilt, be it cut short
        or not; a private one is damaged, and nothing more.
        """
        for facts in (CACHED, evolve(CACHED, size=9)):
            verdict = self.judge(B, facts)
            self.assertEqual((Grade.ERROR, True), (verdict.grade, verdict.spoilt))
            self.assertIn(f"when it came from {INDEX}", verdict.what)
        verdict = self.judge(B, PRIVATE)
        self.assertEqual((Grade.ERROR, False), (verdict.grade, verdict.spoilt))
        self.assertIn("when it was put here", verdict.what)

    def test_put_in_place(self) -> None:
        """
        What somebody may have put in place of a cached file is never taken for spoilt,
        whatever it is; it is said what to do if nobody did.
        """
        for facts, broken in (
            (older(CACHED), ""),
            (older(CACHED, 9), ""),
            (older(CACHED, 9), "no zip"),
        ):
            verdict = self.judge(B, facts, listed(A), broken=broken)
            self.assertFalse(verdict.spoilt)
            self.assertIn(f"proxypypi remove demo {NAME}", verdict.advice)

    def test_broken(self) -> None:
        """
        What cannot be unpacked is of no use to anybody, unless its index has it so.
        """
        for facts in (None, PRIVATE, CACHED):
            verdict = self.judge(A, facts, broken="no zip")
            self.assertEqual((Grade.ERROR, False), (verdict.grade, verdict.spoilt))
            self.assertIn("no zip", verdict.what)
        self.assertIs(SOUND, self.judge(A, CACHED, listed(A), broken="no zip"))

    def test_odd(self) -> None:
        """
        What could not be uploaded is worth knowing of a private file.
        """
        verdict = self.judge(A, PRIVATE, odd="it has no PKG-INFO")
        self.assertEqual(Grade.WARNING, verdict.grade)
        self.assertEqual("it has no PKG-INFO", verdict.what)
        self.assertIs(SOUND, self.judge(A, CACHED, odd="it has no PKG-INFO"))

    def test_others(self) -> None:
        """
        That there is another file of its name is worth knowing, and an error only if it
        may be the same one, damaged before anybody knew it.
        """
        for facts, entry, grade, word in (
            (CACHED, listed(B), Grade.WARNING, "lists another file of this name"),
            (PRIVATE, listed(B), Grade.WARNING, "hides another"),
            (PRIVATE, listed(B, size=7), Grade.ERROR, "though as long"),
            (older(evolve(CACHED, hashes={"sha256": C}), 9), None, Grade.WARNING,
             "took the place of a cached file"),
        ):  # fmt: skip
            verdict = self.judge(A, facts, entry)
            self.assertEqual((grade, False), (verdict.grade, verdict.spoilt), word)
            self.assertIn(word, verdict.what)

    def test_unreadable(self) -> None:
        """
        A file that the disk does not give is an error, with the reason.
        """
        verdict = unreadable("Input/output error")
        self.assertEqual(Grade.ERROR, verdict.grade)
        self.assertEqual("it cannot be read: Input/output error", verdict.what)


class FetchedAgainTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        Only what the index lists, and is the very file, can be had again.
        """

        def page(*entries: Distribution, **more: Any) -> ProjectPage:
            return ProjectPage(
                name=normalize("demo"), index=INDEX, distributions=entries, **more
            )

        missed = evolve(CACHED, missed_at=1.0)
        its, others = {INDEX, "https://x.example/"}, {"https://x.example/"}
        secret = page(listed(A), status="quarantined")
        cases: list[
            tuple[str, FileFacts | None, ProjectPage | None, set[str], bool]
        ] = [
            ("listed", CACHED, page(listed(A)), its, True),
            ("listed, and not on record", None, page(listed(A)), its, True),
            ("no page", CACHED, None, its, False),
            ("not listed", CACHED, page(), its, False),
            ("another is listed", CACHED, page(listed(B)), its, False),
            ("missed", missed, page(listed(A)), its, False),
            ("nobody is asked", CACHED, page(listed(A)), set(), False),
            ("others are asked", CACHED, page(listed(A)), others, False),
            ("quarantined", CACHED, secret, its, False),
        ]
        for case, facts, its_page, asked, expected in cases:
            can = can_be_fetched_again(NAME, facts, its_page, asked)
            self.assertIs(expected, can, case)
