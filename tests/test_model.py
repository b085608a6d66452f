"""
Tests for :mod:`proxypypi.model`.
"""

from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import Distribution, FileFacts, LocalFile, ProjectPage, User
from proxypypi.names import normalize

FILE = LocalFile(
    filename="demo-1.zip",
    path="/srv/cache/demo-1.zip",
    size=7,
    modified_at=11,
    inode=13,
    changed_at=17,
)
FACTS = FileFacts(
    size=7,
    modified_at=11,
    inode=13,
    changed_at=17,
    hashes={"sha256": "5f"},
    seen_at=1.0,
)


class DistributionTests(SynchronousTestCase):
    def test_uploaded_at(self) -> None:
        """
        Upload times as indexes write them; of what no date can be, nothing is known.
        """
        for written, expected in [
            ("2026-01-02T03:04:05Z", 1_767_323_045.0),
            ("2026-01-02T03:04:05.500000Z", 1_767_323_045.5),
            ("2026-01-02T03:04:05.5Z", 1_767_323_045.5),
            ("2026-01-02T04:04:05+01:00", 1_767_323_045.0),
            ("9999-12-31T23:59:59Z", 253_402_300_799.0),
            ("9999-12-31T23:59:59.500000Z", None),
            ("1960-01-01T00:00:00Z", None),
            ("yesterday", None),
            ("", None),
            (None, None),
        ]:
            file = Distribution(filename="a.zip", url="a.zip", upload_time=written)
            self.assertEqual(expected, file.uploaded_at, written)

    def test_frozen(self) -> None:
        """
        What was said of a file stays so, its digests included, whatever becomes of the
        mappings it was made from.
        """
        given = {"sha256": "5f"}
        demo = Distribution(
            filename="demo-1.zip", url="", hashes=given, core_metadata=given
        )
        given["md5"] = "0"
        self.assertEqual({"sha256": "5f"}, demo.hashes)
        self.assertEqual({"sha256": "5f"}, demo.core_metadata)
        for mapping in (demo.hashes, demo.core_metadata):
            with self.assertRaises(TypeError):
                mapping["md5"] = "0"  # type: ignore[index]
        with self.assertRaises(FrozenInstanceError):
            demo.size = 1  # type: ignore[misc]

    def test_metadata_without_digest(self) -> None:
        """
        That there are core metadata, or none, or that nobody says, are three things.
        """
        for value in (True, False, None):
            demo = Distribution(filename="demo-1.zip", url="", core_metadata=value)
            self.assertIs(value, demo.core_metadata)


class ProjectPageTests(SynchronousTestCase):
    def test_by_filename(self) -> None:
        """
        A file is found by its name; a page made from another has its own.
        """
        one = Distribution(filename="demo-1.zip", url="")
        two = Distribution(filename="demo-2.zip", url="")
        page = ProjectPage(name=normalize("demo"), distributions=(one, two))
        self.assertEqual({"demo-1.zip": one, "demo-2.zip": two}, page.by_filename)
        self.assertIs(page.by_filename, page.by_filename)
        fewer = evolve(page, distributions=(two,))
        self.assertEqual({"demo-2.zip": two}, fewer.by_filename)


class FileFactsTests(SynchronousTestCase):
    def test_describe(self) -> None:
        """
        Facts are of a file only while size, times and inode are the same.
        """
        cases = [
            (FILE, True),
            (evolve(FILE, path="/srv/cache/demo/demo-1.zip"), True),
            (evolve(FILE, size=8), False),
            (evolve(FILE, modified_at=12), False),
            (evolve(FILE, inode=14), False),
            (evolve(FILE, changed_at=18), False),
        ]
        for file, expected in cases:
            self.assertIs(expected, FACTS.describe(file), file)

    def test_read_only(self) -> None:
        """
        Digests cannot be changed from outside.
        """
        given = {"sha256": "5f"}
        facts = evolve(FACTS, hashes=given)
        given.clear()
        self.assertEqual({"sha256": "5f"}, facts.hashes)
        with self.assertRaises(TypeError):
            facts.hashes["md5"] = "0"  # type: ignore[index]

    def test_made_from_another(self) -> None:
        """
        What differs in its address only has the very same digests, not a copy of them.
        """
        hashes, metadata = {"sha256": "5f"}, {"sha256": "60"}
        before = Distribution(
            filename="a.whl", url="a", hashes=hashes, core_metadata=metadata
        )
        after = evolve(before, url="b")
        self.assertIs(before.hashes, after.hashes)
        self.assertIs(before.core_metadata, after.core_metadata)


class UserTests(SynchronousTestCase):
    def deputy(self, user: User, *projects: str) -> User:
        return User(may_upload=True, projects=projects, on_behalf_of=user)

    def test_may_publish(self) -> None:
        """
        Without globs what no upstream has; with them what they name, whoever has it.
        """
        demo = normalize("demo")
        for user, upstream_has, expected in (
            (User(may_upload=True), False, True),
            (User(may_upload=True), True, False),
            (User(may_upload=True, projects=("de*",)), True, True),
            (User(may_upload=True, projects=("de*",)), False, True),
            (User(may_upload=True, projects=("other",)), False, False),
            (User(projects=("de*",)), False, False),
            (User(), False, False),
            (self.deputy(User(may_upload=True)), False, True),
            (self.deputy(User(may_upload=True), "de*"), True, False),
            (self.deputy(User(may_upload=True, projects=("d*",)), "de*"), True, True),
            (self.deputy(User(may_upload=True, projects=("d*",))), True, False),
            (self.deputy(User()), False, False),
        ):
            may = user.may_publish(demo, upstream_has=upstream_has)
            self.assertIs(expected, may, (user, upstream_has))
