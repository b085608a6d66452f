"""
Tests for :mod:`proxypypi.simple.json`, and of what both forms let through.
"""

import json
from math import inf
from typing import Any

import pypi_simple
from attrs import evolve
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from proxypypi.errors import UnreadablePage
from proxypypi.model import Distribution, HeldBack, ProjectPage
from proxypypi.simple.json import parse_page, render_list, render_page
from tests.simple_pages import BASE, NAME, SHA256, pages

WHEEL = "demo-1.0-py3-none-any.whl"


def page_of(*files: Any, **keys: Any) -> bytes:
    page = {"meta": {"api-version": "1.4"}, "name": "demo", "files": files} | keys
    return json.dumps(page).encode()


def file_of(**keys: Any) -> dict[str, Any]:
    return {"filename": WHEEL, "url": f"https://files.example/{WHEEL}"} | keys


class ParsePageTests(SynchronousTestCase):
    def parse(self, body: bytes) -> ProjectPage:
        return parse_page(body, BASE, NAME)

    def parse_file(self, **keys: Any) -> Distribution:
        (distribution,) = self.parse(page_of(file_of(**keys))).distributions
        return distribution

    def test_whole_page(self) -> None:
        """
        All that the specification knows is read.
        """
        page = self.parse(
            page_of(
                {
                    "filename": WHEEL,
                    "url": f"../../files/{WHEEL}#sha256={SHA256}",
                    "hashes": {"SHA256": SHA256.upper()},
                    "requires-python": ">=3.8",
                    "size": 7,
                    "upload-time": "2026-01-02T03:04:05.678901Z",
                    "yanked": "broken",
                    "core-metadata": {"sha256": "AB"},
                    "provenance": "https://index.example/integrity/demo",
                    "gpg-sig": True,
                },
                meta={"api-version": "1.4", "_last-serial": 12},
                versions=["1.0", "2.0"],
                **{"project-status": {"status": "archived", "reason": "old"}},
            )
        )
        self.assertEqual(
            ProjectPage(
                name=NAME,
                distributions=(
                    Distribution(
                        filename=WHEEL,
                        url=f"https://index.example/files/{WHEEL}",
                        hashes={"sha256": SHA256},
                        requires_python=">=3.8",
                        size=7,
                        upload_time="2026-01-02T03:04:05.678901Z",
                        yanked="broken",
                        core_metadata={"sha256": "ab"},
                        provenance="https://index.example/integrity/demo",
                        gpg_sig=True,
                    ),
                ),
                versions=("1.0", "2.0"),
                status="archived",
                status_reason="old",
                last_serial=12,
            ),
            page,
        )

    def test_null_is_not_given(self) -> None:
        """
        A null, a key left out and a value that makes no sense are the same.
        """
        plain = Distribution(filename=WHEEL, url=f"https://files.example/{WHEEL}")
        keys = ["hashes", "requires-python", "size", "upload-time", "yanked"]
        keys += ["core-metadata", "provenance", "gpg-sig"]
        senseless: list[Any] = [None, 1.5, [], ["x"], -1, 2**70]
        for value in senseless:
            for key in keys:
                self.assertEqual(plain, self.parse_file(**{key: value}), (key, value))
        for key, text in (("size", "7"), ("gpg-sig", "yes"), ("core-metadata", "true")):
            self.assertEqual(plain, self.parse_file(**{key: text}), key)
        self.assertIsNone(self.parse_file(size=True).size)
        for key in ("meta", "versions", "project-status"):
            for value in (None, 7, "x"):
                page = self.parse(page_of(file_of(), **{key: value}))
                bare = ProjectPage(name=NAME, distributions=(plain,))
                self.assertEqual(bare, page, (key, value))

    def test_yanked(self) -> None:
        """
        Yanked without a reason differs from not yanked.
        """
        cases: list[tuple[object, str | bool]] = [
            (True, ""),
            (False, False),
            ("", False),
            ("bad", "bad"),
            (None, False),
            ("\x1b[2Jwiped\nout", "[2Jwiped\nout"),
            ("x" * 5000, "x" * 2000),
        ]
        for said, understood in cases:
            self.assertEqual(understood, self.parse_file(yanked=said).yanked, said)

    def test_core_metadata(self) -> None:
        """
        It has three names. Digests nobody can use still promise that it is there.
        """
        good = {"sha256": "ab"}
        cases: list[tuple[dict[str, object], object]] = [
            ({"core-metadata": good}, good),
            ({"dist-info-metadata": good}, good),
            ({"data-dist-info-metadata": good}, good),
            ({"core-metadata": False, "dist-info-metadata": good}, False),
            ({"core-metadata": None, "dist-info-metadata": good}, good),
            ({"core-metadata": "x", "data-dist-info-metadata": True}, True),
            ({"core-metadata": True}, True),
            ({"core-metadata": {}}, True),
            ({"core-metadata": {"crc32": "ab"}}, True),
            ({}, None),
        ]
        for said, understood in cases:
            self.assertEqual(understood, self.parse_file(**said).core_metadata, said)

    def test_hashes(self) -> None:
        """
        Only hex digests of known algorithms are taken.
        """
        cases: list[tuple[object, dict[str, str]]] = [
            ({"md5": "AB", "blake2b": "cd"}, {"md5": "ab", "blake2b": "cd"}),
            ({"crc32": "ab", "sha256": SHA256}, {"sha256": SHA256}),
            ({"sha256": "xyz"}, {}),
            ({"sha256": ""}, {}),
            ({"sha256": "a" * 1000}, {}),
            ({"sha256": "ab\n"}, {}),
            ({"sha256": "٣٣"}, {}),
            ({"sha256": 12}, {}),
            ("sha256=ab", {}),
        ]
        for said, understood in cases:
            self.assertEqual(understood, self.parse_file(hashes=said).hashes, said)

    def test_addresses(self) -> None:
        """
        Addresses are made absolute and otherwise stay as they are encoded; a file
        that cannot be had over http or https is not listed.
        """
        cases: list[tuple[object, str | None]] = [
            ("a.whl", "https://index.example/simple/demo/a.whl"),
            ("/a.whl", "https://index.example/a.whl"),
            ("../../a%2B1.whl", "https://index.example/a%2B1.whl"),
            ("//files.example/a", "https://files.example/a"),
            ("http://files.example:81/a%2fb?", "http://files.example:81/a%2fb?"),
            ("HTTPS://u:p@[::1]/a?b=c#sha256=ab", "HTTPS://u:p@[::1]/a?b=c"),
            ("https://files.example/a b", "https://files.example/a%20b"),
            ("https://files.example/ä%20", "https://files.example/%C3%A4%20"),
            (" https://files.example/a\n", "https://files.example/a"),
            ("ftp://files.example/a", None),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("data:,x", None),
            ("http:///a", None),
            ("https://files.example:http/a", None),
            ("https://[::1/a", None),
            ("//[/a", None),
            ("https://files.example\\@other.example/a", None),
            ("https://files.example/" + "a" * 9000, None),
            ("", None),
            ("#sha256=ab", None),
            (None, None),
            (7, None),
        ]
        for said, understood in cases:
            page = self.parse(page_of(file_of(url=said)))
            found = [d.url for d in page.distributions]
            self.assertEqual([] if understood is None else [understood], found, said)

    def test_provenance(self) -> None:
        """
        The address of a provenance object is judged like that of a file, but the
        file stays listed.
        """
        cases = [
            ("/integrity/demo", "https://index.example/integrity/demo"),
            ("javascript:alert(1)", None),
        ]
        for said, understood in cases:
            self.assertEqual(understood, self.parse_file(provenance=said).provenance)

    def test_upload_time(self) -> None:
        """
        A time is put as clients can read it; what is none is not passed on.
        """
        for said, understood in (
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            ("2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.1Z"),
            ("2026-01-02t03:04:05.123456789z", "2026-01-02T03:04:05.123456Z"),
            ("2026-01-02T03:04:05.123456+00:00", "2026-01-02T03:04:05.123456Z"),
            ("2026-01-02T03:04:05+0530", "2026-01-01T21:34:05Z"),
            ("2026-01-02T03:04:05.5-01:30", "2026-01-02T04:34:05.5Z"),
            ("2026-01-02 03:04:05", "2026-01-02T03:04:05Z"),
        ):
            found = self.parse_file(**{"upload-time": said}).upload_time
            self.assertEqual(understood, found, said)
        for bad in (
            *("yesterday", "2026-01-02", "", "2026-01-02T03:04:05Z\n", 17),
            *("2026-02-30T03:04:05Z", "2026-01-02T24:04:05Z", "0000-01-02T03:04:05Z"),
            *("0001-01-01T00:00:00+01:00", "Fri, 02 Jan 2026 03:04:05 GMT"),
        ):
            self.assertIsNone(self.parse_file(**{"upload-time": bad}).upload_time, bad)

    def test_requires_python(self) -> None:
        """
        An over-long specifier is left out: cut short it would say something else.
        """
        cases = [(" >=3.8 ", ">=3.8"), ("", None), ("  ", None), ("\x00", None)]
        for said, understood in [*cases, (">=3," * 200, None)]:
            found = self.parse_file(**{"requires-python": said}).requires_python
            self.assertEqual(understood, found, said)

    def test_unsafe_filename(self) -> None:
        """
        A file that could not be kept or linked under its name is not listed.
        """
        for bad in (
            "../x.whl",
            "a/b.whl",
            "a\\b.whl",
            ".x.whl",
            "a\nb.whl",
            "",
            None,
            7,
        ):
            page = self.parse(page_of(file_of(filename=bad), file_of()))
            self.assertEqual([WHEEL], [d.filename for d in page.distributions], bad)

    def test_first_of_duplicates(self) -> None:
        """
        Of two files with one name the first is listed; if their digests tell that they
        are not the same, the name is ambiguous.
        """
        page = self.parse(page_of(file_of(size=1), file_of(size=2)))
        self.assertEqual([1], [d.size for d in page.distributions])
        for hashes, others, ambiguous in (
            ({"sha256": "a"}, {"sha256": "b"}, (WHEEL,)),
            ({"sha256": "a"}, {"sha256": "A", "md5": "b"}, ()),
            ({"sha256": "a"}, {"md5": "b"}, ()),
            ({"sha256": "a", "md5": "c"}, {"sha256": "a", "md5": "b"}, (WHEEL,)),
            ({}, {"md5": "b"}, ()),
        ):
            files = [file_of(hashes=said) for said in (hashes, others, hashes)]
            page = self.parse(page_of(*files))
            self.assertEqual(ambiguous, page.ambiguous, (hashes, others))

    def test_last_serial(self) -> None:
        """
        A serial may come as digits; others than natural numbers are none.
        """
        cases = [(3, 3), ("34", 34), ("x", None), ("-1", None), (-1, None), ("²", None)]
        for said, understood in [*cases, ("9" * 5000, None), (True, None)]:
            page = self.parse(
                page_of(meta={"api-version": "1.0", "_last-serial": said})
            )
            self.assertEqual(understood, page.last_serial, said)

    def test_status(self) -> None:
        """
        Unknown markers are left out, as is the place an example once had for them.
        """
        for status in ("active", "archived", "quarantined", "deprecated"):
            page = self.parse(page_of(**{"project-status": {"status": status}}))
            self.assertEqual((status, None), (page.status, page.status_reason))
        for unknown in ("frozen", "", 7, None, ["active"]):
            page = self.parse(page_of(**{"project-status": {"status": unknown}}))
            self.assertIsNone(page.status, unknown)
        page = self.parse(page_of(meta={"api-version": "1.4", "status": "archived"}))
        self.assertIsNone(page.status)

    def test_versions(self) -> None:
        """
        Versions are taken as they are, without what cannot be one.
        """
        said = ["1.0", 2, None, "", "v2-final", "1" * 300]
        page = self.parse(page_of(versions=said))
        self.assertEqual(("1.0", "v2-final"), page.versions)

    def test_api_version(self) -> None:
        """
        Every minor version is read, as is a page that declares none.
        """
        for good in ("1.0", "1.4", "1.99", "1", 1, 1.1, None):
            page = self.parse(page_of(file_of(), meta={"api-version": good}))
            self.assertEqual(1, len(page.distributions), good)
        others: list[Any] = ["2.0", "0.9", "10.0", "", "x", 2, [], int("9" * 4000)]
        for bad in others:
            with self.assertRaises(UnreadablePage, msg=bad):
                self.parse(page_of(file_of(), meta={"api-version": bad}))

    def test_no_project_page(self) -> None:
        """
        What is no project page is not taken for one without files.
        """
        for bad in (
            b"",
            b"not found",
            b"<html></html>",
            b"{}",
            b"[]",
            b"null",
            b'{"message": "forbidden"}',
            b'{"meta": {"api-version": "1.0"}, "projects": []}',
            b'{"files": null}',
            b'{"files": {"a": 1}}',
            b'{"files": ["a.whl"]}',
            b'{"files": [',
            b'{"files": [{"filename": "\xff"}]}',
            b'{"files": [], "x": ' + b"[" * 100_000,
            page_of(file_of())[:-1],
        ):
            with self.assertRaises(UnreadablePage, msg=bad[:60]):
                self.parse(bad)


class RenderPageTests(SynchronousTestCase):
    DISTRIBUTION = Distribution(
        filename=WHEEL, url="../../files/demo/a%2Bb.whl", size=1
    )

    def render(self, *distributions: Distribution, **keys: Any) -> Any:
        page = ProjectPage(name=NAME, distributions=distributions, **keys)
        return json.loads(render_page(page))

    def test_least(self) -> None:
        """
        What the specification demands is there, and nothing else.
        """
        self.assertEqual(
            {
                "meta": {"api-version": "1.4"},
                "name": "demo",
                "versions": [],
                "files": [
                    {
                        "filename": WHEEL,
                        "url": "../../files/demo/a%2Bb.whl",
                        "hashes": {},
                        "size": 1,
                        "yanked": False,
                    }
                ],
            },
            self.render(self.DISTRIBUTION),
        )

    def test_most(self) -> None:
        """
        All that is known is said, under the names of the specification.
        """
        distribution = evolve(
            self.DISTRIBUTION,
            hashes={"sha256": SHA256},
            requires_python=">=3.8",
            upload_time="2026-01-02T03:04:05Z",
            yanked="bad",
            core_metadata={"sha256": "ab"},
            provenance="https://index.example/p",
            gpg_sig=False,
        )
        page = self.render(
            distribution,
            versions=("1.0",),
            status="deprecated",
            status_reason="use other",
            last_serial=5,
        )
        self.assertEqual(
            {
                "meta": {"api-version": "1.4", "_last-serial": 5},
                "name": "demo",
                "project-status": {"status": "deprecated", "reason": "use other"},
                "versions": ["1.0"],
                "files": [
                    {
                        "filename": WHEEL,
                        "url": "../../files/demo/a%2Bb.whl",
                        "hashes": {"sha256": SHA256},
                        "requires-python": ">=3.8",
                        "size": 1,
                        "upload-time": "2026-01-02T03:04:05Z",
                        "yanked": "bad",
                        "core-metadata": {"sha256": "ab"},
                        "provenance": "https://index.example/p",
                        "gpg-sig": False,
                    }
                ],
            },
            page,
        )

    def test_held_back(self) -> None:
        """
        What is held back has a key of our own, which installers pass over.
        """
        for until, said in [
            (1_700_000_000.5, {"files": 2, "until": "2023-11-14T22:13:21Z"}),
            (inf, {"files": 2}),
        ]:
            page = self.render(held_back=HeldBack(files=2, until=until))
            self.assertEqual(said, page["_held-back"])
        self.assertNotIn("_held-back", self.render())

    def test_version_without_size(self) -> None:
        """
        Versions from 1.1 on promise the size of every file.
        """
        unsized = evolve(self.DISTRIBUTION, size=None)
        page = self.render(self.DISTRIBUTION, unsized)
        self.assertEqual("1.0", page["meta"]["api-version"])
        self.assertNotIn("size", page["files"][1])

    def test_yanked_without_reason(self) -> None:
        """
        An empty string would mean that it is not yanked.
        """
        page = self.render(evolve(self.DISTRIBUTION, yanked=""))
        self.assertIs(True, page["files"][0]["yanked"])

    def test_core_metadata(self) -> None:
        """
        That there is none is said, too; that we do not know is not.
        """
        for known in (True, False, {"sha256": "ab"}):
            file = self.render(evolve(self.DISTRIBUTION, core_metadata=known))["files"][
                0
            ]
            self.assertEqual(known, file["core-metadata"])

    @settings(deadline=None)
    @given(pages())
    def test_round_trip(self, page: ProjectPage) -> None:
        """
        JSON carries all that the model knows, whatever is written in it.
        """
        self.assertEqual(page, parse_page(render_page(page), BASE, NAME))

    @settings(deadline=None)
    @given(pages())
    def test_judge(self, page: ProjectPage) -> None:
        """
        An independent reader understands the same.
        """
        judged = pypi_simple.ProjectPage.from_json_data(json.loads(render_page(page)))
        self.assertEqual(
            [
                (
                    d.filename,
                    d.url,
                    d.hashes,
                    d.requires_python,
                    d.size,
                    d.yanked is not False,
                    d.yanked or None,
                    d.core_metadata not in (None, False),
                    d.provenance,
                    d.gpg_sig,
                )
                for d in page.distributions
            ],
            [
                (
                    p.filename,
                    p.url,
                    p.digests,
                    p.requires_python,
                    p.size,
                    p.is_yanked,
                    p.yanked_reason or None,
                    bool(p.has_metadata),
                    p.provenance_url,
                    p.has_sig,
                )
                for p in judged.packages
            ],
        )
        self.assertEqual(
            (page.status or "active", page.status_reason, list(page.versions)),
            (judged.status or "active", judged.status_reason, judged.versions),
        )


class RenderListTests(SynchronousTestCase):
    def test_judge(self) -> None:
        """
        An independent reader finds the projects, in order.
        """
        body = render_list(iter(["b", "a-1"]))
        judged = pypi_simple.IndexPage.from_json_data(json.loads(body))
        self.assertEqual(["b", "a-1"], judged.projects)
        self.assertEqual("1.4", judged.repository_version)
