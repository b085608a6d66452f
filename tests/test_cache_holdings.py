"""
Tests for :mod:`proxypypi.cache.holdings`, over HTTP: files that lie in the directory.
"""

import os
import shutil
from hashlib import sha256

from proxypypi.rules.merge import iso
from tests.distributions import make_sdist, make_wheel, renamed
from tests.fake_index import JSON
from tests.proxy_case import INDEX_URL, ProxyTestCase


class PrivateFilesTests(ProxyTestCase):
    def test_facts(self) -> None:
        """
        A private file gets digest, size, time, requires-python and core metadata like
        any other, wheel or sdist.
        """
        wheel = make_wheel("ours", "1.0", requires_python=">=3.9")
        sdist = make_sdist("ours", "2.0", requires_python=">=3.10")
        self.drop(wheel)
        self.drop(sdist, "ours")
        files = self.files("ours")
        metadata = {"sha256": sha256(wheel.metadata).hexdigest()}
        for built in (wheel, sdist):
            expected = {
                "filename": built.filename,
                "url": f"../../files/ours/{built.filename}",
                "hashes": {"sha256": built.sha256},
                "requires-python": built.requires_python,
                "size": len(built.content),
                "upload-time": iso(self.clock.seconds()),
                "yanked": False,
            }
            if built is wheel:
                expected["core-metadata"] = metadata
            found = files[built.filename]
            self.assertEqual(
                expected, {k: v for k, v in found.items() if k in expected}
            )
            self.assertEqual(built is wheel, bool(found.get("core-metadata")))
            answer = self.get(f"/files/ours/{built.filename}")
            self.assertEqual((200, built.content), (answer.code, answer.body))
        answer = self.get(f"/files/ours/{wheel.filename}.metadata")
        self.assertEqual(wheel.metadata, answer.body)
        self.assertEqual(404, self.get(f"/files/ours/{sdist.filename}.metadata").code)
        self.assertEqual(["1.0", "2.0"], sorted(self.page("ours")["versions"]))

    def test_where_they_may_lie(self) -> None:
        """
        In the root, matched by name, or in a sub-directory, whose name decides, in any
        spelling.
        """
        for folder, filename, project in [
            ("", "my_package-1.0.tar.gz", "my-package"),
            ("", "My.Package-1.1.zip", "my-package"),
            ("my-package", "my_package-1.2.tar.gz", "my-package"),
            ("My.Package", "my_package-1.3.tar.gz", "my-package"),
            ("MY__package", "my_package-1.4.tar.gz", "my-package"),
            ("other", "my_package-1.5.tar.gz", "other"),
        ]:
            self.drop(renamed(filename, project), folder)
            self.assertIn(filename, self.files(project), folder)
            self.assertEqual(200, self.get(f"/files/{project}/{filename}").code)
        self.assertEqual(5, len(self.files("my-package")))
        self.assertEqual(1, len(self.files("other")))

    def test_what_is_no_distribution(self) -> None:
        """
        All else is neither listed nor served.
        """
        self.drop(make_wheel("ours"), "ours")
        for filename in (
            "readme.txt",
            ".ours-1.0.tar.gz",
            "ours-1.0.tar.gz.part",
            "ours-1.0.tar.gz.tmp",
            "ours-1.0.tar.gz.asc",
            "ours-1.0-py3-none-any.whl.metadata",
            "ours",
        ):
            self.drop(renamed(filename, "ours"), "ours")
            self.assertEqual(
                ["ours-1.0-py3-none-any.whl"], list(self.files("ours")), filename
            )
            answer = self.get(f"/files/ours/{filename}")
            if not filename.endswith(".metadata"):
                self.assertEqual(404, answer.code, filename)
        with self.change():
            (self.directory / "ours" / "ours-3.0.tar.gz").mkdir()
        self.settle()
        self.assertEqual(1, len(self.files("ours")))
        self.assertEqual(404, self.get("/files/ours/ours-3.0.tar.gz").code)

    def test_comes_and_goes(self) -> None:
        """
        Dropped in, replaced or removed: seen within two seconds, without a restart.
        """
        self.assertEqual(404, self.get("/local/ours/").code)
        built = make_sdist("ours")
        path = self.drop(built, "ours", settled=False)
        self.advance(2.0)
        self.assertEqual([built.filename], list(self.files("ours", "local")))
        other = make_sdist("ours", payload=10)
        beside = path.with_name("beside.tmp")
        beside.write_bytes(other.content)
        beside.rename(path)
        self.settle()
        (file,) = self.files("ours", "local").values()
        self.assertEqual({"sha256": other.sha256}, file["hashes"])
        self.assertEqual(other.content, self.get(f"/files/ours/{built.filename}").body)
        path.unlink()
        self.advance(2.0)
        self.assertEqual(404, self.get("/local/ours/").code)
        self.assertEqual(404, self.get(f"/files/ours/{built.filename}").code)

    def test_overwritten_in_place(self) -> None:
        """
        Other bytes of the same length under the same name are other bytes.
        """
        path = self.drop(renamed("ours-1.0.zip", "ours", b"one"))
        self.assertEqual(b"one", self.get("/files/ours/ours-1.0.zip").body)
        before = path.stat().st_mtime_ns
        path.write_bytes(b"two")
        if path.stat().st_mtime_ns == before:
            os.utime(path, ns=(before + 1, before + 1))
        self.settle()
        answer = self.get("/files/ours/ours-1.0.zip")
        digest = sha256(b"two").hexdigest()
        self.assertEqual((b"two", f'"{digest}"'), (answer.body, answer.header("ETag")))

    def test_unsettled(self) -> None:
        """
        A file that was changed in the last second is left out, of pages and as a file.
        """
        self.index.add(make_sdist("ours", "1.0"))
        path = self.drop(renamed("ours-2.0.zip", "ours", b"half"), settled=False)
        self.clock.advance(path.stat().st_ctime + 0.5 - self.clock.seconds())
        self.assertEqual(["ours-1.0.tar.gz"], list(self.files("ours")))
        self.assertEqual(404, self.get("/local/ours/").code)
        self.assertEqual(404, self.get("/files/ours/ours-2.0.zip").code)
        path.write_bytes(b"whole")
        self.clock.advance(path.stat().st_ctime + 1.6 - self.clock.seconds())
        self.assertIn("ours-2.0.zip", self.files("ours"))
        self.assertEqual(b"whole", self.get("/files/ours/ours-2.0.zip").body)

    def test_upstreams_until_settled(self) -> None:
        """
        While a private file is being written, upstream's of that name is served.
        """
        theirs = make_sdist("ours", "1.0")
        self.index.add(theirs)
        path = self.drop(
            renamed(theirs.filename, "ours", b"half"), "Ours", settled=False
        )
        self.clock.advance(path.stat().st_ctime + 0.5 - self.clock.seconds())
        answer = self.get(f"/files/ours/{theirs.filename}")
        self.assertEqual(theirs.content, answer.body)

    def test_changed_while_read(self) -> None:
        """
        A file that changes while it is read for its digest is left out this time.
        """
        path = self.drop(renamed("ours-1.0.zip", "ours", b"half"))
        self.threads.hold("examine")
        answer = self.start("/local/ours/", Accept=JSON)
        path.write_bytes(b"now it is whole")
        self.threads.release()
        self.flush()
        self.assertEqual(404, answer.code)
        self.settle()
        self.assertEqual(["ours-1.0.zip"], list(self.files("ours", "local")))

    def test_gone_before_it_is_opened(self) -> None:
        """
        A file that goes between two looks is 404.
        """
        path = self.drop(renamed("ours-1.0.zip", "ours"))
        self.get("/files/ours/ours-1.0.zip")
        path.unlink()  # and the directory is not looked at for another second
        self.assertEqual(404, self.get("/files/ours/ours-1.0.zip").code)

    def test_damaged_archives(self) -> None:
        """
        What is broken inside is listed all the same, without what cannot be read.
        """
        for filename in ("ours-1.0-py3-none-any.whl", "ours-1.0.tar.gz"):
            self.drop(renamed(filename, "ours", b"nonsense"))
            file = self.files("ours")[filename]
            self.assertEqual(8, file["size"])
            self.assertFalse(file.get("core-metadata"))
            self.assertEqual(404, self.get(f"/files/ours/{filename}.metadata").code)


class MergedTests(ProxyTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.theirs = make_wheel("both", "1.0", requires_python=">=3.8")
        self.index.add(self.theirs)
        self.index.add(make_wheel("both", "2.0"))
        self.url = f"/files/both/{self.theirs.filename}"

    def test_both_are_listed(self) -> None:
        """
        A project that is here and upstream has the files of both.
        """
        self.drop(make_wheel("both", "3.0"))
        self.assertEqual(
            [f"both-{n}.0-py3-none-any.whl" for n in (1, 2, 3)],
            sorted(self.files("both")),
        )
        self.assertEqual(["1.0", "2.0", "3.0"], sorted(self.page("both")["versions"]))

    def test_private_wins(self) -> None:
        """
        Of two files of one name the private one is listed and served; nothing that
        upstream says is said of it.
        """
        self.index.add(self.theirs, yanked="broken", extra={"gpg-sig": True})
        ours = make_wheel("both", "1.0", payload=10)
        self.drop(ours, "both")
        file = self.files("both")[ours.filename]
        self.assertEqual({"sha256": ours.sha256}, file["hashes"])
        self.assertEqual(len(ours.content), file["size"])
        self.assertEqual(False, file["yanked"])
        self.assertNotIn("gpg-sig", file)
        answer = self.get(self.url)
        self.assertEqual(ours.content, answer.body)
        self.assertEqual("no-cache", answer.header("Cache-Control"))
        metadata = self.get(self.url + ".metadata")
        self.assertEqual(ours.metadata, metadata.body)
        self.assertEqual("no-cache", metadata.header("Cache-Control"))

    def test_private_wins_over_cached(self) -> None:
        """
        Also over what was fetched before.
        """
        self.get(self.url)
        path = self.directory / "both" / self.theirs.filename
        path.unlink()
        ours = make_wheel("both", "1.0", payload=10)
        self.drop(ours, "both")
        self.assertEqual(ours.content, self.get(self.url).body)
        file = self.files("both")[ours.filename]
        self.assertEqual({"sha256": ours.sha256}, file["hashes"])

    def test_same_bytes_are_a_cached_file(self) -> None:
        """
        What upstream lists with the same digest is upstream's, whoever put it here, and
        is as yanked as upstream says.
        """
        self.index.add(self.theirs, yanked="broken")
        self.drop(self.theirs)
        answer = self.get("/simple/both/", Accept=JSON)
        (file,) = [
            f for f in answer.json["files"] if f["filename"] == self.theirs.filename
        ]
        self.assertEqual("broken", file["yanked"])
        self.assertEqual("2024-01-02T03:04:05.678901Z", file["upload-time"])
        self.assertEqual("public, max-age=60", answer.header("Cache-Control"))
        file_answer = self.get(self.url)
        self.assertEqual(self.theirs.content, file_answer.body)
        self.assertIn("immutable", str(file_answer.header("Cache-Control")))
        seen = self.directory / ".proxypypi" / "decisions" / "first-seen"
        self.assertFalse(seen.exists(), "that is noted of private files alone")

    def test_other_digests(self) -> None:
        """
        A file here is compared by whatever digest the index knows it by.
        """
        for hashes in (("md5",), ("sha512",), ("blake2b", "sha1")):
            self.index.hashes = hashes
            name = "".join(hashes)
            wheel = make_wheel(name)
            self.index.add(wheel)
            self.drop(wheel)
            answer = self.get(f"/simple/{name}/", Accept=JSON)
            self.assertEqual("public, max-age=60", answer.header("Cache-Control"))
            (file,) = answer.json["files"]
            self.assertEqual({*hashes, "sha256"}, set(file["hashes"]))

    def test_digest_learnt_later(self) -> None:
        """
        A file that was read before upstream had said its digest is read once more.
        """
        self.index.hashes = ("sha512",)
        self.drop(self.theirs)
        answer = self.get("/local/both/", Accept=JSON)
        self.assertEqual(1, len(answer.json["files"]))
        answer = self.get("/simple/both/", Accept=JSON)
        self.assertEqual("public, max-age=60", answer.header("Cache-Control"))

    def test_after_the_cache_was_deleted(self) -> None:
        """
        What was fetched is a cached file again, all else is private.
        """
        self.get(self.url)
        ours = make_wheel("both", "3.0")
        self.drop(ours, "both")
        self.files("both")
        shutil.rmtree(self.directory / ".proxypypi" / "cache")
        self.start_proxy()
        for filename, private in [
            (self.theirs.filename, False),
            (ours.filename, True),
        ]:
            self.files("both")
            answer = self.get(f"/files/both/{filename}")
            self.assertEqual(
                private, answer.header("Cache-Control") == "no-cache", filename
            )
            self.assertEqual("proxypypi; hit", answer.header("Cache-Status"))

    def test_fetched_without_digest(self) -> None:
        """
        A file of an index without digests is a cached file as long as we remember that
        we fetched it.
        """
        self.index.hashes = ()
        self.index.add_project("both")
        self.get(self.url)
        answer = self.get("/simple/both/", Accept=JSON)
        self.assertEqual("public, max-age=60", answer.header("Cache-Control"))
        (file,) = [
            f for f in answer.json["files"] if f["filename"] == self.theirs.filename
        ]
        self.assertEqual({"sha256": self.theirs.sha256}, file["hashes"])

    def test_removed_upstream(self) -> None:
        """
        A cached file that upstream no longer lists stays, listed as yanked.
        """
        self.get(self.url)
        self.index.remove(self.theirs.filename)
        self.advance(901)
        file = self.files("both")[self.theirs.filename]
        self.assertEqual("removed from the upstream index", file["yanked"])
        answer = self.get(self.url)
        self.assertEqual(self.theirs.content, answer.body)
        self.assertNotIn("immutable", str(answer.header("Cache-Control")))

    def test_private_file_is_not_yanked(self) -> None:
        """
        A private one that upstream never listed is not.
        """
        ours = make_wheel("both", "3.0")
        self.drop(ours)
        self.assertEqual(False, self.files("both")[ours.filename]["yanked"])

    def test_private_gone(self) -> None:
        """
        Without the private file, upstream's of that name is back.
        """
        path = self.drop(make_wheel("both", "1.0", payload=10), "both")
        self.files("both")
        self.remove(path)
        self.assertEqual(self.theirs.content, self.get(self.url).body)


class StandAloneTests(ProxyTestCase):
    def test_what_was_fetched_once(self) -> None:
        """
        Started again without upstream on the same directory, all that is here is
        served as before, and nobody is asked.
        """
        wheel, private = make_wheel("demo"), make_sdist("ours")
        self.index.add(wheel, yanked="broken")
        self.index.add(make_wheel("demo", "2.0"))
        self.get(f"/files/demo/{wheel.filename}")
        self.drop(private)
        requests = len(self.index.requests)
        self.start_proxy(None)
        (file,) = self.files("demo").values()
        self.assertEqual("broken", file["yanked"])
        self.assertEqual(wheel.content, self.get(f"/files/demo/{wheel.filename}").body)
        answer = self.get(f"/files/demo/{wheel.filename}.metadata")
        self.assertEqual(wheel.metadata, answer.body)
        self.assertEqual(private.content, self.get("/files/ours/ours-1.0.tar.gz").body)
        for path in (
            "/simple/none/",
            "/files/none/none-1.zip",
            "/files/demo/demo-2.0-py3-none-any.whl",
            "/files/demo/demo-2.0-py3-none-any.whl.metadata",
        ):
            for headers in ({}, {"Range": "bytes=0-5"}):
                self.assertEqual(404, self.get(path, **headers).code, path)
        self.assertEqual(404, self.get("/files/demo/demo-2.0.zip", "HEAD").code)
        self.assertEqual(requests, len(self.index.requests))
        self.start_proxy(INDEX_URL)
        self.assertEqual(2, len(self.files("demo")))
