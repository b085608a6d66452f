"""
Tests for :mod:`proxypypi.web.uploads`.
"""

import os
from base64 import urlsafe_b64encode
from hashlib import md5

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs, formatEvent

from proxypypi.errors import NotAllowed, NotAuthenticated
from proxypypi.model import User
from tests.distributions import make_sdist, make_wheel
from tests.passwords import write_users
from tests.proxy_case import INDEX_URL
from tests.upload_case import ANYBODY, UploadTestCase
from tests.uploads import end, form_of, part

GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class PublishingTests(UploadTestCase):
    def test_wheel(self) -> None:
        """
        A wheel that is uploaded lies in the directory, and is listed at once, with all
        that is known of it.
        """
        wheel = make_wheel("Demo.Pkg", requires_python=">=3.8")
        wire = self.upload(form_of(wheel))
        self.assertEqual((200, b""), (wire.code, wire.body), wire.received)
        self.assertEqual([f"demo-pkg/{wheel.filename}"], self.kept())
        self.assertEqual([], self.arriving())
        listed = self.files("demo-pkg")[wheel.filename]
        self.assertEqual(wheel.sha256, listed["hashes"]["sha256"])
        self.assertEqual(">=3.8", listed["requires-python"])
        self.assertEqual(len(wheel.content), listed["size"])
        self.assertTrue(listed["core-metadata"]["sha256"])
        self.assertTrue(listed["upload-time"])
        got = self.get(f"/files/demo-pkg/{wheel.filename}")
        self.assertEqual(wheel.content, got.body)
        metadata = self.get(f"/files/demo-pkg/{wheel.filename}.metadata")
        self.assertEqual(wheel.metadata, metadata.body)

    def test_sdist(self) -> None:
        """
        So is an sdist; both are listed, and whoever asked before sees the second.
        """
        wheel, sdist = make_wheel("demo"), make_sdist("demo")
        self.upload(form_of(wheel))
        self.assertEqual([wheel.filename], [*self.files("demo")])
        self.assertEqual(200, self.upload(form_of(sdist)).code)
        self.assertEqual({wheel.filename, sdist.filename}, {*self.files("demo")})

    def test_every_address(self) -> None:
        """
        With and without slash, in the root, and with a query.
        """
        paths = ("/legacy/", "/legacy", "/", "/?a=b", "/legacy/?:action=file_upload")
        for i, path in enumerate(paths):
            wheel = make_wheel("demo", f"1.{i}")
            wire = self.upload(form_of(wheel), path)
            self.assertEqual(200, wire.code, path)
            self.assertIn(wheel.filename, self.files("demo"), path)

    def test_alone(self) -> None:
        """
        A file by itself, in the field of old scripts.
        """
        for path in ("/uploadpackage/", "/uploadpackage"):
            for built in (make_sdist("demo", f"{len(path)}"), make_wheel("demo")):
                body = part("sdist", built.content, built.filename) + end()
                wire = self.upload(body, path)
                self.assertEqual((200, b'{"uploaded": "ok"}'), (wire.code, wire.body))
                self.assertIn(built.filename, self.files("demo"))

    def test_digests(self) -> None:
        """
        One digest is enough, in capitals or not, of MD5 in base64, too; or none.
        """
        wheel = make_wheel("demo")
        base64 = urlsafe_b64encode(md5(wheel.content).digest()).decode()
        none = dict.fromkeys(("md5_digest", "sha256_digest", "blake2_256_digest"))
        for said in (
            {},
            {"sha256_digest": wheel.sha256.upper()},
            {"md5_digest": base64},
            {"md5_digest": base64.rstrip("=")},
            {"sha256_digest": "", "md5_digest": ""},
        ):
            wire = self.upload(form_of(wheel, {**none, **said}))
            self.assertEqual(200, wire.code, said)

    def test_whatever_else_is_in_the_form(self) -> None:
        """
        Fields that nobody knows, that come repeatedly or after the file, other files,
        and any version of metadata are taken.
        """
        wheel = make_wheel("demo")
        more = [
            part("classifiers", b"Private :: Do Not Upload"),
            part("classifiers", b"Topic :: Other"),
            part("no_such_field", b"\xff" * 100_000),
            part("gpg_signature", b"...", f"{wheel.filename}.asc"),
            part("description", b"x" * 2_000_000),
        ]
        form = form_of(wheel, {"metadata_version": "9.9"}, more=more)
        form = form.removesuffix(end()) + part("comment", b"late") + end()
        self.assertEqual(200, self.upload(b"preamble\r\n" + form + b"epilogue").code)
        self.assertEqual([wheel.filename], [*self.files("demo")])

    def test_fields_after_the_file(self) -> None:
        wheel = make_wheel("demo")
        file = part("content", wheel.content, wheel.filename)
        fields = form_of(wheel, filename="x").partition(
            b'--a9c7e2f0b1d34c58\r\nContent-Disposition: form-data; name="content"'
        )[0]
        self.assertEqual(200, self.upload(file + fields + end()).code)

    def test_in_any_pieces(self) -> None:
        """
        However the bytes come.
        """
        form = form_of(make_sdist("demo", payload=3000))
        for size in (1, 7, 1000):
            wire = self.begin(f"Content-Length: {len(form)}")
            for start in range(0, len(form), size):
                wire.send_bytes(form[start : start + size])
            self.assertEqual(200, wire.code, size)

    def test_chunked(self) -> None:
        """
        Of a length that the client does not say.
        """
        form = form_of(make_wheel("demo", payload=100_000))
        wire = self.begin("Transfer-Encoding: chunked")
        for start in range(0, len(form), 10_000):
            piece = form[start : start + 10_000]
            wire.send_bytes(b"%x\r\n" % len(piece) + piece + b"\r\n")
        self.assertEqual(b"", wire.received)
        wire.send_bytes(b"0\r\n\r\n")
        self.assertEqual(200, wire.code)
        self.assertEqual(1, len(self.kept()))

    def test_connection_ends(self) -> None:
        """
        An upload is the last request on its connection.
        """
        wire = self.upload(form_of(make_wheel("demo")))
        self.assertIn(b"\r\nConnection: close\r\n", wire.received)
        self.assertTrue(wire.transport.disconnecting)

    def test_help(self) -> None:
        """
        Who opens the address in a browser is told what it is for, with the address that
        was asked, and whether anybody may publish.
        """
        command = b"twine upload --repository-url http://proxy.example/legacy/ dist/*"
        for path in ("/legacy/", "/legacy"):
            for accept, kind in (("*/*", "text/plain"), ("text/html", "text/html")):
                answer = self.get(path, Accept=accept)
                self.assertEqual(200, answer.code)
                self.assertIn(kind, answer.header("Content-Type") or "")
                self.assertIn("Accept, Host", answer.header("Vary") or "")
                self.assertIn(command, answer.body)
                self.assertIn(b"Nobody may do so", answer.body)
        users = write_users(self.directory.with_suffix(".up"), bob="one")
        self.start_proxy(upload_auth=users)
        self.assertNotIn(b"Nobody may do so", self.get("/legacy/").body)

    def test_once_more(self) -> None:
        """
        The same bytes again are fine, others are not: the reason begins with the words
        that clients look for.
        """
        wheel = make_wheel("demo")
        other = make_wheel("demo", requires=["attrs"])
        with capturedLogs() as logs:
            self.upload(form_of(wheel))
            self.assertEqual(200, self.upload(form_of(wheel)).code)
        told = [e for e in map(formatEvent, logs) if "ann published" in (e or "")]
        self.assertEqual(
            [False, True], [str(e).endswith(", which was here already") for e in told]
        )
        wire = self.upload(form_of(other))
        self.assertEqual(409, wire.code)
        self.assertRegex(wire.phrase, "^File already exists")
        self.assertIn(b"File already exists", wire.body)
        self.assertEqual([f"demo/{wheel.filename}"], self.kept())
        path = self.directory / "demo" / wheel.filename
        self.assertEqual(wheel.content, path.read_bytes())

    def test_dropped_before(self) -> None:
        """
        Likewise if somebody put the file into the directory's root, or its folder.
        """
        for folder in ("", "Demo", "demo"):
            version = f"1.{len(folder)}.{folder.islower():d}"
            wheel = make_wheel("demo", version)
            other = make_wheel("demo", version, requires=["attrs"])
            self.drop(wheel, folder)
            self.assertEqual(200, self.upload(form_of(wheel)).code, folder)
            self.assertEqual(409, self.upload(form_of(other)).code, folder)

    def test_reason(self) -> None:
        """
        The reason stands in the status line, as old clients print that alone, and in
        the body.
        """
        wheel = make_wheel("demo")
        wire = self.upload(form_of(wheel, {"version": "2.0"}))
        self.assertEqual(400, wire.code)
        self.assertEqual("the form says version 2.0, the metadata 1.0", wire.phrase)
        self.assertIn(b"the form says version 2.0", wire.body)


class RefusalTests(UploadTestCase):
    def test_before_the_body(self) -> None:
        """
        Who may not is told so before a byte of the body is read, and heard out for a
        while, lest the answer be lost.
        """
        for user, code in (
            (NotAuthenticated(reason="who are you?"), 401),
            (NotAllowed(reason="not you"), 403),
            (fail(NotAllowed(reason="not you")), 403),
        ):
            self.user = user
            wire = self.begin("Content-Length: 1000000000")
            self.assertEqual(code, wire.code)
            self.assertIn(b"\r\nConnection: close\r\n", wire.received)
            self.assertEqual([], self.arriving())
            wire.send_bytes(b"x" * 1_000_000)
            self.assertEqual(1, wire.received.count(b"HTTP/1.1 "))
            self.assertFalse(wire.is_cut)
            self.advance(29.0)
            self.assertFalse(wire.is_cut)
            self.advance(2.0)
            self.assertTrue(wire.is_cut)

    def test_before_the_file(self) -> None:
        """
        Who may publish, but not this project, is told so when the form has said its
        name: the file is not taken, nor is any index asked.
        """
        self.start_proxy(INDEX_URL, deny=("evil*",))
        self.user = User(name="ann", may_upload=True, projects=("demo*", "evil"))
        for name, code, words in (
            ("Other", 403, "other is not among the projects that ann may publish"),
            ("evil", 403, "evil"),
            ("../x", 400, "the form has no valid project name"),
        ):
            wire = self.begin("Content-Length: 1000000000")
            wire.send_bytes(part(":action", b"file_upload"))
            wire.send_bytes(part("name", name.encode()))
            self.assertEqual(b"", wire.received)
            wire.send_bytes(part("version", b"1.0"))
            self.assertEqual(code, wire.code, name)
            self.assertIn(words, wire.phrase)
            self.assertIn(b"\r\nConnection: close\r\n", wire.received)
            self.assertEqual([], self.arriving())
            wire.send_bytes(b"x" * 1_000_000)
            self.assertFalse(wire.is_cut)
            self.advance(31.0)
            self.assertTrue(wire.is_cut)
            self.assertEqual(1, wire.received.count(b"HTTP/1.1 "))
        self.assertEqual(200, self.upload(form_of(make_wheel("demo"))).code)
        self.assertEqual(1, len(self.index.requests))

    def test_name_after_the_file(self) -> None:
        """
        Who says the name last is told then.
        """
        self.user = User(name="ann", may_upload=True, projects=("demo*",))
        wheel = make_wheel("other")
        form = form_of(wheel, {"name": None}).removesuffix(end())
        wire = self.upload(form + part("name", b"other") + end())
        self.assertEqual(403, wire.code)
        self.assertEqual(([], []), (self.kept(), self.arriving()))

    def test_not_heard_out_for_ever(self) -> None:
        """
        A client that sends on and on, although it has its answer, is cut off.
        """
        self.user = NotAllowed(reason="not you")
        wire = self.begin("Content-Length: 1000000000")
        for _ in range(32):
            wire.send_bytes(b"x" * 1024 * 1024)
        self.assertFalse(wire.is_cut)
        wire.send_bytes(b"x")
        self.assertTrue(wire.is_cut)

    def test_length(self) -> None:
        """
        What must be too large is refused by its length, for which a form's usual size
        does not count; what may not be, when it is.
        """
        self.start_proxy(max_upload=100_000)
        length = 100_000 + 1024 * 1024
        for wire in (
            self.begin(f"Content-Length: {length + 1}"),
            self.begin(f"Content-Length: {length + 1}", "Expect: 100-continue"),
            self.begin("Content-Length: 9999999999", kind="text/plain"),
        ):
            self.assertEqual(413, wire.code)
            self.assertIn("100,000", wire.phrase)
        wire = self.begin(f"Content-Length: {length}")
        self.assertEqual(b"", wire.received)
        wire.hang_up()
        wire = self.upload(form_of(make_wheel("demo", payload=200_000)))
        self.assertEqual(413, wire.code)
        wire = self.begin("Transfer-Encoding: chunked")
        form = form_of(make_wheel("demo", payload=200_000))
        wire.send_bytes(b"%x\r\n" % len(form) + form + b"\r\n")
        self.assertEqual(413, wire.code)
        self.assertEqual(([], []), (self.kept(), self.arriving()))

    def test_endless_form(self) -> None:
        """
        Nor may what stands beside the file have no end.
        """
        self.start_proxy(max_upload=100_000)
        wire = self.begin("Transfer-Encoding: chunked")
        head = part("junk", b"")[:-2]
        wire.send_bytes(b"%x\r\n" % len(head) + head + b"\r\n")
        for _ in range(100):
            wire.send_bytes(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        self.assertEqual(413, wire.code)

    def test_nothing(self) -> None:
        for header in ("Content-Length: 0", "X-None: 1"):
            wire = self.begin(header)
            self.assertEqual(400, wire.code, header)

    def test_asking_first(self) -> None:
        """
        Who asks whether to send (``Expect: 100-continue``) is told to once it is known
        that he may, and not if he may not.
        """
        form = form_of(make_wheel("demo"))
        headers = (f"Content-Length: {len(form)}", "Expect: 100-continue")
        deciding: Deferred[User] = Deferred()
        self.user = deciding
        wire = self.begin(*headers)
        self.assertEqual(b"", wire.received)
        deciding.callback(ANYBODY)
        self.assertEqual(GO_ON, wire.received)
        wire.send_bytes(form)
        self.assertRegex(wire.received, rb"^HTTP/1.1 100 [^\0]*HTTP/1.1 200 ")
        self.user = NotAllowed(reason="not you")
        wire = self.begin(*headers)
        self.assertEqual(403, wire.code)
        self.assertNotIn(b"100 Continue", wire.received)

    def test_pace(self) -> None:
        """
        While it is not decided, nothing is read.
        """
        form = form_of(make_wheel("demo", payload=100_000))
        deciding: Deferred[User] = Deferred()
        self.user = deciding
        wire = self.begin(f"Content-Length: {len(form)}")
        self.assertEqual("paused", wire.transport.producerState)
        wire.send_bytes(form[:60_000])  # was under way already
        self.advance(100.0)
        self.assertEqual([], self.arriving())
        deciding.callback(ANYBODY)
        self.assertEqual("producing", wire.transport.producerState)
        wire.send_bytes(form[60_000:])
        self.assertEqual(200, wire.code)

    def test_client_goes(self) -> None:
        """
        A client that goes away in the middle leaves nothing, nor does one that stops.
        """
        form = form_of(make_wheel("demo", payload=1_000_000))
        wire = self.begin(f"Content-Length: {len(form)}")
        wire.send_bytes(form[:60_000])
        self.assertEqual(1, len(self.arriving()))
        wire.hang_up()
        self.assertEqual([], self.arriving())
        wire = self.begin(f"Content-Length: {len(form)}")
        for _ in range(5):
            self.advance(50.0)
            wire.send_bytes(b"x" * 65_536)
        self.assertEqual(1, len(self.arriving()))
        self.advance(61.0)
        self.assertEqual(408, wire.code)
        self.assertEqual([], self.arriving())
        self.assertEqual([], self.kept())

    def test_goes_at_the_end(self) -> None:
        """
        All has come, and is being checked when the client goes: it is published.
        """
        form = form_of(make_wheel("demo"))
        self.threads.hold("inspect")
        wire = self.upload(form)
        self.assertEqual(b"", wire.received)
        wire.hang_up()
        self.threads.release()
        self.assertEqual(1, len(self.kept()))
        self.assertEqual([], self.arriving())

    def test_at_once(self) -> None:
        """
        So many at once, and not more.
        """
        wires = [self.begin("Content-Length: 100000") for _ in range(33)]
        self.assertEqual([b""] * 32, [wire.received for wire in wires[:-1]])
        self.assertEqual(503, wires[-1].code)
        self.assertIn(b"\r\nRetry-After: 2\r\n", wires[-1].received)
        for wire in wires:
            wire.hang_up()
        self.assertEqual([], self.arriving())

    def test_no_room(self) -> None:
        """
        Without room on the disk nothing is taken, with its bytes counted that others
        send at the time.
        """
        self.start_proxy(min_free=1 << 60)
        wire = self.begin("Content-Length: 1000")
        self.assertEqual(507, wire.code)
        self.assertIn("bytes are free", wire.phrase)
        self.assertEqual(([], []), (self.kept(), self.arriving()))

    def test_makes_room(self) -> None:
        """
        With --max-size, cached files go for an upload.
        """
        self.start_proxy(min_free=1000, max_size=1_000_000_000)
        cached = make_wheel("cached", payload=10_000)
        self.index.add(cached)
        path = self.directory / "cached" / cached.filename

        def statvfs(_: object) -> os.statvfs_result:
            free = 1000 if path.exists() else 1_000_000
            return os.statvfs_result((1, 1, 10**9, free, free, 9, 9, 9, 0, 255))

        self.get(f"/files/cached/{cached.filename}")
        self.advance(100)
        self.patch(os, "statvfs", statvfs)
        ours = make_wheel("ours")
        self.assertEqual(200, self.upload(form_of(ours)).code)
        self.assertEqual([f"ours/{ours.filename}"], self.kept())

    def test_bad_chunks(self) -> None:
        """
        A body that is not made as it says ends with its answer.
        """
        wire = self.begin("Transfer-Encoding: chunked")
        wire.send_bytes(b"zz\r\n")
        self.assertEqual(400, wire.code)
        self.assertEqual([], self.arriving())

    def test_not_a_form(self) -> None:
        for kind in ("application/json", "multipart/form-data", "", "text/plain"):
            wire = self.begin("Content-Length: 1000000", kind=kind)
            self.assertEqual(400, wire.code, kind)

    def test_no_upload_without_right(self) -> None:
        """
        A user without the right to upload may not publish anything.
        """
        self.user = User(name="bob")
        self.assertEqual(403, self.upload(form_of(make_wheel("demo"))).code)
        self.assertEqual([], self.kept())


class NamesTests(UploadTestCase):
    def test_upstream_has_it(self) -> None:
        """
        A project that an upstream has is for those only whose projects it is among.
        """
        self.index.add(make_wheel("demo", "1.0"))
        form = form_of(make_wheel("demo", "2.0"))
        wire = self.upload(form)
        self.assertEqual(403, wire.code)
        self.assertIn("upstream", wire.phrase)
        self.assertEqual([], self.kept())
        self.user = User(name="ann", may_upload=True, projects=("demo*",))
        self.assertEqual(200, self.upload(form).code)
        self.assertEqual(2, len(self.files("demo")))
        self.assertEqual(403, self.upload(form_of(make_wheel("other"))).code)

    def test_first_upload_claims(self) -> None:
        """
        A project that no upstream has is ours from its first upload on.
        """
        self.upload(form_of(make_wheel("demo", "1.0")))
        asked = len(self.index.requests)
        self.assertEqual(1, asked)
        self.index.add(make_wheel("demo", "3.0"))
        self.assertEqual(200, self.upload(form_of(make_wheel("demo", "2.0"))).code)
        self.assertEqual(2, len(self.files("demo")))
        self.assertEqual(asked, len(self.index.requests))

    def test_private(self) -> None:
        """
        Of what is private no upstream hears.
        """
        self.start_proxy(INDEX_URL, private=("demo",))
        self.index.add(make_wheel("demo", "3.0"))
        self.assertEqual(200, self.upload(form_of(make_wheel("demo"))).code)
        self.assertEqual([], self.index.requests)

    def test_denied(self) -> None:
        self.start_proxy(INDEX_URL, deny=("demo",))
        self.assertEqual(403, self.upload(form_of(make_wheel("demo"))).code)
        self.assertEqual(([], []), (self.kept(), self.arriving()))

    def test_upstream_down(self) -> None:
        """
        While it cannot be known whether an upstream has a project, it is for those
        only whose projects it is among, and not claimed.
        """
        self.index.down = True
        form = form_of(make_wheel("demo"))
        wire = self.upload(form)
        self.advance_slowly(15.0)
        self.assertIn(wire.code, (502, 503))
        self.assertIn(b"\r\nRetry-After: 2\r\n", wire.received)
        self.assertEqual(([], []), (self.kept(), self.arriving()))
        self.user = User(name="ann", may_upload=True, projects=("demo",))
        wire = self.upload(form)
        self.advance_slowly(15.0)
        self.assertEqual(200, wire.code)
        self.assertFalse(self.proxy.core.claims.is_claimed(make_wheel("demo").project))  # type: ignore[arg-type]
