"""
Tests for :mod:`proxypypi.rules.merge`.
"""

from collections.abc import Mapping
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.model import (
    Distribution,
    FileFacts,
    HeldBack,
    LocalFile,
    Marks,
    ProjectPage,
)
from proxypypi.names import normalize
from proxypypi.rules.merge import (
    REMOVED,
    Held,
    Listing,
    is_private,
    is_quarantined,
    iso,
    merge,
)

DEMO = normalize("demo")
INDEX = "https://index.example/simple/"
ONE, TWO = "demo-1.0.tar.gz", "demo-2.0-py3-none-any.whl"
OURS, THEIRS = "5f" * 32, "af" * 32
SEEN_AT = 1_700_000_000.25
SEEN = "2023-11-14T22:13:20.250000Z"


def held(filename: str = ONE, *, cached: bool = False, **known: Any) -> Held:
    """
    A private file, unless it is said to be cached, or *known* says its origin.
    """
    if cached:
        known["origin"] = INDEX
    facts: dict[str, Any] = {"hashes": {"sha256": OURS}, "seen_at": SEEN_AT}
    return Held(
        file=LocalFile(
            filename=filename,
            path=f"/srv/cache/{filename}",
            size=7,
            modified_at=11,
            inode=13,
            changed_at=17,
        ),
        facts=FileFacts(
            size=7, modified_at=11, inode=13, changed_at=17, **{**facts, **known}
        ),
    )


def listed(filename: str = ONE, **said: Any) -> Distribution:
    """
    A file of which upstream says all it can.
    """
    full: dict[str, Any] = {
        "url": f"https://files.example/packages/{filename}",
        "hashes": {"sha256": THEIRS},
        "requires_python": ">=3.8",
        "size": 1000,
        "upload_time": "2026-01-02T03:04:05Z",
        "yanked": "broken",
        "core_metadata": {"sha256": "0" * 64},
        "provenance": "https://index.example/integrity/demo",
        "gpg_sig": True,
    }
    return Distribution(filename=filename, **{**full, **said})


def page_of(*distributions: Distribution, **said: Any) -> ProjectPage:
    page = ProjectPage(name=DEMO, index=INDEX, distributions=distributions)
    return evolve(page, **said)


def merged(
    upstream: ProjectPage | None, *here: Held, **options: Any
) -> Mapping[str, Distribution]:
    return merge(DEMO, upstream, here, **options).page.by_filename


class IsPrivateTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        Private is what came from no index, and what none lists with that digest.
        """
        ours, md5 = {"sha256": OURS}, {"md5": "0"}
        cases: list[tuple[str, bool, ProjectPage | None, bool]] = [
            ("no upstream", False, None, True),
            ("not listed", False, page_of(listed(TWO, hashes=ours)), True),
            ("other digest", False, page_of(listed()), True),
            ("same digest", False, page_of(listed(hashes=ours)), False),
            ("listed without digest", False, page_of(listed(hashes={})), True),
            ("no digest in common", False, page_of(listed(hashes=md5)), True),
            ("cached", True, page_of(listed(hashes=ours)), False),
            ("cached, removed", True, page_of(), False),
            ("cached, other digest", True, page_of(listed()), False),
            ("cached, no upstream", True, None, False),
        ]
        for case, cached, upstream, expected in cases:
            facts = held(cached=cached).facts
            self.assertIs(expected, is_private(facts, upstream, ONE), case)


class IsQuarantinedTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        Only that status means it.
        """
        for status in (None, "active", "archived", "deprecated", "quarantined"):
            expected = status == "quarantined"
            self.assertIs(expected, is_quarantined(page_of(status=status)), status)
        self.assertFalse(is_quarantined(None))


class HeldBackTests(SynchronousTestCase):
    """
    Files that are too young.
    """

    def merge(self, *here: Held, **options: Any) -> Listing:
        page = page_of(listed(), listed(TWO), versions=("0.5", "1.0", "2"))
        options = {"held_back": {TWO: 9.0, "demo-3.0.zip": 7.0}, **options}
        return merge(DEMO, page, here, **options)

    def test_counted(self) -> None:
        """
        They are counted, not listed, and so are those that are here; a version of which
        only such files are known is none.
        """
        for here, files, until in [
            ((), 1, 9.0),
            ((held(TWO, cached=True),), 1, 9.0),
            ((held("demo-3.0.zip", cached=True),), 2, 7.0),
        ]:
            page = self.merge(*here).page
            self.assertEqual([ONE], [d.filename for d in page.distributions])
            self.assertEqual(("0.5", "1.0"), page.versions)
            self.assertEqual(HeldBack(files=files, until=until), page.held_back)

    def test_not_counted(self) -> None:
        """
        What would not be listed anyway is not.
        """
        cases: list[tuple[str, tuple[Held, ...], dict[str, Any]]] = [
            ("not here", (held(cached=True),), {"only_held": True}),
            ("withheld", (evolve(held(TWO, cached=True), withheld=True),), {}),
            ("quarantined", (), {"marks": Marks(status="quarantined")}),
        ]
        for case, here, options in cases:
            self.assertIsNone(self.merge(*here, **options).page.held_back, case)

    def test_version_with_others(self) -> None:
        """
        A version stays, as its index spells it, while one of its files is listed.
        """
        page = page_of(listed(TWO), listed("demo-2.0.zip"), versions=("2",))
        got = merge(DEMO, page, (), held_back={TWO: 9.0}).page
        self.assertEqual(("2",), got.versions)


class PrivateTests(SynchronousTestCase):
    """
    Files that people put here.
    """

    def test_facts(self) -> None:
        """
        A private file has what is known of its content; its upload time is when it was
        first seen.
        """
        metadata = "cf" * 32
        here = held(TWO, requires_python=">=3.9", metadata_sha256=metadata)
        expected = Distribution(
            filename=TWO,
            url=f"../../files/demo/{TWO}",
            hashes={"sha256": OURS},
            size=7,
            requires_python=">=3.9",
            upload_time=SEEN,
            core_metadata={"sha256": metadata},
        )
        for upstream in (None, page_of()):
            listing = merge(DEMO, upstream, [here])
            page = ProjectPage(name=DEMO, distributions=(expected,), versions=("2.0",))
            self.assertEqual(Listing(page=page, private=True), listing, upstream)

    def test_wins(self) -> None:
        """
        In a clash of names, nothing of what upstream says is believed of our file.
        """
        for theirs in ({"sha256": THEIRS}, {"md5": "0"}, {}):
            upstream = page_of(listed(hashes=theirs))
            self.assertEqual(merged(None, held()), merged(upstream, held()), theirs)
            self.assertTrue(merge(DEMO, upstream, [held()]).private, theirs)

    def test_beside_upstream(self) -> None:
        """
        Files of both are listed, upstream's untouched but for their address.
        """
        found = merged(page_of(listed(TWO)), held(ONE))
        self.assertEqual(
            {
                TWO: listed(TWO, url=f"../../files/demo/{TWO}"),
                ONE: merged(None, held(ONE))[ONE],
            },
            found,
        )

    def test_never_yanked(self) -> None:
        """
        What upstream never had was not removed from it.
        """
        self.assertIs(False, merged(page_of(), held())[ONE].yanked)

    def test_flag(self) -> None:
        """
        A page is private if a single file on it is.
        """
        upstream = page_of(listed(ONE), listed(TWO, hashes={"sha256": OURS}))
        cases = [
            ("nothing", [], False),
            ("cached", [held(ONE, cached=True)], False),
            ("removed upstream", [held("demo-3.0.zip", cached=True)], False),
            ("listed with that digest", [held(TWO)], False),
            ("private", [held("demo-3.0.zip")], True),
            ("both", [held(TWO), held("demo-3.0.zip")], True),
        ]
        for case, here, expected in cases:
            for only_held in (False, True):
                listing = merge(DEMO, upstream, here, only_held=only_held)
                self.assertIs(expected, listing.private, (case, only_held))


class CachedTests(SynchronousTestCase):
    """
    Files that came from upstream.
    """

    def test_attributes(self) -> None:
        """
        A file that is here and upstream's is described by upstream, with the size we
        know and the digest we computed.
        """
        theirs = {"sha256": OURS, "blake2b": "0"}
        for cached in (True, False):
            found = merged(page_of(listed(hashes=theirs)), held(cached=cached))
            expected = listed(url=f"../../files/demo/{ONE}", hashes=theirs, size=7)
            self.assertEqual({ONE: expected}, found, cached)

    def test_sha256_added(self) -> None:
        """
        Where upstream only has weak digests, ours is added.
        """
        here = held(hashes={"sha256": OURS, "md5": "0"}, cached=True)
        found = merged(page_of(listed(hashes={"md5": "0", "crc32": "1"})), here)[ONE]
        self.assertEqual({"sha256": OURS, "md5": "0", "crc32": "1"}, found.hashes)
        self.assertEqual("broken", found.yanked)

    def test_alarms(self) -> None:
        """
        What is not, or cannot be told to be, the file that the index lists is an alarm;
        a private file is not, nor one that came from this very index without a digest.
        """
        other, ours = "https://other.example/simple/", {"sha256": OURS}
        for here, hashes, sounds in (
            (held(origin=INDEX), ours, False),
            (held(origin=INDEX), {"sha256": THEIRS}, True),
            (held(origin=INDEX), {}, False),
            (held(origin=other), ours, False),
            (held(origin=other), {"sha256": THEIRS}, True),
            (held(origin=other), {}, True),
            (held(), {"sha256": THEIRS}, False),
        ):
            listing = merge(DEMO, page_of(listed(hashes=hashes)), [here])
            self.assertEqual(sounds, bool(listing.alarms), (here, hashes))
            entry = listing.page.by_filename[ONE]
            self.assertEqual(OURS, entry.hashes["sha256"])
            if sounds:
                self.assertIsNone(entry.provenance)

    def test_listed_without_digest(self) -> None:
        """
        If upstream gives no digest, the file fetched from it is its file nonetheless.
        """
        found = merged(page_of(listed(hashes={}, size=None)), held(cached=True))[ONE]
        expected = listed(
            url=f"../../files/demo/{ONE}", hashes={"sha256": OURS}, size=7
        )
        self.assertEqual(expected, found)

    def test_changed_upstream(self) -> None:
        """
        A cached file is not described as the other one that upstream has now.
        """
        for theirs in ({"sha256": THEIRS}, {"md5": "0"}):
            found = merged(page_of(listed(hashes=theirs)), held(cached=True))[ONE]
            expected = Distribution(
                filename=ONE,
                url=f"../../files/demo/{ONE}",
                hashes={"sha256": OURS},
                size=7,
            )
            self.assertEqual(expected, found, theirs)

    def test_metadata(self) -> None:
        """
        The digest of the core metadata in the file counts, then what upstream says.
        """
        ours, theirs = {"sha256": "1"}, {"sha256": "2"}
        cases: list[tuple[str | None, Any, Any]] = [
            ("1", theirs, ours),
            ("1", True, ours),
            ("1", False, ours),
            ("1", None, ours),
            (None, theirs, theirs),
            (None, True, True),
            (None, False, False),
            (None, None, None),
        ]
        for known, said, expected in cases:
            here = held(cached=True, metadata_sha256=known)
            upstream = page_of(listed(hashes={"sha256": OURS}, core_metadata=said))
            found = merged(upstream, here)[ONE].core_metadata
            self.assertEqual(expected, found, (known, said))

    def test_removed(self) -> None:
        """
        What upstream no longer lists, though it has the project, stays as yanked.
        """
        for only_held in (False, True):
            found = merged(page_of(listed(TWO)), held(cached=True), only_held=only_held)
            self.assertEqual("removed from the upstream index", found[ONE].yanked)
        self.assertEqual("removed from the upstream index", REMOVED)

    def test_whole_project_removed(self) -> None:
        """
        Once upstream has nothing to say of the project, its files stay as they were.
        """
        found = merged(None, held(cached=True))[ONE]
        self.assertIs(False, found.yanked)
        self.assertIsNone(found.upload_time)

    def test_upload_time(self) -> None:
        """
        What upstream said last of a removed file's upload is still said.
        """
        here = held(cached=True, uploaded_at=SEEN_AT)
        for upstream in (page_of(listed(TWO)), None):
            self.assertEqual(SEEN, merged(upstream, here)[ONE].upload_time)


class WithheldTests(SynchronousTestCase):
    def test_not_listed(self) -> None:
        """
        A withheld file is not listed, nor what upstream has under its name; that they
        differ is an alarm.
        """
        withheld = evolve(held(ONE, cached=True), withheld=True)
        other = held(TWO, cached=True)
        for page, alarms in [(None, 0), (page_of(), 0), (page_of(listed(ONE)), 1)]:
            for only_held in (False, True):
                listing = merge(DEMO, page, [withheld, other], only_held=only_held)
                self.assertEqual([TWO], list(listing.page.by_filename), page)
                self.assertEqual(("2.0",), listing.page.versions)
                self.assertEqual(alarms, len(listing.alarms))
                for alarm in listing.alarms:
                    self.assertIn("neither is served", alarm)


class ListingTests(SynchronousTestCase):
    def test_nothing(self) -> None:
        """
        Nothing upstream and nothing here is a page without files.
        """
        for upstream in (None, page_of()):
            listing = merge(DEMO, upstream, [])
            self.assertEqual(
                Listing(page=ProjectPage(name=DEMO), private=False), listing
            )

    def test_passes_through(self) -> None:
        """
        What upstream says of the project, and of files that are not here, stays.
        """
        upstream = page_of(
            listed(TWO),
            listed(ONE),
            versions=("2.0", "1.0", "0.1"),
            status="archived",
            status_reason="old",
            last_serial=12,
        )
        local = [
            evolve(d, url=f"../../files/demo/{d.filename}")
            for d in (listed(TWO), listed(ONE))
        ]
        expected = evolve(upstream, index="", distributions=tuple(local))
        self.assertEqual(
            Listing(page=expected, private=False), merge(DEMO, upstream, [])
        )

    def test_order(self) -> None:
        """
        Upstream's order stays, whatever is here; what it does not list follows by name.
        """
        upstream = page_of(listed("demo-3.zip"), listed("demo-1.zip"))
        names = ("demo-9.zip", "demo-1.zip", "demo-2.zip")
        found = merged(upstream, *(held(n, cached=True) for n in names))
        expected = ["demo-3.zip", "demo-1.zip", "demo-2.zip", "demo-9.zip"]
        self.assertEqual(expected, list(found))

    def test_quoted(self) -> None:
        """
        Addresses are relative to the page's, and nothing in a name has a meaning there.
        """
        cases = [
            ("demo-1.0+local.zip", "demo-1.0%2Blocal.zip"),
            ("demo 1.zip", "demo%201.zip"),
            ("demo-1%2f.zip", "demo-1%252f.zip"),
            ("demo-1?a#b.zip", "demo-1%3Fa%23b.zip"),
            ("d\u00e9mo-1.zip", "d%C3%A9mo-1.zip"),
            ("demo-1~a_b.zip", "demo-1~a_b.zip"),
        ]
        for filename, quoted in cases:
            url = f"../../files/demo/{quoted}"
            ours = {"sha256": OURS}
            for case, upstream, here in (
                ("upstream's", page_of(listed(filename)), []),
                ("private", None, [held(filename)]),
                ("clash", page_of(listed(filename)), [held(filename)]),
                ("cached", page_of(listed(filename, hashes=ours)), [held(filename)]),
            ):
                found = merged(upstream, *here)[filename].url
                self.assertEqual(url, found, (case, filename))

    def test_other_name(self) -> None:
        """
        The page is that of the project it was asked for.
        """
        name = normalize("demo-extras")
        page = merge(name, None, [held("demo_extras-1.zip")]).page
        self.assertEqual("demo-extras", page.name)
        (found,) = page.distributions
        self.assertEqual("../../files/demo-extras/demo_extras-1.zip", found.url)

    def test_only_held(self) -> None:
        """
        Asked for what is here, that is all it lists, as upstream describes it; but for
        core metadata that we would have to ask upstream for.
        """
        ours = {"sha256": OURS}
        upstream = page_of(listed(ONE, hashes=ours), listed(TWO), status="archived")
        here = [held(ONE, cached=True), held("demo-3.zip")]
        alone = merged(upstream, *here, only_held=True)
        self.assertIsNone(alone[ONE].core_metadata)
        here = [held(ONE, cached=True, metadata_sha256="1"), held("demo-3.zip")]
        alone = merged(upstream, *here, only_held=True)
        self.assertEqual({"sha256": "1"}, alone[ONE].core_metadata)
        listing = merge(DEMO, upstream, here, only_held=True)
        everything = merge(DEMO, upstream, here)
        self.assertEqual([ONE, "demo-3.zip"], list(listing.page.by_filename))
        for filename, found in listing.page.by_filename.items():
            self.assertEqual(everything.page.by_filename[filename], found, filename)
        self.assertEqual("archived", listing.page.status)

    def test_quarantined(self) -> None:
        """
        A project in quarantine lists nothing, whatever is here, but says that it is.
        """
        upstream = page_of(
            listed(ONE), status="quarantined", status_reason="bad", versions=("1.0",)
        )
        for only_held in (False, True):
            listing = merge(
                DEMO,
                upstream,
                [held(ONE), held(TWO, cached=True)],
                only_held=only_held,
            )
            self.assertEqual((), listing.page.distributions, only_held)
            self.assertEqual("quarantined", listing.page.status)
            self.assertEqual("bad", listing.page.status_reason)
            self.assertFalse(listing.private)

    @given(
        st.sets(st.integers(0, 9)),
        st.dictionaries(st.integers(0, 9), st.booleans()),
        st.booleans(),
    )
    def test_every_file_once(
        self, theirs: set[int], here: dict[int, bool], only_held: bool
    ) -> None:
        """
        Whatever is where, each file is listed once, and none that is nowhere.
        """
        upstream = page_of(*(listed(f"demo-{n}.zip") for n in theirs))
        ours = [held(f"demo-{n}.zip", cached=cached) for n, cached in here.items()]
        page = merge(DEMO, upstream, ours, only_held=only_held).page
        expected = set(here) if only_held else theirs | set(here)
        found = [d.filename for d in page.distributions]
        self.assertEqual(sorted(f"demo-{n}.zip" for n in expected), sorted(found))


class VersionsTests(SynchronousTestCase):
    def versions(self, upstream: ProjectPage | None, *names: str, **kw: Any) -> Any:
        here = [held(name) for name in names]
        return merge(DEMO, upstream, here, **kw).page.versions

    def test_as_upstream_wrote_them(self) -> None:
        """
        Upstream's versions stay as they are, those without files included.
        """
        given_ones = ("2.0", "1.0.0", "01.0-beta", "not one")
        upstream = page_of(listed(ONE), listed(TWO), versions=given_ones)
        self.assertEqual(given_ones, self.versions(upstream))

    def test_added(self) -> None:
        """
        Those of files that upstream does not have follow, each once, normalized.
        """
        upstream = page_of(listed(ONE), versions=("1.0", "2.0"))
        cases = [
            (("demo-3.0.zip",), ("3.0",)),
            (("demo-3.0.zip", "demo-3.0-py3-none-any.whl"), ("3.0",)),
            (("demo-3.0.zip", "demo-3.0.0.zip"), ("3.0.0",)),
            (("demo-1.0.zip", "demo-1.0.0.zip", "demo-2.zip"), ()),
            (("demo-3.0-RC1.zip",), ("3.0rc1",)),
            (("demo-4.zip", "demo-3.zip"), ("3", "4")),
            (("demo-nightly.zip",), ("nightly",)),
            (("other-3.0.zip", "demo.zip"), ()),
            ((f"demo-{'9' * 5000}.zip",), ("9" * 5000,)),
        ]
        for names, added in cases:
            found = self.versions(upstream, *names)
            self.assertEqual(("1.0", "2.0", *added), found, names)

    def test_upstream_gives_none(self) -> None:
        """
        An index that gives no versions has them made from its files, and ours.
        """
        upstream = page_of(listed(TWO), listed(ONE))
        self.assertEqual(("2.0", "1.0"), self.versions(upstream))
        self.assertEqual(("2.0", "1.0", "3"), self.versions(upstream, "demo-3.zip"))
        self.assertEqual(("3",), self.versions(None, "demo-3.zip"))

    def test_only_held(self) -> None:
        """
        Asked for what is here, only its versions are given.
        """
        upstream = page_of(listed(ONE), listed(TWO), versions=("1.0", "2.0"))
        found = self.versions(upstream, ONE, "demo-3.zip", only_held=True)
        self.assertEqual(("1.0", "3"), found)


class IsoTests(SynchronousTestCase):
    def test_cases(self) -> None:
        """
        An instant is written in UTC, to the microsecond.
        """
        cases = [
            (0.0, "1970-01-01T00:00:00.000000Z"),
            (SEEN_AT, SEEN),
            (1_709_164_800.000001, "2024-02-29T00:00:00.000001Z"),
        ]
        for seconds, text in cases:
            self.assertEqual(text, iso(seconds), seconds)
