"""
Tests for :mod:`proxypypi.cache.uploads`.
"""

import errno
import json
import os

from proxypypi.store.generations import Generations
from proxypypi.store.uploads import Upload
from tests.attested import attestation_of
from tests.distributions import make_sdist, make_wheel
from tests.fake_index import JSON
from tests.proxy_case import INDEX_URL, Process
from tests.upload_case import UploadTestCase
from tests.uploads import form_of

WHEEL = make_wheel("demo")
OTHER = make_wheel("demo", requires=["attrs"])


class AtOnceTests(UploadTestCase):
    def setUp(self) -> None:
        super().setUp()
        generations = Generations.alone()
        public = "https://packages.example/"
        self.start_proxy(INDEX_URL, generations=generations, public_url=public)
        self.other = self.start_another(generations=generations, public_url=public)

    def listed(self, process: Process) -> dict[str, object]:
        answer = process.get("/simple/demo/", Accept=JSON)
        return {file["filename"]: file for file in answer.json.get("files", ())}

    def test_counts_everywhere(self) -> None:
        """
        What one process publishes all list, without a second's delay, also if they
        have just said that there is nothing.
        """
        for version in ("1.0", "2.0", "3.0"):
            for process in self.processes:
                process.start("/simple/demo/", Accept=JSON)
            for serving in self.processes:
                self.serving = serving
                built = (make_wheel if serving is self.other else make_sdist)(
                    "demo", version
                )
                self.assertEqual(200, self.upload(form_of(built)).code)
                for process in self.processes:
                    self.assertIn(built.filename, self.listed(process), version)

    def test_same_elsewhere(self) -> None:
        """
        The same, and another, by way of another process.
        """
        self.upload(form_of(WHEEL))
        self.serving = self.other
        self.assertEqual(200, self.upload(form_of(WHEEL)).code)
        self.assertEqual(409, self.upload(form_of(OTHER)).code)

    def test_attested_later(self) -> None:
        """
        Attestations of a file that is here already count in all processes, too.
        """
        self.upload(form_of(WHEEL))
        for process in self.processes:
            self.listed(process)
        field = {"attestations": json.dumps([attestation_of(WHEEL)])}
        self.upload(form_of(WHEEL, field))
        for process in self.processes:
            file = self.listed(process)[WHEEL.filename]
            self.assertIn("provenance", str(file))


class TwoAtOnceTests(UploadTestCase):
    def test_one_wins(self) -> None:
        """
        Of two that come at the same time under one name one is published; the other is
        fine if it is the same.
        """
        for built, code in ((WHEEL, 200), (OTHER, 409)):
            self.threads.hold("_publish")
            first = self.upload(form_of(WHEEL))
            second = self.upload(form_of(built))
            self.assertEqual((b"", b""), (first.received, second.received))
            self.threads.release()
            self.assertEqual((200, code), (first.code, second.code))
            self.assertEqual([f"demo/{WHEEL.filename}"], self.kept())
            self.assertEqual([], self.arriving())
            (self.directory / "demo" / WHEEL.filename).unlink()
            self.settle()

    def test_both_are_listed(self) -> None:
        """
        Two files of one project are both listed at once.
        """
        self.threads.hold("_publish")
        wires = [self.upload(form_of(each)) for each in (WHEEL, make_sdist("demo"))]
        self.threads.release()
        self.assertEqual([200, 200], [wire.code for wire in wires])
        self.assertEqual(2, len(self.files("demo")))

    def test_dropped_meanwhile(self) -> None:
        """
        A file that somebody drops in at the last moment is never replaced.
        """
        for built, code in ((WHEEL, 200), (OTHER, 409)):
            self.threads.hold("_publish")
            wire = self.upload(form_of(WHEEL))
            path = self.drop(built, "demo", settled=False)
            self.threads.release()
            self.assertEqual(code, wire.code)
            self.assertEqual(built.content, path.read_bytes())
            self.assertEqual([], self.arriving())
            self.remove(path)


class DiskTests(UploadTestCase):
    def test_full(self) -> None:
        """
        A disk that fills up in the middle, or takes nothing at the end.
        """
        form = form_of(make_wheel("demo", payload=300_000))

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        for method in ("write", "_publish"):
            patch = self.patch(Upload, method, full)
            wire = self.upload(form)
            self.assertEqual(507, wire.code, method)
            self.assertIn("No space left", wire.phrase)
            self.assertEqual(([], []), (self.kept(), self.arriving()))
            patch.restore()
        self.assertEqual(200, self.upload(form).code)

    def test_read_only(self) -> None:
        """
        A directory that cannot be written to.
        """
        uploads = self.directory / ".proxypypi" / "cache" / "uploads"
        uploads.parent.mkdir(parents=True, exist_ok=True)
        uploads.write_bytes(b"in the way")
        wire = self.begin("Content-Length: 1000")
        self.assertEqual(507, wire.code)

    def test_folder_leads_out(self) -> None:
        """
        Nothing is published through a folder that leads out of the directory.
        """
        (self.directory / "demo").symlink_to("/")
        self.assertEqual(507, self.upload(form_of(WHEEL)).code)

    def test_checked_while_others_come(self) -> None:
        """
        While one is checked in a thread, others go on.
        """
        self.threads.hold("inspect")
        wire = self.upload(form_of(WHEEL))
        self.assertEqual(404, self.get("/simple/demo/").code)
        self.threads.release()
        self.assertEqual(200, wire.code)

    def test_few_examined_at_once(self) -> None:
        """
        Each takes a thread, for minutes if it is large; the other threads are for
        everybody else.
        """
        self.threads.hold("inspect")
        versions = ("1.0", "2.0", "3.0", "4.0")
        wires = [self.upload(form_of(make_wheel("demo", v))) for v in versions]
        self.assertEqual(2, self.threads.calls.count("inspect"))
        self.threads.release()
        self.assertEqual([200] * 4, [wire.code for wire in wires])
